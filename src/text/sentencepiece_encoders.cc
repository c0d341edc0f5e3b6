#include "text/sentencepiece_encoders.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <unordered_map>

#include "text/unicode.h"

namespace bantam::text {
namespace {

using Type = SentencePieceModel::Type;

constexpr float kUnknownPenalty = 10.0F;
// Sums begin anew beyond it, or long texts would be told apart by rounding; as the reference has it from 0.2.2 on.
constexpr float kMostScore = 100'000;

}  // namespace

TokenTrie UserDefinedPieces(const SentencePieceModel& model) {
  std::vector<std::pair<std::string_view, int32_t>> pieces;
  for (int32_t id = 0; id < model.vocabulary.end_id(); ++id) {
    if (model.types[static_cast<size_t>(id)] == Type::kUserDefined)
      pieces.emplace_back(model.vocabulary.TextOf(id), id);
  }
  return TokenTrie::Build(std::move(pieces));
}

SentencePieceUnigram::SentencePieceUnigram(const SentencePieceModel& model) {
  std::vector<std::pair<std::string_view, int32_t>> pieces;
  float min_score = FLT_MAX;
  for (int32_t id = 0; id < model.vocabulary.end_id(); ++id) {
    const auto index = static_cast<size_t>(id);
    if (model.types[index] == Type::kNormal) {
      min_score = std::min(min_score, model.scores[index]);
    }
    if (model.IsText(id) && model.types[index] != Type::kUnused) pieces.emplace_back(model.vocabulary.TextOf(id), id);
  }
  unknown_score_ = min_score - kUnknownPenalty;
  trie_ = TokenTrie::Build(std::move(pieces));
}

void SentencePieceUnigram::Cut(const SentencePieceModel& model, std::string_view text, std::vector<CutPiece>& out,
                               uint64_t& steps) const {
  struct Best {
    float score = 0;
    uint32_t begin = UINT32_MAX;  // UINT32_MAX: nothing ends here
    int32_t id = -1;
  };
  std::vector<Best> best(text.size() + 1);
  size_t reached = 0;  // the last byte behind which something ends
  for (size_t at = 0, length; at < text.size(); at += length) {
    length = DecodeUtf8(text.data() + at).length;
    if (const float offset = best[at].score; std::abs(offset) > kMostScore) {
      for (size_t i = at; i <= reached; ++i) {
        if (i == at || best[i].begin != UINT32_MAX) best[i].score -= offset;
      }
    }
    const float before = best[at].score;
    bool has_character = false;
    steps += trie_.EachPrefix(text.substr(at), [&](size_t piece_length, int32_t id) {
      const auto index = static_cast<size_t>(id);
      // User-defined pieces are to be taken wherever they stand, or nearly so: the reference's bonus, from 0.2.2 on.
      const float score = model.types[index] == Type::kUserDefined
                              ? static_cast<float>(0.1 * (static_cast<double>(piece_length) - 1))
                              : model.scores[index];
      const float sum = score + before;
      reached = std::max(reached, at + piece_length);
      Best& target = best[at + piece_length];
      if (target.begin == UINT32_MAX || sum > target.score) target = {sum, static_cast<uint32_t>(at), id};
      has_character |= piece_length == length;
    });
    if (has_character) continue;
    const float sum = unknown_score_ + before;
    reached = std::max(reached, at + length);
    Best& target = best[at + length];
    if (target.begin == UINT32_MAX || sum > target.score) target = {sum, static_cast<uint32_t>(at), model.unknown};
  }
  const size_t first = out.size();
  for (auto at = static_cast<uint32_t>(text.size()); at > 0; at = best[at].begin) {
    out.push_back({best[at].begin, at, best[at].id});
  }
  std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
}

void SentencePieceBpe::Cut(const SentencePieceModel& model, const TokenTrie& user_defined, std::string_view text,
                           std::vector<CutPiece>& out, uint64_t& steps) const {
  struct Symbol {
    uint32_t begin, length;  // length 0: merged into the one before
    int32_t previous, next;
    bool frozen;
  };
  struct Pair {
    float score;
    int32_t left, right;
    uint32_t length;
    bool operator<(const Pair& other) const {  // the best on top of the heap, the leftmost of equals
      return score < other.score || (score == other.score && left > other.left);
    }
  };
  std::vector<Symbol> symbols;
  for (uint32_t at = 0; at < text.size();) {
    size_t length = 0;
    steps += user_defined.EachPrefix(text.substr(at), [&](size_t piece_length, int32_t) { length = piece_length; });
    const bool frozen = length > 0;
    if (!frozen) length = DecodeUtf8(text.data() + at).length;
    const auto index = static_cast<int32_t>(symbols.size());
    symbols.push_back({at, static_cast<uint32_t>(length), index - 1, index + 1, frozen});
    at += static_cast<uint32_t>(length);
  }
  if (symbols.empty()) return;
  symbols.back().next = -1;
  const auto at = [&symbols](int32_t index) -> Symbol& { return symbols[static_cast<size_t>(index)]; };

  std::vector<Pair> heap;
  std::unordered_map<int32_t, uint32_t> left_length;  // of unused pieces: where they are taken apart again
  const auto consider = [&](int32_t left, int32_t right) {
    if (left < 0 || right < 0 || at(left).frozen || at(right).frozen) return;
    const uint32_t length = at(left).length + at(right).length;
    if (length > Vocabulary::kMaxTokenBytes) return;
    const int32_t id = model.vocabulary.IdOf(text.substr(at(left).begin, length));
    ++steps;
    if (id < 0 || !model.IsText(id)) return;
    heap.push_back({model.scores[static_cast<size_t>(id)], left, right, length});
    std::push_heap(heap.begin(), heap.end());
    if (model.types[static_cast<size_t>(id)] == Type::kUnused) left_length[id] = at(left).length;
  };
  for (size_t i = 1; i < symbols.size(); ++i) consider(static_cast<int32_t>(i - 1), static_cast<int32_t>(i));
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Pair top = heap.back();
    heap.pop_back();
    Symbol& left = at(top.left);
    Symbol& right = at(top.right);
    if (left.length == 0 || right.length == 0 || left.length + right.length != top.length) continue;
    left.length = top.length;
    left.next = right.next;
    if (right.next >= 0) at(right.next).previous = top.left;
    right.length = 0;
    consider(left.previous, top.left);
    consider(top.left, left.next);
  }

  std::vector<std::pair<uint32_t, uint32_t>> stack;  // begin and length of what is still to be looked at
  for (int32_t index = 0; index >= 0; index = at(index).next) {
    stack.emplace_back(at(index).begin, at(index).length);
    while (!stack.empty()) {
      const auto [begin, length] = stack.back();
      stack.pop_back();
      const int32_t found =
          length > Vocabulary::kMaxTokenBytes ? -1 : model.vocabulary.IdOf(text.substr(begin, length));
      const int32_t id = found < 0 ? model.unknown : found;
      const auto apart = left_length.find(id);
      const bool unused = model.types[static_cast<size_t>(id)] == Type::kUnused;
      if (!unused || apart == left_length.end() || apart->second >= length) {
        out.push_back({begin, begin + length, id});
        continue;
      }
      stack.emplace_back(begin + apart->second, length - apart->second);
      stack.emplace_back(begin, apart->second);
    }
  }
}

}  // namespace bantam::text
