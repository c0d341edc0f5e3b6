#include "text/model_tables.h"

#include "text/json_part.h"

namespace bantam::text {

Status MergeList::Add(std::string_view left, std::string_view right) {
  if (spans_.size() == kMost) return Err(ErrorCode::kTooLarge, "is one too many: the limit is {} merges", kMost);
  if (left.size() + right.size() > Vocabulary::kMaxTokenBytes) {
    return Err(ErrorCode::kTooLarge, "has {} bytes, the limit for a token is {}", left.size() + right.size(),
               Vocabulary::kMaxTokenBytes);
  }
  if (text_.size() + left.size() + right.size() > UINT32_MAX) return Err(ErrorCode::kTooLarge, "is beyond 4 GiB");
  spans_.push_back(
      {static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(left.size()), static_cast<uint32_t>(right.size())});
  text_ += left;
  text_ += right;
  return Ok();
}

Status MergeList::AddLine(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
    return Err(ErrorCode::kCorrupt, "is {}, expected two tokens with a space between", QuoteForError(line));
  }
  return Add(line.substr(0, space), line.substr(space + 1));
}

}  // namespace bantam::text
