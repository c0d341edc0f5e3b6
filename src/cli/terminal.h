// Colour for people at a terminal; plain text for everything else (a pipe, NO_COLOR, TERM=dumb).
#pragma once

#include <string>
#include <string_view>

namespace bantam::cli {

class Colours {
 public:
  // `fd`: where the text will go.
  explicit Colours(int fd);
  std::string Bold(std::string_view text) const { return Wrap("1", text); }
  std::string Dim(std::string_view text) const { return Wrap("2", text); }
  std::string Red(std::string_view text) const { return Wrap("31", text); }
  std::string Green(std::string_view text) const { return Wrap("32", text); }
  std::string Yellow(std::string_view text) const { return Wrap("33", text); }

 private:
  std::string Wrap(std::string_view code, std::string_view text) const;
  bool on_;
};

// "━━━━━━━───" for 0.7: a share of `width` cells.
std::string Bar(double share, int width);

// The text cut or padded with spaces to `width` columns; counts code points.
std::string Column(std::string_view text, size_t width);

}  // namespace bantam::cli
