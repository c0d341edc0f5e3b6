#include "files/sentence_config.h"

#include <fmt/format.h>

#include <array>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr uint64_t kMaxJsonBytes = 16 << 20;
constexpr int64_t kMaxTokens = 16 << 20;
constexpr size_t kMaxPrompts = 1024, kMaxPromptBytes = 64 << 10;

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

bool Exists(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// The prompts, in the file's order. null is how the reference writes one that was never set.
Status ReadPrompts(const JsonObject& config, SentencePrompts& prompts) {
  if (const json::value* all = config.Find("prompts"); all != nullptr && !all->is_null()) {
    BANTAM_TRY(const JsonObject texts, config.Object("prompts"));
    if (texts.raw().size() > kMaxPrompts) {
      return Err(ErrorCode::kCorrupt, "{} has {} entries, the limit is {}", config.Where("prompts"), texts.raw().size(),
                 kMaxPrompts);
    }
    for (const auto& entry : texts.raw()) {
      const std::string name(entry.key());
      BANTAM_TRY(std::string text, texts.StringOr(name, ""));
      if (text.size() > kMaxPromptBytes) {
        return Err(ErrorCode::kCorrupt, "{} has {} bytes, the limit is {}", texts.Where(EscapeForTerminal(name, 80)),
                   text.size(), kMaxPromptBytes);
      }
      prompts.texts.emplace_back(name, std::move(text));
    }
  }
  BANTAM_TRY(prompts.default_name, config.StringOr("default_prompt_name", ""));
  if (prompts.default_name.empty() || prompts.Find(prompts.default_name) != nullptr) return Ok();
  if (prompts.default_name == "query" || prompts.default_name == "document") {  // empty in every model that lacks them
    prompts.default_name.clear();
    return Ok();
  }
  std::string names;
  for (const auto& [name, text] : prompts.texts) names += (names.empty() ? "" : ", ") + EscapeForTerminal(name, 80);
  return Err(ErrorCode::kCorrupt, "{} is \"{}\", which \"prompts\" does not have; it has: {}",
             config.Where("default_prompt_name"), EscapeForTerminal(prompts.default_name, 80),
             names.empty() ? "none" : EscapeForTerminal(names, 400));
}

Result<SentenceExtras> ReadExtras(const json::value& document, const std::string& name) {
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, name));
  SentenceExtras extras;
  BANTAM_RETURN_IF_ERROR(ReadPrompts(config, extras.prompts));
  BANTAM_TRY(const int64_t dimensions, config.IntOr("truncate_dim", 0, 1, kMaxTokens));
  extras.truncate_dim = static_cast<int>(dimensions);
  BANTAM_TRY(extras.model_type, config.StringOr("model_type", ""));
  extras.document = document;
  return extras;
}

Result<int> ReadMaxSeqLengthOf(const Path& folder, const JsonObject& config) {
  // One name per architecture that sentence-transformers once knew; it takes the first that is there.
  for (const char* file :
       {"sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json",
        "sentence_camembert_config.json", "sentence_albert_config.json", "sentence_xlm-roberta_config.json",
        "sentence_xlnet_config.json"}) {
    if (!Exists(folder / file)) continue;
    const std::string name = Printable(folder / file);
    BANTAM_TRY(const json::value document, ReadJsonFile(folder / file));
    BANTAM_TRY(const JsonObject sentence, JsonObject::From(document, name));
    BANTAM_TRY(const bool lower, sentence.BoolOr("do_lower_case", false));
    if (lower) {
      return Err(ErrorCode::kUnsupported, "{} is true: lower-casing outside the tokenizer is not supported",
                 sentence.Where("do_lower_case"));
    }
    const json::value* length = sentence.Find("max_seq_length");
    if (length == nullptr || length->is_null()) break;
    BANTAM_TRY(const int64_t tokens, sentence.Int("max_seq_length", 1, kMaxTokens));
    return static_cast<int>(tokens);
  }
  BANTAM_TRY(int64_t tokens, config.IntOr("max_position_embeddings", 0, 0, kMaxTokens));
  const Path tokenizer_config = folder / "tokenizer_config.json";
  if (Exists(tokenizer_config)) {
    const std::string name = Printable(tokenizer_config);
    BANTAM_TRY(const json::value document, ReadJsonFile(tokenizer_config));
    BANTAM_TRY(const JsonObject tokenizer, JsonObject::From(document, name));
    // 1e30 is how the reference writes "no limit".
    BANTAM_TRY(const double limit, tokenizer.NumberOr("model_max_length", 0, 0, 1e31));
    if (limit >= 1 && limit <= static_cast<double>(kMaxTokens)) {
      const auto whole = static_cast<int64_t>(limit);
      tokens = tokens == 0 ? whole : std::min(tokens, whole);
    }
  }
  return static_cast<int>(tokens);
}

}  // namespace

Result<json::value> ReadJsonFile(const Path& path) {
  const auto corrupt = [](const Error& error) {
    const bool keep = error.code == ErrorCode::kNotFound || error.code == ErrorCode::kForbidden ||
                      error.code == ErrorCode::kOutOfMemory;
    return Error{keep ? error.code : ErrorCode::kCorrupt, error.message, error.where};
  };
  auto text = ReadFile(path, kMaxJsonBytes);
  if (!text) return corrupt(text.error());
  if (text->starts_with("\xEF\xBB\xBF")) {
    return Err(ErrorCode::kCorrupt, "{}: begins with a byte order mark: save it as UTF-8 without one", Printable(path));
  }
  auto document = ParseJson(*text, Printable(path));
  if (!document) return corrupt(document.error());
  return document;
}

Result<SentenceExtras> ReadSentenceExtras(const Path& folder) {
  const Path path = folder / "config_sentence_transformers.json";
  if (!Exists(path)) return SentenceExtras();
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  return AsCorrupt(ReadExtras(document, Printable(path)));
}

Result<int> ReadMaxSeqLength(const Path& transformer_folder, const JsonObject& config) {
  return AsCorrupt(ReadMaxSeqLengthOf(transformer_folder, config));
}

}  // namespace bantam
