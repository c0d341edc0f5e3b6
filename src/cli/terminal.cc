#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace bantam::cli {

Colours::Colours(int fd) {
  const char* none = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  on_ =
      ::isatty(fd) == 1 && (none == nullptr || *none == '\0') && (term == nullptr || std::string_view(term) != "dumb");
}

std::string Colours::Wrap(std::string_view code, std::string_view text) const {
  return on_ ? fmt::format("\x1B[{}m{}\x1B[0m", code, text) : std::string(text);
}

std::string Bar(double share, int width) {
  const int filled = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * width));
  std::string bar;
  for (int i = 0; i < width; ++i) bar += i < filled ? "━" : "─";
  return bar;
}

std::string Column(std::string_view text, size_t width) {
  std::string out;
  size_t columns = 0;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    if (columns + 1 == width && end < text.size()) {
      out += "…";
      ++columns;
      break;
    }
    if (columns == width) break;
    out += text.substr(i, end - i);
    ++columns;
    i = end;
  }
  return out + std::string(width - std::min(width, columns), ' ');
}

}  // namespace bantam::cli
