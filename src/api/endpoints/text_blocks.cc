#include "api/endpoints/text_blocks.h"

#include <algorithm>

namespace bantam {

bool BlockWriter::Add(TextPart part) {
  using Kind = TextBlock::Kind;
  num_whole_calls_ = std::max(num_whole_calls_, part.num_whole_calls);
  if (!Append(Kind::kThought, part.thought) || !Append(Kind::kSaid, part.said)) return false;
  for (CallPiece& piece : part.calls) {
    const bool is_new = !piece.name.empty();
    if (is_new && !Open({.kind = Kind::kCall, .id = std::move(piece.id), .name = std::move(piece.name)})) return false;
    if (!Append(Kind::kCall, piece.arguments)) return false;
  }
  return true;
}

bool BlockWriter::Open(TextBlock block) {
  if (!Close()) return false;
  blocks_.push_back(std::move(block));
  open_ = true;
  return !stream_ || BlockBegins(blocks_.back());
}

bool BlockWriter::Append(TextBlock::Kind kind, std::string_view piece) {
  if (piece.empty()) return true;
  if ((!open_ || blocks_.back().kind != kind) && !Open({.kind = kind})) return false;
  blocks_.back().text += piece;
  return !stream_ || BlockGrows(blocks_.back(), piece);
}

bool BlockWriter::Close() {
  if (!std::exchange(open_, false)) return true;
  return !stream_ || BlockEnds(blocks_.back());
}

bool BlockWriter::IsBroken(size_t index) const {
  if (blocks_[index].kind != TextBlock::Kind::kCall) return false;
  const auto end = blocks_.begin() + static_cast<ptrdiff_t>(index);
  const auto calls = std::ranges::count(blocks_.begin(), end, TextBlock::Kind::kCall, &TextBlock::kind);
  return static_cast<size_t>(calls) >= num_whole_calls_;
}

}  // namespace bantam
