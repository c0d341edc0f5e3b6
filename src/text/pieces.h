// A text on its way from the normalizer to the model: cut into pieces, each an added token that was found or a stretch
// for the model. Pre-tokenizers cut the stretches further and may rewrite them.
#pragma once

#include <memory>
#include <vector>

#include "text/pattern.h"
#include "text/text_writer.h"

namespace bantam::text {

struct Piece {
  uint32_t begin = 0;  // in bytes of the text; begin < end for stretches
  uint32_t end = 0;
  int32_t id = -1;  // of an added token
};

struct Pieces {
  NormalizedText text;
  std::vector<Piece> pieces;
  bool with_source = false;
  // Where the other half of a rewriting goes; kept for its memory.
  NormalizedText spare_text;
  std::vector<Piece> spare_pieces;

  std::string_view BytesOf(const Piece& piece) const {
    return text.view().substr(piece.begin, piece.end - piece.begin);
  }
  // The code point of the input where the piece begins; needs with_source.
  uint32_t SourceBegin(const Piece& piece) const { return SourceOf(text, piece.begin); }

  // Cuts every stretch: cut(piece, out) appends its parts to `out`. Empty ones are dropped.
  template <typename Cut>
  void CutEach(const Cut& cut) {
    spare_pieces.clear();
    for (const Piece& piece : pieces) {
      if (piece.id >= 0) {
        spare_pieces.push_back(piece);
      } else {
        cut(piece, spare_pieces);
      }
    }
    std::erase_if(spare_pieces, [](const Piece& piece) { return piece.id < 0 && piece.begin == piece.end; });
    pieces.swap(spare_pieces);
  }

  // Rewrites every stretch: write(piece, writer) writes what takes its place. Added tokens are copied.
  template <typename Write>
  void RewriteEach(const Write& write) {
    TextWriter writer(spare_text, with_source, text.size + text.size / 2);
    for (Piece& piece : pieces) {
      const auto begin = static_cast<uint32_t>(writer.size());
      if (piece.id >= 0) {
        writer.Copy(text, piece.begin, piece.end);
      } else {
        write(piece, writer);
      }
      piece.begin = begin;
      piece.end = static_cast<uint32_t>(writer.size());
    }
    writer.Finish();
    std::swap(text, spare_text);
    std::erase_if(pieces, [](const Piece& piece) { return piece.id < 0 && piece.begin == piece.end; });
  }
};

// What becomes of the delimiters that a pre-tokenizer finds.
enum class DelimiterBehavior { kDropped, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
// "Removed" and so on, as tokenizer.json has them.
Result<DelimiterBehavior> ReadBehavior(const JsonPart& config, std::string_view key);

// Appends the parts of `piece`, where `next(text, from)` finds the delimiters (Found, relative to the piece's bytes);
// `inverted`: where it finds what lies between them.
template <typename Next>
void CutAtDelimiters(const Pieces& pieces, const Piece& piece, DelimiterBehavior behavior, bool inverted,
                     const Next& next, std::vector<Piece>& out) {
  const std::string_view bytes = pieces.BytesOf(piece);
  const size_t first = out.size();
  bool previous = false;  // whether the part before was a delimiter
  const auto put = [&](size_t begin, size_t end, bool delimiter) {
    if (begin == end) return;
    const Piece part{piece.begin + static_cast<uint32_t>(begin), piece.begin + static_cast<uint32_t>(end), -1};
    const bool merge =
        out.size() > first && ((behavior == DelimiterBehavior::kContiguous && delimiter == previous) ||
                               (behavior == DelimiterBehavior::kMergedWithPrevious && delimiter && !previous));
    if (merge) {
      out.back().end = part.end;
    } else if (!(delimiter && behavior == DelimiterBehavior::kDropped)) {
      // A delimiter goes with what follows it, but not with another one.
      const bool after_delimiter = behavior == DelimiterBehavior::kMergedWithNext && previous && !delimiter;
      if (after_delimiter && out.size() > first) {
        out.back().end = part.end;
      } else {
        out.push_back(part);
      }
    }
    previous = delimiter;
  };
  for (size_t done = 0; done < bytes.size();) {
    const Found match = next(bytes, done);
    put(done, match.begin, inverted);
    put(match.begin, match.end, !inverted);
    done = match.end;
  }
}

class PreTokenizerStep {
 public:
  virtual ~PreTokenizerStep() = default;
  virtual void Apply(Pieces& pieces) const = 0;
  // Whether Apply looks at where in the input a piece lies, for which offsets must be followed even if nobody asked.
  virtual bool needs_source() const { return false; }
};

// As MakePreTokenizer in parts.h, for all types there are.
Result<std::unique_ptr<PreTokenizerStep>> MakePreTokenizerStep(const JsonPart& config);

}  // namespace bantam::text
