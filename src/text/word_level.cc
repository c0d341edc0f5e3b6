// The WordLevel model: a word is a token or unknown.
#include "text/part_makers.h"

namespace bantam::text {
namespace {

class WordLevel final : public Model {
 public:
  WordLevel(Vocabulary vocabulary, int32_t unknown) : vocabulary_(std::move(vocabulary)), unknown_(unknown) {
    special_.resize(static_cast<size_t>(vocabulary_.end_id()), false);
  }
  void Tokenize(const NormalizedText& text, std::span<const ByteRange> words, bool find_special, TokenSink& sink,
                uint64_t& steps) const override {
    for (const ByteRange word : words) {
      sink.BeginWord();
      if (word.begin == word.end) continue;
      const std::string_view bytes = text.view().substr(word.begin, word.end - word.begin);
      steps += bytes.size();
      int32_t id = bytes.size() <= Vocabulary::kMaxTokenBytes ? vocabulary_.IdOf(bytes) : -1;
      if (id < 0 || (!find_special && special_[static_cast<size_t>(id)])) id = unknown_;
      sink.Add(id, text, word.begin, word.end);
    }
  }
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  void MakeSpecial(std::string_view token) override {
    const int32_t id = vocabulary_.IdOf(token);
    if (id >= 0) special_[static_cast<size_t>(id)] = true;
  }
  std::string_view kind() const override { return "WordLevel"; }

 private:
  Vocabulary vocabulary_;
  int32_t unknown_;
  std::vector<bool> special_;
};

}  // namespace

Result<std::unique_ptr<Model>> MakeWordLevel(const JsonPart& config, ModelTables tables) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "unk_token", "vocab"}));
  BANTAM_RETURN_IF_ERROR(config.Member("vocab").CheckObject());
  BANTAM_TRY(const std::string unknown, config.String("unk_token"));
  if (Status finished = tables.vocabulary.Finish(""); !finished) {
    return config.Wrong(finished.error().code, "/vocab" + finished.error().message, "");
  }
  const int32_t unknown_id = tables.vocabulary.IdOf(unknown);
  if (unknown_id < 0) {
    return config.Wrong(ErrorCode::kCorrupt, "/unk_token",
                        fmt::format("is {}, which is not in /model/vocab", QuoteForError(unknown)));
  }
  return std::make_unique<WordLevel>(std::move(tables.vocabulary), unknown_id);
}

}  // namespace bantam::text
