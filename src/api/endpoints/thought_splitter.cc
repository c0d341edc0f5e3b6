#include "api/endpoints/thought_splitter.h"

#include <algorithm>
#include <utility>

namespace bantam {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";

// How many of the last bytes of a text are the beginning of `mark`.
size_t PartialMark(std::string_view text, std::string_view mark) {
  for (size_t size = std::min(text.size(), mark.size() - 1); size > 0; --size) {
    if (text.ends_with(mark.substr(0, size))) return size;
  }
  return 0;
}

}  // namespace

ThoughtSplitter::ThoughtSplitter(std::string_view opening, std::string_view closing, bool begun)
    : opening_(opening),
      closing_(closing),
      state_(opening.empty() || closing.empty() ? State::kSaid
             : begun                            ? State::kThoughtBegins
                                                : State::kBefore) {}

ThoughtSplitter::Parts ThoughtSplitter::Read(std::string_view piece, bool is_last) {
  held_ += piece;
  Parts parts;
  while (Step(parts, is_last)) {
  }
  return parts;
}

bool ThoughtSplitter::Step(Parts& parts, bool is_last) {
  switch (state_) {
    case State::kBefore: {
      const size_t begin = std::min(held_.find_first_not_of(kWhiteSpace), held_.size());
      const std::string_view text = std::string_view(held_).substr(begin);
      if (text.starts_with(opening_)) {
        held_.erase(0, begin + opening_.size());
        state_ = State::kThoughtBegins;
        return true;
      }
      if (!is_last && opening_.starts_with(text)) return false;
      state_ = State::kSaid;
      return true;
    }
    case State::kThoughtBegins:
    case State::kSaidBegins:
      held_.erase(0, std::min(held_.find_first_not_of(kWhiteSpace), held_.size()));
      if (held_.empty()) return false;
      state_ = state_ == State::kSaidBegins ? State::kSaid : State::kThought;
      return true;
    case State::kThought: {
      const size_t end = held_.find(closing_);
      if (end != std::string::npos) {
        parts.thought += held_.substr(0, end);
        held_.erase(0, end + closing_.size());
        state_ = State::kSaidBegins;
        return true;
      }
      const size_t kept = is_last ? 0 : PartialMark(held_, closing_);
      parts.thought += held_.substr(0, held_.size() - kept);
      held_.erase(0, held_.size() - kept);
      return false;
    }
    case State::kSaid:
      parts.said += std::exchange(held_, {});
      return false;
  }
  return false;
}

}  // namespace bantam
