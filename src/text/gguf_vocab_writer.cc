#include "text/gguf_vocab_writer.h"

#include <algorithm>
#include <map>

#include "base/text_util.h"
#include "text/gguf_tokenizer.h"
#include "text/tokenizer.h"
#include "text/tokenizer_file.h"

namespace bantam::text {
namespace {

constexpr uint64_t kMaxConfigBytes = uint64_t{16} << 20, kMaxTokenizerBytes = uint64_t{256} << 20;
enum TokenType : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

class Writer {
 public:
  Writer(const Path& folder, TokenizerFile file, GgufWriter& gguf)
      : folder_(folder), file_(std::move(file)), gguf_(gguf) {}

  Status Put(int64_t vocab_size) {
    const JsonPart model = file_.Part("model");
    BANTAM_TRY(const std::string type, model.String("type"));
    if (type != "BPE") {
      return model.Wrong(ErrorCode::kUnsupported, "/type",
                         fmt::format("is {}: only BPE is written into GGUF files", QuoteForError(type)));
    }
    BANTAM_TRY(const std::optional<bool> byte_fallback, model.BoolOrNull("byte_fallback"));
    BANTAM_RETURN_IF_ERROR(PutTokens(vocab_size, byte_fallback.value_or(false)));
    if (byte_fallback.value_or(false)) {
      BANTAM_RETURN_IF_ERROR(PutScores());
    } else {
      BANTAM_RETURN_IF_ERROR(PutByteLevel(model));
    }
    return PutSpecialTokens();
  }

 private:
  // Tokens by id, and what kind each is.
  Status PutTokens(int64_t vocab_size, bool bytes) {
    const size_t count =
        std::max({static_cast<size_t>(vocab_size), static_cast<size_t>(file_.tables.vocabulary.end_id())});
    tokens_.resize(count);
    types_.assign(count, kNormal);
    for (size_t id = 0; id < count; ++id) {
      tokens_[id] = file_.tables.vocabulary.TextOf(static_cast<int32_t>(id));
      if (bytes && tokens_[id].size() == 6 && tokens_[id].starts_with("<0x") && tokens_[id].back() == '>') {
        types_[id] = kByte;
      }
    }
    for (const AddedToken& added : file_.added_tokens) {
      const auto id = static_cast<size_t>(added.id);
      if (id >= count) {
        return Err(ErrorCode::kCorrupt, "{}: the added token {} has the id {}, but the model has {} words", file_.name,
                   QuoteForError(added.content), added.id, count);
      }
      tokens_[id] = added.content;
      types_[id] = added.special ? kControl : kUserDefined;
    }
    for (size_t id = 0; id < count; ++id) {
      if (!tokens_[id].empty()) {
        ids_.emplace(tokens_[id], static_cast<int32_t>(id));
        continue;
      }
      tokens_[id] = fmt::format("[PAD{}]", id);
      types_[id] = kUnused;
    }
    return Ok();
  }

  // SentencePiece joins the pair that makes the token of the highest score; a merge's rank is that order. A token that
  // several merges make has the first one's.
  Status PutScores() {
    const MergeList& merges = file_.tables.merges;
    std::vector<float> scores(tokens_.size(), -static_cast<float>(merges.size()) - 1);
    std::vector<bool> told(tokens_.size(), false);
    for (size_t rank = 0; rank < merges.size(); ++rank) {
      const auto [left, right] = merges[rank];
      const auto found = ids_.find(std::string(left) + std::string(right));
      if (found == ids_.end() || told[static_cast<size_t>(found->second)]) continue;
      told[static_cast<size_t>(found->second)] = true;
      scores[static_cast<size_t>(found->second)] = -static_cast<float>(rank);
    }
    if (const auto unknown = file_.Part("model").String("unk_token")) {
      if (const auto found = ids_.find(*unknown); found != ids_.end()) {
        types_[static_cast<size_t>(found->second)] = kUnknown;
        scores[static_cast<size_t>(found->second)] = 0;
        gguf_.U32("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(found->second));
      }
    }
    gguf_.String("tokenizer.ggml.model", "llama");
    gguf_.Floats("tokenizer.ggml.scores", scores);
    gguf_.Bool("tokenizer.ggml.add_space_prefix", PrependsSpace());
    return PutTypes();
  }

  // A space is put before the text by the normalizer of older files, or by the pre-tokenizer.
  bool PrependsSpace() const {
    const std::string normalizer = ToJson(PartOrNull("normalizer")), pre = ToJson(PartOrNull("pre_tokenizer"));
    if (normalizer.find(R"("Prepend")") != std::string::npos) return true;
    return pre.find(R"("Metaspace")") != std::string::npos &&
           pre.find(R"("prepend_scheme":"never")") == std::string::npos;
  }
  json::value PartOrNull(std::string_view key) const {
    const json::value* part = file_.document.is_object() ? file_.document.get_object().if_contains(key) : nullptr;
    return part == nullptr ? json::value(nullptr) : *part;
  }

  Status PutByteLevel(const JsonPart& model) {
    std::vector<std::string> patterns;
    BANTAM_RETURN_IF_ERROR(ReadPatterns(file_.Part("pre_tokenizer"), patterns));
    BANTAM_TRY(const std::optional<bool> ignore_merges, model.BoolOrNull("ignore_merges"));
    bool composes = false;
    if (const JsonPart normalizer = file_.Part("normalizer"); !normalizer.IsNull()) {
      BANTAM_TRY(const std::string type, normalizer.String("type"));
      if (type != "NFC") {
        return normalizer.Wrong(ErrorCode::kUnsupported, "/type",
                                fmt::format("is {}: a GGUF file cannot say that", QuoteForError(type)));
      }
      composes = true;
    }
    const std::string_view pre = GgufPreTokenizerName(patterns, ignore_merges.value_or(false), composes);
    if (pre.empty()) {
      return file_.Part("pre_tokenizer")
          .Wrong(ErrorCode::kUnsupported, "", "cuts texts in a way that has no name in GGUF files");
    }
    std::vector<std::string> merges;
    for (size_t rank = 0; rank < file_.tables.merges.size(); ++rank) {
      const auto [left, right] = file_.tables.merges[rank];
      merges.push_back(fmt::format("{} {}", left, right));
    }
    gguf_.String("tokenizer.ggml.model", "gpt2");
    gguf_.String("tokenizer.ggml.pre", pre);
    gguf_.Strings("tokenizer.ggml.merges", merges);
    return PutTypes();
  }

  // The patterns of a pre-tokenizer, in order; any but those that a GGUF name can stand for is refused.
  Status ReadPatterns(const JsonPart& part, std::vector<std::string>& patterns) const {
    if (part.IsNull()) return part.Wrong(ErrorCode::kUnsupported, "", "is missing: a GGUF file cannot say that");
    BANTAM_TRY(const std::string type, part.String("type"));
    if (type == "Sequence") {
      BANTAM_TRY(const std::vector<JsonPart> parts, part.Elements("pretokenizers", 16));
      for (const JsonPart& one : parts) BANTAM_RETURN_IF_ERROR(ReadPatterns(one, patterns));
      return Ok();
    }
    if (type == "ByteLevel") {
      BANTAM_TRY(const std::optional<bool> own_pattern, part.BoolOrNull("use_regex"));
      BANTAM_TRY(const std::optional<bool> space, part.BoolOrNull("add_prefix_space"));
      if (space.value_or(true)) {
        return part.Wrong(ErrorCode::kUnsupported, "/add_prefix_space", "is true: a GGUF file cannot say that");
      }
      if (own_pattern.value_or(true)) {
        BANTAM_TRY(const GgufPreTokenizer gpt2, FindGgufPreTokenizer("gpt-2", file_.name));
        patterns.emplace_back(gpt2.patterns.front());
      }
      return Ok();
    }
    if (type == "Digits") {
      BANTAM_TRY(const std::optional<bool> each, part.BoolOrNull("individual_digits"));
      patterns.emplace_back(each.value_or(false) ? R"(\p{N})" : R"(\p{N}+)");
      return Ok();
    }
    if (type == "Split") {
      BANTAM_TRY(const std::string pattern, part.Member("pattern").String("Regex"));
      patterns.push_back(pattern);
      return Ok();
    }
    return part.Wrong(ErrorCode::kUnsupported, "/type",
                      fmt::format("is {}: a GGUF file cannot say that", QuoteForError(type)));
  }

  Status PutTypes() {
    gguf_.Strings("tokenizer.ggml.tokens", tokens_);
    gguf_.Ints("tokenizer.ggml.token_type", types_);
    return Ok();
  }

  // Beginning, end and the like from tokenizer_config.json; whether they are put around a text from the tokenizer.
  Status PutSpecialTokens() {
    json::value config = json::object();
    const Path path = folder_ / "tokenizer_config.json";
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) {
      BANTAM_TRY(const std::string text, ReadFile(path, kMaxConfigBytes));
      BANTAM_TRY(config, ParseJson(text, EscapeForTerminal(path.string(), 400)));
    }
    const json::object none;
    const json::object& members = config.is_object() ? config.get_object() : none;
    std::map<std::string_view, int32_t> named;
    for (const auto& [key, gguf_key] :
         {std::pair{"bos_token", "bos_token_id"}, std::pair{"eos_token", "eos_token_id"},
          std::pair{"unk_token", "unknown_token_id"}, std::pair{"pad_token", "padding_token_id"}}) {
      const json::value* value = members.if_contains(key);
      if (value != nullptr && value->is_object()) value = value->get_object().if_contains("content");
      if (value == nullptr || !value->is_string()) continue;
      const auto found = ids_.find(std::string_view(value->get_string()));
      if (found == ids_.end()) continue;
      named[key] = found->second;
      gguf_.U32(fmt::format("tokenizer.ggml.{}", gguf_key), static_cast<uint32_t>(found->second));
    }
    BANTAM_TRY(const auto tokenizer, Tokenizer::Load(folder_ / "tokenizer.json"));
    const TokenTemplate& around = tokenizer->single_template();
    bool before = false, after = false, first = true;
    for (const TemplatePiece& piece : around) {
      if (piece.kind != TemplatePiece::Kind::kToken) {
        first = false;
        continue;
      }
      const bool is_bos = named.contains("bos_token") && piece.id == named["bos_token"];
      const bool is_eos = named.contains("eos_token") && piece.id == named["eos_token"];
      if (first ? !is_bos || before : !is_eos || after) {
        return Err(ErrorCode::kUnsupported, "{}: the token {} around every text: a GGUF file cannot say that",
                   file_.name, QuoteForError(tokenizer->TokenText(piece.id)));
      }
      (first ? before : after) = true;
    }
    gguf_.Bool("tokenizer.ggml.add_bos_token", before);
    gguf_.Bool("tokenizer.ggml.add_eos_token", after);
    return PutChatTemplate(members);
  }

  Status PutChatTemplate(const json::object& config) {
    const Path path = folder_ / "chat_template.jinja";
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) {
      BANTAM_TRY(const std::string text, ReadFile(path, kMaxConfigBytes));
      gguf_.String("tokenizer.chat_template", text);
      return Ok();
    }
    const json::value* inside = config.if_contains("chat_template");
    if (inside != nullptr && inside->is_string()) {
      gguf_.String("tokenizer.chat_template", std::string_view(inside->get_string()));
    }
    return Ok();
  }

  const Path& folder_;
  TokenizerFile file_;
  GgufWriter& gguf_;
  std::vector<std::string> tokens_;
  std::vector<int32_t> types_;
  std::map<std::string, int32_t, std::less<>> ids_;
};

}  // namespace

Status PutGgufVocab(const Path& folder, int64_t vocab_size, GgufWriter& gguf) {
  const Path path = folder / "tokenizer.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return Err(ErrorCode::kNotFound, "{}: has no tokenizer.json, from which a GGUF file's tokenizer is made",
               EscapeForTerminal(folder.string(), 400));
  }
  BANTAM_TRY(const std::string text, ReadFile(path, kMaxTokenizerBytes));
  BANTAM_TRY(TokenizerFile file, ReadTokenizerFile(text, EscapeForTerminal(path.string(), 400)));
  return Writer(folder, std::move(file), gguf).Put(vocab_size);
}

}  // namespace bantam::text
