// ByteLevel: words by GPT-2's pattern, each byte of them written in the alphabet of byte_alphabet.h.
#include "text/byte_alphabet.h"
#include "text/part_makers.h"
#include "text/pieces.h"

namespace bantam::text {
namespace {

class ByteLevel final : public PreTokenizerStep {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space), use_regex_(use_regex) {}

  void Apply(Pieces& pieces) const override {
    if (add_prefix_space_) {
      pieces.RewriteEach([&pieces](const Piece& piece, TextWriter& writer) {
        if (pieces.text.bytes.data()[piece.begin] != ' ') writer.Put(' ', SourceOf(pieces.text, piece.begin));
        writer.Copy(pieces.text, piece.begin, piece.end);
      });
    }
    if (use_regex_) {
      static const Scanner kScanner = Gpt2Scanner();
      pieces.CutEach([&pieces](const Piece& piece, std::vector<Piece>& out) {
        CutAtDelimiters(pieces, piece, DelimiterBehavior::kIsolated, false, kScanner, out);
      });
    }
    pieces.RewriteEach([&pieces](const Piece& piece, TextWriter& writer) {
      for (uint32_t i = piece.begin; i < piece.end; ++i) {
        writer.Put(ByteAlphabet::Of(pieces.text.bytes.data()[i]), SourceOf(pieces.text, i));
      }
    });
  }

 private:
  bool add_prefix_space_, use_regex_;
};

}  // namespace

Result<std::unique_ptr<PreTokenizerStep>> MakeByteLevel(const JsonPart& config) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "add_prefix_space", "trim_offsets", "use_regex"}));
  BANTAM_TRY(const bool add_prefix_space, config.Bool("add_prefix_space"));
  BANTAM_TRY(const std::optional<bool> use_regex, config.BoolOrNull("use_regex"));
  return std::make_unique<ByteLevel>(add_prefix_space, use_regex.value_or(true));
}

}  // namespace bantam::text
