#include "files/sentence_config.h"

#include <fmt/format.h>

#include <array>

#include "base/text_util.h"

namespace bantam {
namespace {

constexpr uint64_t kMaxJsonBytes = 16 << 20;
constexpr int64_t kMaxTokens = 16 << 20;

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

bool Exists(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

struct PoolingKey {
  std::string_view key;
  std::optional<PoolingMode> mode;  // empty: a mode that we do not compute
};
constexpr std::array kPoolingKeys = {
    PoolingKey{"pooling_mode_cls_token", PoolingMode::kCls},
    PoolingKey{"pooling_mode_mean_tokens", PoolingMode::kMean},
    PoolingKey{"pooling_mode_max_tokens", PoolingMode::kMax},
    PoolingKey{"pooling_mode_mean_sqrt_len_tokens", PoolingMode::kMeanSqrtLen},
    PoolingKey{"pooling_mode_lasttoken", PoolingMode::kLastToken},
    PoolingKey{"pooling_mode_weightedmean_tokens", std::nullopt},
};

Result<PoolingMode> ReadPooling(const Path& path) {
  const std::string name = Printable(path);
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, name));
  std::optional<PoolingMode> mode;
  bool any_key = false;
  for (const auto& [key, meaning] : kPoolingKeys) {
    any_key |= config.Has(key);
    BANTAM_TRY(const bool on, config.BoolOr(key, false));
    if (!on) continue;
    if (!meaning)
      return Err(ErrorCode::kUnsupported, "{} is on, a pooling that is not computed here", config.Where(key));
    if (mode) return Err(ErrorCode::kUnsupported, "{}: several pooling modes at once are not supported", name);
    mode = meaning;
  }
  if (any_key && !mode) return Err(ErrorCode::kCorrupt, "{}: no pooling mode is on", name);
  if (mode) return *mode;
  // Newer files name the mode instead.
  BANTAM_TRY(const std::string word, config.StringOr("pooling_mode", "mean"));
  for (const PoolingMode candidate :
       {PoolingMode::kMean, PoolingMode::kCls, PoolingMode::kMax, PoolingMode::kMeanSqrtLen, PoolingMode::kLastToken}) {
    if (word == PoolingModeName(candidate)) return candidate;
  }
  return Err(ErrorCode::kUnsupported, "{} is \"{}\", a pooling that is not computed here", config.Where("pooling_mode"),
             EscapeForTerminal(word));
}

// "" is the folder itself, as is "." for model2vec; anything else must be a plain folder name in it.
Result<Path> ModuleFolder(const Path& folder, const std::string& path, const std::string& name) {
  if (path.empty()) return folder;
  if (path == "." || path == ".." || path.find_first_of(std::string_view("/\\:\0", 4)) != std::string::npos) {
    return Err(ErrorCode::kCorrupt, "{}: the module path \"{}\" must be the name of a folder beside it", name,
               EscapeForTerminal(path));
  }
  return folder / path;
}

Result<SentenceModules> ReadModuleList(const Path& folder, const json::value& document, const std::string& name) {
  if (!document.is_array() || document.get_array().empty() || document.get_array().size() > 16) {
    return Err(ErrorCode::kCorrupt, "{}: expected a list of 1 to 16 modules", name);
  }
  SentenceModules modules;
  // Transformer, Pooling, Normalize: a fixed order, of which only the last may be absent.
  static constexpr std::array<std::string_view, 3> kOrder = {"Transformer", "Pooling", "Normalize"};
  const json::array& list = document.get_array();
  for (size_t i = 0; i < list.size(); ++i) {
    const size_t place = i + (modules.is_static ? 1 : 0);
    BANTAM_TRY(const JsonObject module, JsonObject::From(list[i], fmt::format("{}: module {}", name, i)));
    BANTAM_TRY(const std::string type, module.String("type"));
    BANTAM_TRY(const std::string path, module.StringOr("path", ""));
    const std::string_view last = std::string_view(type).substr(type.rfind('.') + 1);
    const bool is_static = i == 0 && last == "StaticEmbedding";
    if ((!is_static && (place >= kOrder.size() || last != kOrder[place])) ||
        !type.starts_with("sentence_transformers.")) {
      return Err(ErrorCode::kUnsupported,
                 "{} is \"{}\": only Transformer, Pooling and then Normalize, or StaticEmbedding and then "
                 "Normalize, are computed here",
                 module.Where("type"), EscapeForTerminal(type));
    }
    BANTAM_TRY(const Path module_folder, ModuleFolder(folder, is_static && path == "." ? "" : path, name));
    if (i == 0) {
      modules.transformer_folder = module_folder;
      modules.is_static = is_static;
      continue;
    }
    if (place == 1) {
      BANTAM_TRY(modules.pooling, ReadPooling(module_folder / "config.json"));
    }
    if (place == 2) modules.normalize = true;
  }
  return modules;
}

// JsonObject reports for requests; the same mistake in a file on disk makes the file corrupt.
template <typename T>
Result<T> AsCorrupt(Result<T> result) {
  if (!result && result.error().code == ErrorCode::kInvalidArgument) {
    return Error{ErrorCode::kCorrupt, result.error().message, result.error().where};
  }
  return result;
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

std::string_view PoolingModeName(PoolingMode mode) {
  switch (mode) {
    case PoolingMode::kMean:
      return "mean";
    case PoolingMode::kCls:
      return "cls";
    case PoolingMode::kMax:
      return "max";
    case PoolingMode::kMeanSqrtLen:
      return "mean_sqrt_len_tokens";
    case PoolingMode::kLastToken:
      return "lasttoken";
  }
  return "unknown";
}

Result<json::value> ReadJsonFile(const Path& path) {
  const auto corrupt = [](const Error& error) {
    const bool keep = error.code == ErrorCode::kNotFound || error.code == ErrorCode::kForbidden;
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

Result<SentenceModules> ReadSentenceModules(const Path& folder) {
  const Path path = folder / "modules.json";
  if (!Exists(path)) return SentenceModules{folder, PoolingMode::kMean, false};
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  return AsCorrupt(ReadModuleList(folder, document, Printable(path)));
}

Result<int> ReadMaxSeqLength(const Path& transformer_folder, const JsonObject& config) {
  return AsCorrupt(ReadMaxSeqLengthOf(transformer_folder, config));
}

}  // namespace bantam
