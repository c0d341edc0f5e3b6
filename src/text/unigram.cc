// The Unigram model: of all ways to cut a word into tokens the one with the highest sum of scores, found by Viterbi
// from left to right. Unknown characters that follow each other are one token.
#include <algorithm>
#include <cmath>

#include "text/part_makers.h"
#include "text/token_trie.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

// How much worse than the worst token an unknown character is.
constexpr double kUnknownPenalty = 10.0;
// The work for each byte of a text is at most this; real tokens have tens of bytes.
constexpr size_t kMostTokenBytes = 4'096;

struct Best {
  double score = 0;
  uint32_t begin = 0;
  int32_t id = -1;  // -1: nothing ends here
};

std::vector<Best>& ThisThread() {
  static thread_local std::vector<Best> best;
  return best;
}

class Unigram final : public Model {
 public:
  Unigram(Vocabulary vocabulary, std::vector<double> scores, int32_t unknown, bool byte_fallback)
      : vocabulary_(std::move(vocabulary)), scores_(std::move(scores)), unknown_(unknown) {
    std::vector<std::pair<std::string_view, int32_t>> tokens;
    for (int32_t id = 0; id < vocabulary_.end_id(); ++id) {
      if (!vocabulary_.TextOf(id).empty()) tokens.emplace_back(vocabulary_.TextOf(id), id);
    }
    trie_ = TokenTrie::Build(std::move(tokens));
    special_.resize(scores_.size(), false);
    unknown_score_ = *std::min_element(scores_.begin(), scores_.end()) - kUnknownPenalty;
    for (size_t byte = 0; byte_fallback && byte < 256; ++byte) {
      byte_ids_.push_back(vocabulary_.IdOf(fmt::format("<0x{:02X}>", byte)));
    }
  }

  void Tokenize(const NormalizedText& text, std::span<const ByteRange> words, bool find_special, TokenSink& sink,
                uint64_t& steps) const override {
    for (const ByteRange word : words) {
      sink.BeginWord();
      TokenizeWord(text, word, find_special, sink, steps);
    }
    constexpr size_t kKeep = size_t{64} << 10;
    if (ThisThread().capacity() > kKeep) std::vector<Best>().swap(ThisThread());
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }
  void MakeSpecial(std::string_view token) override {
    const int32_t id = vocabulary_.IdOf(token);
    if (id >= 0) special_[static_cast<size_t>(id)] = true;
  }
  std::string_view kind() const override { return "Unigram"; }

 private:
  void TokenizeWord(const NormalizedText& text, ByteRange word, bool find_special, TokenSink& sink,
                    uint64_t& steps) const {
    const std::string_view bytes = text.view().substr(word.begin, word.end - word.begin);
    if (bytes.empty()) return;
    std::vector<Best>& best = ThisThread();
    best.assign(bytes.size() + 1, Best());
    for (size_t at = 0, length; at < bytes.size(); at += length) {
      length = DecodeUtf8(bytes.data() + at).length;
      const double before = best[at].score;
      bool has_character = false;
      const auto consider = [&](size_t token_length, int32_t id, double score) {
        Best& target = best[at + token_length];
        if (target.id >= 0 && before + score <= target.score) return;
        target = {before + score, static_cast<uint32_t>(at), id};
      };
      steps += trie_.EachPrefix(bytes.substr(at), [&](size_t token_length, int32_t id) {
        if (!find_special && special_[static_cast<size_t>(id)]) return;
        consider(token_length, id, scores_[static_cast<size_t>(id)]);
        has_character |= token_length == length;
      });
      if (!has_character) consider(length, unknown_, unknown_score_);
    }
    // The path is known from its end; turned round in place, it is read from its beginning.
    size_t at = bytes.size();
    uint32_t next = static_cast<uint32_t>(at);
    while (at > 0) {
      const uint32_t begin = best[at].begin;
      best[at].begin = next;  // the token that ends at `at` is followed by the one that ends at `next`
      next = static_cast<uint32_t>(at);
      at = begin;
    }
    uint32_t begin = 0, end = next;
    while (begin < bytes.size()) {
      const int32_t id = best[end].id;
      uint32_t after = best[end].begin;
      if (id == unknown_) {
        while (end < bytes.size() && best[after].id == unknown_) {
          end = after;
          after = best[end].begin;
        }
        AddUnknown(text, word, begin, end, find_special, sink);
      } else {
        sink.Add(id, text, word.begin + begin, word.begin + end);
      }
      begin = end;
      end = after;
    }
  }

  // Characters that are no tokens may be one together, as the reference finds; else they are bytes, else unknown.
  void AddUnknown(const NormalizedText& text, ByteRange word, uint32_t begin, uint32_t end, bool find_special,
                  TokenSink& sink) const {
    const std::string_view bytes = text.view().substr(word.begin + begin, end - begin);
    const int32_t whole = bytes.size() <= Vocabulary::kMaxTokenBytes ? vocabulary_.IdOf(bytes) : -1;
    if (whole >= 0 && (find_special || !special_[static_cast<size_t>(whole)])) {
      return sink.Add(whole, text, word.begin + begin, word.begin + end);
    }
    const auto has_byte = [this](char byte) { return byte_ids_[static_cast<unsigned char>(byte)] >= 0; };
    if (!byte_ids_.empty() && std::all_of(bytes.begin(), bytes.end(), has_byte)) {
      for (const char byte : bytes) {
        sink.Add(byte_ids_[static_cast<unsigned char>(byte)], text, word.begin + begin, word.begin + end);
      }
      return;
    }
    sink.Add(unknown_, text, word.begin + begin, word.begin + end);
  }

  Vocabulary vocabulary_;
  std::vector<double> scores_;  // by id
  int32_t unknown_;
  double unknown_score_ = 0;
  std::vector<bool> special_;
  std::vector<int32_t> byte_ids_;  // empty without byte_fallback
  TokenTrie trie_;
};

}  // namespace

Result<std::unique_ptr<Model>> MakeUnigram(const JsonPart& config, ModelTables tables) {
  BANTAM_RETURN_IF_ERROR(config.CheckMembers({"type", "unk_id", "vocab", "byte_fallback"}));
  BANTAM_RETURN_IF_ERROR(config.Member("vocab").CheckArray());
  if (tables.scores.empty()) return config.Wrong(ErrorCode::kCorrupt, "/vocab", "is empty");
  if (config.Member("unk_id").IsNull()) {
    return config.Wrong(ErrorCode::kUnsupported, "/unk_id",
                        "is null: a character that is not in the vocabulary would have no token");
  }
  BANTAM_TRY(const int64_t unknown, config.Int("unk_id", 0, static_cast<int64_t>(tables.scores.size()) - 1));
  BANTAM_TRY(const std::optional<bool> byte_fallback, config.BoolOrNull("byte_fallback"));
  for (size_t id = 0; id < tables.scores.size(); ++id) {
    if (tables.vocabulary.TextOf(static_cast<int32_t>(id)).size() > kMostTokenBytes) {
      return config.Wrong(ErrorCode::kTooLarge, fmt::format("/vocab/{}/0", id),
                          fmt::format("has more than {} bytes", kMostTokenBytes));
    }
  }
  if (Status finished = tables.vocabulary.Finish(""); !finished) {
    return config.Wrong(finished.error().code, "/vocab" + finished.error().message, "");
  }
  return std::make_unique<Unigram>(std::move(tables.vocabulary), std::move(tables.scores),
                                   static_cast<int32_t>(unknown), byte_fallback.value_or(false));
}

}  // namespace bantam::text
