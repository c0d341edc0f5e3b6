#include "files/multi_vector.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text_util.h"
#include "files/weight_files.h"

namespace bantam {
namespace {

constexpr int64_t kMaxLength = 1 << 20;
constexpr int64_t kUsualQueryLength = 32;  // of ColBERT
constexpr size_t kMaxSkipWords = 10'000;
constexpr std::string_view kPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

bool Exists(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// A JSON file that need not be there: then an empty object.
Result<json::value> ReadIfThere(const Path& path) {
  if (!Exists(path)) return json::value(json::object());
  return ReadJsonFile(path);
}

std::vector<std::string> Punctuation() {
  std::vector<std::string> words;
  for (const char c : kPunctuation) words.emplace_back(1, c);
  return words;
}

Result<std::optional<std::vector<std::string>>> ReadWords(const JsonObject& config, std::string_view key) {
  const json::value* value = config.Find(key);
  if (value == nullptr || value->is_null()) return std::optional<std::vector<std::string>>();
  BANTAM_TRY(const json::array* list, config.Array(key));
  if (list->size() > kMaxSkipWords) {
    return Err(ErrorCode::kCorrupt, "{} has {} words, the limit is {}", config.Where(key), list->size(), kMaxSkipWords);
  }
  std::vector<std::string> words;
  for (const json::value& word : *list) {
    if (!word.is_string()) {
      return Err(ErrorCode::kCorrupt, "{} holds {}, expected words", config.Where(key),
                 EscapeForTerminal(ToJson(word), 80));
    }
    words.emplace_back(word.get_string());
  }
  return std::optional(std::move(words));
}

// The tokenizer's mask token, else its end of text, as the reference picks.
Result<std::string> MaskToken(const Path& transformer) {
  for (const char* key : {"mask_token", "eos_token"}) {
    for (const char* file : {"tokenizer_config.json", "special_tokens_map.json"}) {
      const Path path = transformer / file;
      BANTAM_TRY(const json::value document, ReadIfThere(path));
      BANTAM_TRY(const JsonObject config, JsonObject::From(document, Printable(path)));
      const json::value* value = config.Find(key);
      if (value == nullptr || value->is_null()) continue;
      if (!value->is_object()) return config.String(key);
      BANTAM_TRY(const JsonObject token, config.Object(key));
      return token.String("content");
    }
  }
  return Err(ErrorCode::kCorrupt, "{}: queries are to be expanded, but tokenizer_config.json has no mask_token",
             Printable(transformer));
}

Status ReadLengths(const JsonObject& config, MultiVectorConfig& out) {
  BANTAM_TRY(const int64_t query, config.IntOr("query_length", out.query_length, 1, kMaxLength));
  BANTAM_TRY(const int64_t document, config.IntOr("document_length", out.document_length, 1, kMaxLength));
  out.query_length = static_cast<int>(query);
  out.document_length = static_cast<int>(document);
  return Ok();
}

// {"strategy": "fixed", "attend": false, "token": null, "length": 32}
Status ReadExpansion(const JsonObject& config, MultiVectorConfig& out) {
  BANTAM_TRY(const JsonObject expansion, config.Object("query_expansion"));
  BANTAM_TRY(const std::string strategy, expansion.String("strategy"));
  if (strategy != "fixed" && strategy != "min") {
    return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: fixed, min", expansion.Where("strategy"),
               EscapeForTerminal(strategy, 80));
  }
  out.expansion_is_limit = strategy == "fixed";
  BANTAM_TRY(const int64_t length, expansion.Int("length", 1, kMaxLength));
  out.expansion_length = static_cast<int>(length);
  BANTAM_TRY(out.attend, expansion.BoolOr("attend", false));
  BANTAM_TRY(out.expansion_token, expansion.StringOr("token", ""));
  return Ok();
}

// What the transformer's own file says: lengths and expansion.
Status ReadTransformer(const Path& transformer, MultiVectorConfig& out) {
  const Path path = transformer / "sentence_bert_config.json";
  BANTAM_TRY(const json::value document, ReadIfThere(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, Printable(path)));
  BANTAM_RETURN_IF_ERROR(ReadLengths(config, out));
  const json::value* expansion = config.Find("query_expansion");
  return expansion == nullptr || expansion->is_null() ? Ok() : ReadExpansion(config, out);
}

Status ReadMask(const Path& folder, MultiVectorConfig& out) {
  const Path path = folder / "config.json";
  BANTAM_TRY(const json::value document, ReadIfThere(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, Printable(path)));
  BANTAM_TRY(auto words, ReadWords(config, "skiplist_words"));
  if (words) out.skip_words = *std::move(words);
  BANTAM_TRY(const auto tasks, ReadWords(config, "skiplist_tasks"));
  if (tasks) {
    const auto has = [&](std::string_view task) { return std::ranges::find(*tasks, task) != tasks->end(); };
    out.skip_in_queries = has("query");
    out.skip_in_documents = has("document");
  }
  const json::value* keep = config.Find("keep_only_token_ids");
  if (keep == nullptr || keep->is_null() || (keep->is_array() && keep->get_array().empty())) return Ok();
  return Err(ErrorCode::kUnsupported, "{} is set, which is for documents that are images",
             config.Where("keep_only_token_ids"));
}

// PyLate's keys at the top of config_sentence_transformers.json.
Status ReadPyLate(const JsonObject& config, SentenceConfig& sentence) {
  MultiVectorConfig& out = sentence.multi_vector;
  constexpr std::string_view kKeys[] = {
      "query_length",   "document_length",    "query_prefix",         "document_prefix", "attend_to_expansion_tokens",
      "skiplist_words", "do_query_expansion", "attend_to_mask_tokens"};
  if (std::ranges::none_of(kKeys, [&](std::string_view key) { return config.Has(key); })) return Ok();
  for (const char* name : {"query", "document"}) {
    const std::string key = std::string(name) + "_prefix";
    if (!config.Has(key)) continue;
    out.prefixes_are_tokens = true;
    BANTAM_TRY(std::string prefix, config.StringOr(key, ""));
    const std::string* prompt = sentence.prompts.Find(name);
    if (prompt == nullptr) {
      sentence.prompts.texts.emplace_back(name, std::move(prefix));
    } else if (prompt->empty()) {
      std::ranges::find(sentence.prompts.texts, name, [](const auto& entry) { return entry.first; })->second = prefix;
    }
  }
  BANTAM_RETURN_IF_ERROR(ReadLengths(config, out));
  BANTAM_TRY(auto words, ReadWords(config, "skiplist_words"));
  if (words) out.skip_words = *std::move(words);
  if (const json::value* expansion = config.Find("query_expansion"); expansion != nullptr) {
    return expansion->is_null() ? Ok() : ReadExpansion(config, out);
  }
  BANTAM_TRY(const bool expand, config.BoolOr("do_query_expansion", true));
  if (!expand) return Ok();
  BANTAM_TRY(const bool mask_tokens, config.BoolOr("attend_to_mask_tokens", false));
  BANTAM_TRY(out.attend, config.BoolOr("attend_to_expansion_tokens", mask_tokens));
  out.expansion_length = out.query_length > 0 ? out.query_length : static_cast<int>(kUsualQueryLength);
  out.query_length = 0;
  return Ok();
}

// Stanford's checkpoints: the projection among the encoder's weights, the rest in artifact.metadata.
Status ReadStanford(const Path& folder, SentenceConfig& sentence) {
  MultiVectorConfig& out = sentence.multi_vector;
  const Path path = folder / "artifact.metadata";
  BANTAM_TRY(const json::value document, ReadIfThere(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, Printable(path)));
  out.prefixes_are_tokens = true;
  const struct {
    const char *name, *key, *other;
  } prefixes[] = {{"query", "query_token_id", "[unused0]"}, {"document", "doc_token_id", "[unused1]"}};
  for (const auto& [name, key, other] : prefixes) {
    BANTAM_TRY(const std::string token, config.StringOr(key, other));
    if (sentence.prompts.Find(name) == nullptr) sentence.prompts.texts.emplace_back(name, token + " ");
  }
  BANTAM_TRY(const int64_t document_length, config.IntOr("doc_maxlen", 0, 1, kMaxLength));
  BANTAM_TRY(const int64_t query_length, config.IntOr("query_maxlen", kUsualQueryLength, 1, kMaxLength));
  BANTAM_TRY(out.attend, config.BoolOr("attend_to_mask_tokens", false));
  BANTAM_TRY(const bool skip, config.BoolOr("mask_punctuation", true));
  out.document_length = static_cast<int>(document_length);
  out.expansion_length = static_cast<int>(query_length);
  if (skip) out.skip_words = Punctuation();

  BANTAM_TRY(const WeightFiles files, OpenWeightFiles(folder));
  const TensorView* linear = files.source->Find("linear.weight");
  if (linear == nullptr || linear->shape.size() != 2 || linear->shape[0] < 1 || linear->shape[1] < 1 ||
      std::max(linear->shape[0], linear->shape[1]) > 16'384) {
    return Err(ErrorCode::kCorrupt, "{}: a ColBERT model needs a matrix \"linear.weight\"", Printable(folder));
  }
  sentence.modules.push_back({.kind = SentenceModule::Kind::kDense,
                              .name = "linear.weight",
                              .folder = folder,
                              .on_tokens = true,
                              .in_features = static_cast<int>(linear->shape[1]),
                              .out_features = static_cast<int>(linear->shape[0]),
                              .bias = false,
                              .among_others = true,
                              .activation = DenseActivation::kIdentity});
  return Ok();
}

bool IsStanford(const Path& folder) {
  const auto document = ReadIfThere(folder / "config.json");
  if (!document || !document->is_object()) return false;
  const json::value* list = document->get_object().if_contains("architectures");
  return list != nullptr && list->is_array() &&
         std::ranges::find(list->get_array(), json::value("HF_ColBERT")) != list->get_array().end();
}

Status Read(const Path& folder, const SentenceExtras& extras, const SentenceModules& modules,
            SentenceConfig& sentence) {
  MultiVectorConfig& out = sentence.multi_vector;
  out.on = true;
  const bool py_late = extras.model_type == "ColBERT";
  BANTAM_RETURN_IF_ERROR(ReadTransformer(modules.transformer_folder, out));
  if (!modules.mask_folder.empty()) BANTAM_RETURN_IF_ERROR(ReadMask(modules.mask_folder, out));
  if (py_late) out.skip_words = Punctuation();  // unless the file says which
  if (!extras.document.is_null()) {
    const std::string name = Printable(folder / "config_sentence_transformers.json");
    BANTAM_TRY(const JsonObject config, JsonObject::From(extras.document, name));
    BANTAM_RETURN_IF_ERROR(ReadPyLate(config, sentence));
  }
  const bool stanford = modules.modules.empty() && IsStanford(folder);
  if (stanford) BANTAM_RETURN_IF_ERROR(ReadStanford(folder, sentence));
  if (py_late || stanford) {
    sentence.modules.push_back({.kind = SentenceModule::Kind::kNormalize, .name = "of ColBERT", .on_tokens = true});
  }
  if (out.expansion_length > 0 && out.expansion_token.empty()) {
    BANTAM_TRY(out.expansion_token, MaskToken(modules.transformer_folder));
  }
  if (out.expansion_length > 0 && out.query_length > 0 && out.query_length < out.expansion_length) {
    return Err(ErrorCode::kCorrupt, "{}: query_length is {}, shorter than the {} that queries are expanded to",
               Printable(folder), out.query_length, out.expansion_length);
  }
  return Ok();
}

}  // namespace

bool IsMultiVector(const Path& folder, const SentenceExtras& extras) {
  if (!extras.model_type.empty()) return extras.model_type == "MultiVectorEncoder" || extras.model_type == "ColBERT";
  return IsStanford(folder);
}

Status ReadMultiVector(const Path& folder, const SentenceExtras& extras, const SentenceModules& modules,
                       SentenceConfig& sentence) {
  Status status = Read(folder, extras, modules, sentence);
  if (!status && status.error().code == ErrorCode::kInvalidArgument) {
    return Error{ErrorCode::kCorrupt, status.error().message, status.error().where};
  }
  return status;
}

}  // namespace bantam
