#include "text/jinja/marked_text.h"

namespace bantam::jinja {

void MarkedText::Append(std::string_view bytes, bool is_content) {
  if (is_content && !bytes.empty()) {
    if (!content_.empty() && content_.back().end == bytes_.size()) {
      content_.back().end += bytes.size();
    } else {
      content_.push_back({bytes_.size(), bytes_.size() + bytes.size()});
    }
  }
  bytes_.append(bytes);
}

void MarkedText::Append(const MarkedText& other, size_t begin, size_t end) {
  if (other.content_.empty()) return Append(std::string_view(other.bytes_).substr(begin, end - begin));
  const std::string_view bytes = other.bytes_;
  size_t done = begin;
  auto range = std::upper_bound(other.content_.begin(), other.content_.end(), begin,
                                [](size_t at, const Range& r) { return at < r.end; });
  for (; range != other.content_.end() && range->begin < end; ++range) {
    const size_t from = std::max(range->begin, begin), to = std::min(range->end, end);
    if (done < from) Append(bytes.substr(done, from - done));
    Append(bytes.substr(from, to - from), true);
    done = to;
  }
  if (done < end) Append(bytes.substr(done, end - done));
}

bool MarkedText::IsContentAt(size_t at) const {
  const auto range =
      std::upper_bound(content_.begin(), content_.end(), at, [](size_t a, const Range& r) { return a < r.end; });
  return range != content_.end() && range->begin <= at;
}

}  // namespace bantam::jinja
