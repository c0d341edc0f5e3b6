#include "files/sentence_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/sha256.h"
#include "base/text_util.h"
#include "files/sentence_config.h"
#include "files/weight_files.h"

namespace bantam {
namespace {

constexpr size_t kMaxModules = 16;
constexpr int64_t kMaxFeatures = 16'384;

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

bool Exists(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

struct PoolingKey {
  std::string_view key;
  PoolingMode mode;
};
// In the order in which the reference puts their vectors one after the other.
constexpr std::array kPoolingKeys = {
    PoolingKey{"pooling_mode_cls_token", PoolingMode::kCls},
    PoolingKey{"pooling_mode_max_tokens", PoolingMode::kMax},
    PoolingKey{"pooling_mode_mean_tokens", PoolingMode::kMean},
    PoolingKey{"pooling_mode_mean_sqrt_len_tokens", PoolingMode::kMeanSqrtLen},
    PoolingKey{"pooling_mode_weightedmean_tokens", PoolingMode::kWeightedMean},
    PoolingKey{"pooling_mode_lasttoken", PoolingMode::kLastToken},
};

struct ActivationName {
  std::string_view name;  // the class, without its module
  DenseActivation activation;
};
constexpr std::array kActivations = {
    ActivationName{"Identity", DenseActivation::kIdentity},   ActivationName{"Tanh", DenseActivation::kTanh},
    ActivationName{"ReLU", DenseActivation::kRelu},           ActivationName{"GELU", DenseActivation::kGelu},
    ActivationName{"SiLU", DenseActivation::kSilu},           ActivationName{"Sigmoid", DenseActivation::kSigmoid},
    ActivationName{"LeakyReLU", DenseActivation::kLeakyRelu}, ActivationName{"ELU", DenseActivation::kElu},
    ActivationName{"Softplus", DenseActivation::kSoftplus},
};

Result<PoolingMode> PoolingModeOf(const JsonObject& config, const json::value& word) {
  if (word.is_string()) {
    for (const PoolingKey& known : kPoolingKeys) {
      if (std::string_view(word.get_string()) == PoolingModeName(known.mode)) return known.mode;
    }
  }
  std::string names;
  for (const PoolingKey& known : kPoolingKeys) {
    names += (names.empty() ? "" : ", ") + std::string(PoolingModeName(known.mode));
  }
  return Err(ErrorCode::kUnsupported, "{} is {}, a pooling that is not computed here; known: {}",
             config.Where("pooling_mode"), EscapeForTerminal(ToJson(word), 80), names);
}

Status ReadPooling(const Path& folder, SentenceModules& modules) {
  const Path path = folder / "config.json";
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, Printable(path)));
  BANTAM_TRY(modules.include_prompt, config.BoolOr("include_prompt", true));
  modules.pooling_modes.clear();
  // Newer files name the mode, or a list of them.
  if (const json::value* mode = config.Find("pooling_mode"); mode != nullptr && !mode->is_null()) {
    if (!mode->is_array()) {
      BANTAM_TRY(modules.pooling_modes.emplace_back(), PoolingModeOf(config, *mode));
      return Ok();
    }
    if (mode->get_array().empty() || mode->get_array().size() > kPoolingKeys.size()) {
      return Err(ErrorCode::kCorrupt, "{} has {} modes, expected 1 to {}", config.Where("pooling_mode"),
                 mode->get_array().size(), kPoolingKeys.size());
    }
    for (const json::value& word : mode->get_array()) {
      BANTAM_TRY(modules.pooling_modes.emplace_back(), PoolingModeOf(config, word));
    }
    return Ok();
  }
  bool any_key = false;
  for (const PoolingKey& known : kPoolingKeys) {
    any_key |= config.Has(known.key);
    BANTAM_TRY(const bool on, config.BoolOr(known.key, false));
    if (on) modules.pooling_modes.push_back(known.mode);
  }
  if (any_key && modules.pooling_modes.empty()) {
    return Err(ErrorCode::kCorrupt, "{}: no pooling mode is on", config.name());
  }
  if (modules.pooling_modes.empty()) modules.pooling_modes = {PoolingMode::kMean};
  return Ok();
}

// Which of a text's vectors a module reads, and that it writes them back in place.
Result<bool> ReadsTokens(const JsonObject& config, bool on_tokens) {
  BANTAM_TRY(const std::string input,
             config.StringOr("module_input_name", on_tokens ? "token_embeddings" : "sentence_embedding"));
  BANTAM_TRY(const std::string output, config.StringOr("module_output_name", input));
  if (input != "sentence_embedding" && input != "token_embeddings") {
    return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: sentence_embedding, token_embeddings",
               config.Where("module_input_name"), EscapeForTerminal(input, 80));
  }
  if (output != input) {
    return Err(ErrorCode::kUnsupported, "{} is \"{}\", but what it reads is \"{}\": only in place is computed here",
               config.Where("module_output_name"), EscapeForTerminal(output, 80), input);
  }
  return input == "token_embeddings";
}

Result<DenseActivation> ReadDenseActivation(const JsonObject& config) {
  const json::value* value = config.Find("activation_function");
  if (value == nullptr) return DenseActivation::kTanh;  // the reference's default
  if (value->is_null()) return DenseActivation::kIdentity;
  BANTAM_TRY(const std::string path, config.String("activation_function"));
  const std::string_view last = std::string_view(path).substr(path.rfind('.') + 1);
  std::string names;
  for (const ActivationName& known : kActivations) {
    if (last == known.name && path.starts_with("torch.nn.")) return known.activation;
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known, of torch.nn: {}", config.Where("activation_function"),
             EscapeForTerminal(path, 120), names);
}

Status ReadDense(SentenceModule& module, bool on_tokens) {
  const Path path = module.folder / "config.json";
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, Printable(path)));
  BANTAM_TRY(const int64_t in, config.Int("in_features", 1, kMaxFeatures));
  BANTAM_TRY(const int64_t out, config.Int("out_features", 1, kMaxFeatures));
  module.in_features = static_cast<int>(in);
  module.out_features = static_cast<int>(out);
  BANTAM_TRY(module.bias, config.BoolOr("bias", true));
  BANTAM_TRY(module.residual, config.BoolOr("use_residual", false));
  BANTAM_TRY(module.activation, ReadDenseActivation(config));
  BANTAM_TRY(module.on_tokens, ReadsTokens(config, on_tokens));
  return Ok();
}

Status ReadLayerNorm(SentenceModule& module) {
  const Path path = module.folder / "config.json";
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, Printable(path)));
  BANTAM_TRY(const int64_t width, config.Int("dimension", 1, kMaxFeatures));
  module.out_features = static_cast<int>(width);
  return Ok();
}

// Older folders have no file for a Normalize, or not even a folder.
Status ReadNormalize(SentenceModule& module, bool on_tokens) {
  const Path path = module.folder / "config.json";
  module.on_tokens = on_tokens;
  if (!Exists(path)) return Ok();
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, Printable(path)));
  BANTAM_TRY(module.on_tokens, ReadsTokens(config, on_tokens));
  return Ok();
}

Status ReadSplade(const Path& folder, SparseConfig& sparse) {
  const Path path = folder / "config.json";
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, Printable(path)));
  BANTAM_TRY(const std::string pooling, config.StringOr("pooling_strategy", "max"));
  BANTAM_TRY(const std::string activation, config.StringOr("activation_function", "relu"));
  if (pooling != "max" && pooling != "sum") {
    return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: max, sum", config.Where("pooling_strategy"),
               EscapeForTerminal(pooling, 80));
  }
  if (activation != "relu" && activation != "log1p_relu") {
    return Err(ErrorCode::kUnsupported, "{} is \"{}\"; known: relu, log1p_relu", config.Where("activation_function"),
               EscapeForTerminal(activation, 80));
  }
  sparse = {.on = true, .sum = pooling == "sum", .twice = activation == "log1p_relu"};
  return Ok();
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

// The modules after the first, one by one.
class ModuleList {
 public:
  ModuleList(SentenceModules& out, bool is_static, EmbeddingKind kind)
      : out_(out), pooled_(is_static), is_static_(is_static), on_tokens_(kind == EmbeddingKind::kTokenVectors) {}

  Status Add(std::string_view kind, const JsonObject& entry, SentenceModule module) {
    if (kind == "Dropout") return Ok();
    if (kind == "MultiVectorMask" && on_tokens_) {
      out_.mask_folder = module.folder;
      return Ok();
    }
    if (out_.sparse.on || (kind == "SpladePooling" && (pooled_ || !out_.modules.empty()))) {
      return Err(ErrorCode::kUnsupported,
                 "{} is not computed here; a sparse model is a Transformer and a SpladePooling", Type(entry));
    }
    if (kind == "SpladePooling") {
      pooled_ = true;
      return ReadSplade(module.folder, out_.sparse);
    }
    if (kind == "Pooling") {
      if (is_static_) return Err(ErrorCode::kUnsupported, "{}: a StaticEmbedding is pooled already", Type(entry));
      if (pooled_) return Err(ErrorCode::kUnsupported, "{}: a second Pooling", Type(entry));
      pooled_ = true;
      return ReadPooling(module.folder, out_);
    }
    if (kind == "Dense") {
      module.kind = SentenceModule::Kind::kDense;
      BANTAM_RETURN_IF_ERROR(ReadDense(module, on_tokens_));
    } else if (kind == "LayerNorm") {
      module.kind = SentenceModule::Kind::kLayerNorm;
      BANTAM_RETURN_IF_ERROR(ReadLayerNorm(module));
    } else if (kind == "Normalize") {
      BANTAM_RETURN_IF_ERROR(ReadNormalize(module, on_tokens_));
    } else {
      return Err(ErrorCode::kUnsupported,
                 "{} is not computed here; known: Transformer or StaticEmbedding, then Pooling, Dense, LayerNorm, "
                 "Normalize, Dropout",
                 Type(entry));
    }
    if (module.on_tokens == pooled_) {
      return Err(ErrorCode::kUnsupported, "{} reads {}, which {}", Type(entry),
                 module.on_tokens ? "token_embeddings" : "sentence_embedding",
                 module.on_tokens ? "the Pooling before it has used already" : "no Pooling before it has made");
    }
    out_.modules.push_back(std::move(module));
    return Ok();
  }
  bool pooled() const { return pooled_; }

 private:
  static std::string Type(const JsonObject& entry) {
    const json::value* type = entry.Find("type");
    return fmt::format("{} \"{}\"", entry.Where("type"),
                       type != nullptr && type->is_string() ? EscapeForTerminal(type->get_string(), 120) : "");
  }
  SentenceModules& out_;
  bool pooled_;
  const bool is_static_, on_tokens_;
};

Result<SentenceModules> ReadModuleList(const Path& folder, const json::value& document, const std::string& name,
                                       EmbeddingKind model_kind) {
  if (!document.is_array() || document.get_array().empty() || document.get_array().size() > kMaxModules) {
    return Err(ErrorCode::kCorrupt, "{}: expected a list of 1 to {} modules", name, kMaxModules);
  }
  SentenceModules modules;
  std::optional<ModuleList> list;
  const json::array& entries = document.get_array();
  for (size_t i = 0; i < entries.size(); ++i) {
    BANTAM_TRY(const JsonObject entry, JsonObject::From(entries[i], fmt::format("{}: module {}", name, i)));
    BANTAM_TRY(const std::string type, entry.String("type"));
    BANTAM_TRY(const std::string path, entry.StringOr("path", ""));
    // Classes have moved from module to module; the last word is the one that stays.
    std::string_view kind = std::string_view(type).substr(type.rfind('.') + 1);
    const bool known = type.starts_with("sentence_transformers.") || type == "pylate.models.Dense.Dense";
    if (!known) kind = "";
    const bool is_static = i == 0 && kind == "StaticEmbedding";
    BANTAM_TRY(const Path module_folder, ModuleFolder(folder, is_static && path == "." ? "" : path, name));
    if (i == 0) {
      if (!is_static && kind != "MLMTransformer" && kind != "Transformer") {
        return Err(ErrorCode::kUnsupported, "{} is \"{}\"; a model begins with a Transformer or a StaticEmbedding",
                   entry.Where("type"), EscapeForTerminal(type, 120));
      }
      modules.transformer_folder = module_folder;
      modules.is_static = is_static;
      list.emplace(modules, is_static, model_kind);
      continue;
    }
    SentenceModule module{.name = path.empty() ? fmt::format("module {}", i) : path, .folder = module_folder};
    BANTAM_RETURN_IF_ERROR(list->Add(kind, entry, std::move(module)));
  }
  if (!list->pooled() && model_kind == EmbeddingKind::kVector && entries.size() > 1) {
    return Err(ErrorCode::kUnsupported, "{}: no Pooling among the modules, so there is no vector of a text", name);
  }
  return modules;
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
    case PoolingMode::kWeightedMean:
      return "weightedmean";
  }
  return "unknown";
}

std::string_view DenseActivationName(DenseActivation activation) {
  for (const ActivationName& known : kActivations) {
    if (known.activation == activation) return known.name;
  }
  return "unknown";
}

Result<SentenceModules> ReadSentenceModules(const Path& folder, EmbeddingKind kind) {
  const Path path = folder / "modules.json";
  if (!Exists(path)) return SentenceModules{.transformer_folder = folder};
  BANTAM_TRY(const json::value document, ReadJsonFile(path));
  return AsCorrupt(ReadModuleList(folder, document, Printable(path), kind));
}

Result<std::string> IdentityOfModules(const std::vector<SentenceModule>& modules) {
  std::string text;
  for (const SentenceModule& module : modules) {
    text += fmt::format("{} {} {} {} {} {} {}\n", static_cast<int>(module.kind), module.on_tokens, module.in_features,
                        module.out_features, module.bias, module.residual, static_cast<int>(module.activation));
    const bool dense = module.kind == SentenceModule::Kind::kDense;
    if (!dense && module.kind != SentenceModule::Kind::kLayerNorm) continue;
    if (module.among_others) continue;  // the encoder's own hash covers them
    BANTAM_TRY(const WeightFiles files, OpenWeightFiles(module.folder));
    for (const Path& path : files.paths) {
      BANTAM_TRY(const std::string hash, Sha256HexOfFile(path));
      text += hash + "\n";
    }
  }
  return text.empty() ? text : Sha256Hex(text);
}

}  // namespace bantam
