// The WordPiece model: a word becomes the longest token that begins it, then the longest that continues it, and so on;
// a word for which that fails anywhere, or which is too long, becomes the unknown token as a whole.
#include "text/part_makers.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

// The reference sets no limit; real models say 100. This one keeps the work per byte bounded whatever the file says.
constexpr int64_t kMostCharsPerWord = 1'000;
static_assert(kMostCharsPerWord * 4 <= static_cast<int64_t>(Vocabulary::kMaxWordBytes));

class WordPiece final : public Model {
 public:
  WordPiece(Vocabulary vocabulary, int32_t unknown, size_t max_chars_per_word)
      : vocabulary_(std::move(vocabulary)), unknown_(unknown), max_chars_per_word_(max_chars_per_word) {}

  void Tokenize(const NormalizedText& text, std::span<const ByteRange> words, bool find_special, TokenSink& sink,
                uint64_t& steps) const override {
    const char* bytes = text.bytes.data();
    for (const ByteRange word : words) {
      sink.BeginWord();
      const char* p = bytes + word.begin;
      const size_t length = word.end - word.begin;
      if (length > max_chars_per_word_ && CountCodePoints({p, length}) > max_chars_per_word_) {
        steps += length;
        sink.Add(unknown_, text, word.begin, word.end);
        continue;
      }
      ++steps;
      const Vocabulary::Match whole = vocabulary_.FindWord(p, length, find_special);
      if (whole.length != 0) {
        sink.Add(whole.id, text, word.begin, word.end);
      } else {
        AddPieces(text, word, find_special, sink, steps);
      }
    }
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  void MakeSpecial(std::string_view token) override { vocabulary_.MakeSpecial(token); }
  std::string_view kind() const override { return "WordPiece"; }

 private:
  void AddPieces(const NormalizedText& text, ByteRange word, bool find_special, TokenSink& sink,
                 uint64_t& steps) const {
    const size_t before = sink.count();
    for (uint32_t at = word.begin; at < word.end;) {
      const Vocabulary::Match match =
          vocabulary_.LongestPrefix(at > word.begin, text.bytes.data() + at, word.end - at, find_special, steps);
      if (match.length == 0) {
        sink.Rewind(before);
        sink.Add(unknown_, text, word.begin, word.end);
        return;
      }
      const auto end = at + static_cast<uint32_t>(match.length);
      sink.Add(match.id, text, at, end);
      at = end;
    }
  }

  Vocabulary vocabulary_;
  int32_t unknown_;
  size_t max_chars_per_word_;
};

}  // namespace

Result<std::unique_ptr<Model>> MakeWordPiece(const JsonPart& config, Vocabulary vocabulary) {
  BANTAM_RETURN_IF_ERROR(
      config.CheckMembers({"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"}));
  BANTAM_TRY(const std::string unknown, config.String("unk_token"));
  BANTAM_TRY(const std::string prefix, config.String("continuing_subword_prefix"));
  BANTAM_TRY(const int64_t max_chars, config.Int("max_input_chars_per_word", 0, kMostCharsPerWord));
  BANTAM_RETURN_IF_ERROR(config.Member("vocab").CheckObject());
  if (Status finished = vocabulary.Finish(prefix); !finished) {
    return config.Wrong(finished.error().code, "/vocab" + finished.error().message, "");
  }
  const int32_t unknown_id = vocabulary.IdOf(unknown);
  if (unknown_id < 0) {
    return config.Wrong(ErrorCode::kCorrupt, "/unk_token",
                        fmt::format("is {}, which is not in /model/vocab", QuoteForError(unknown)));
  }
  return std::make_unique<WordPiece>(std::move(vocabulary), unknown_id, static_cast<size_t>(max_chars));
}

}  // namespace bantam::text
