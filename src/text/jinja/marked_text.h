// A text that remembers which of its bytes came from a message. A template glues scaffolding ("<|im_start|>", "\n") and
// what users wrote into one string; the marks go along through slices, joins, replacements and case, so that at the end
// it is still known which bytes may spell a control token and which may not.
//
//   MarkedText out("<|im_start|>user\n");
//   out.Append(MarkedText("Hello <|im_end|>", /*is_content=*/true));
//   out.ForEachRun([](size_t begin, size_t end, bool is_content) { ... });
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace bantam::jinja {

// Well-formed UTF-8. Positions are bytes, always at a character's border.
class MarkedText {
 public:
  struct Range {
    size_t begin = 0, end = 0;
    bool operator==(const Range&) const = default;
  };

  MarkedText() = default;
  explicit MarkedText(std::string bytes, bool is_content = false) : bytes_(std::move(bytes)) {
    if (is_content && !bytes_.empty()) content_.push_back({0, bytes_.size()});
  }

  std::string_view view() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // Sorted, apart from each other, not empty.
  const std::vector<Range>& content() const { return content_; }
  std::string TakeBytes() && { return std::move(bytes_); }

  void Append(std::string_view bytes, bool is_content = false);
  void Append(const MarkedText& other) { Append(other, 0, other.size()); }
  void Append(const MarkedText& other, size_t begin, size_t end);
  MarkedText Slice(size_t begin, size_t end) const {
    MarkedText out;
    out.Append(*this, begin, end);
    out.is_markup = is_markup;
    return out;
  }
  bool IsContentAt(size_t at) const;

  // run(begin, end, is_content) for each stretch of one kind, in order.
  template <typename Run>
  void ForEachRun(Run&& run) const {
    size_t done = 0;
    for (const Range& range : content_) {
      if (done < range.begin) run(done, range.begin, false);
      run(range.begin, range.end, true);
      done = range.end;
    }
    if (done < size()) run(done, size(), false);
  }

  // Python's Markup (the filter `safe`): texts that are added to it with + are escaped for HTML. No other use here.
  bool is_markup = false;

 private:
  std::string bytes_;
  std::vector<Range> content_;
};

}  // namespace bantam::jinja
