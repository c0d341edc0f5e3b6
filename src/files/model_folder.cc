#include "files/model_folder.h"

#include <algorithm>

#include "base/log.h"
#include "base/text_util.h"
#include "files/foreign_format.h"
#include "files/gguf_model.h"
#include "files/model_store.h"
#include "files/multi_vector.h"
#include "files/pull_reference.h"
#include "files/safetensors.h"
#include "files/sentence_config.h"
#include "files/sentence_modules.h"
#include "files/weight_files.h"

namespace bantam {
namespace {

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

// A file where a folder was expected: weights in some format, usually.
Result<ModelFolder> OpenFile(const Path& path, const std::optional<ModelManifest>& manifest) {
  BANTAM_TRY(const MappedFile file, MappedFile::Open(path));
  if (LooksLikeGguf(file.bytes())) return OpenGgufModel(path, manifest);
  std::optional<std::string_view> what;
  if (!file.bytes().empty()) what = ForeignFormat(file.bytes());
  if (!what) what = ForeignFileName(path.filename().string());
  if (what) return Err(ErrorCode::kUnsupported, "{}: {}", Printable(path), *what);
  return Err(ErrorCode::kInvalidArgument, "{} is a file: name the folder that holds config.json and the weights",
             Printable(path));
}

// All but the length limit. normalize: a last step that config.json asks for.
Status ReadSentence(const Path& folder, const SentenceExtras& extras, const SentenceModules& modules, bool normalize,
                    SentenceConfig& sentence) {
  using Kind = SentenceModule::Kind;
  sentence.prompts = extras.prompts;
  sentence.pooling_modes = modules.pooling_modes;
  sentence.pooling = modules.pooling_modes.front();
  sentence.include_prompt = modules.include_prompt;
  sentence.modules = modules.modules;
  sentence.sparse = modules.sparse;
  if (IsMultiVector(folder, extras)) BANTAM_RETURN_IF_ERROR(ReadMultiVector(folder, extras, modules, sentence));
  if (normalize) sentence.modules.push_back({.kind = Kind::kNormalize, .name = "config.json"});
  if (extras.truncate_dim > 0) {
    sentence.modules.push_back({.kind = Kind::kTruncate,
                                .name = "truncate_dim of config_sentence_transformers.json",
                                .out_features = extras.truncate_dim});
  }
  sentence.normalize = !sentence.modules.empty() && sentence.modules.back().kind == Kind::kNormalize;
  const auto plain = [](const SentenceModule& module) { return module.kind == Kind::kNormalize && !module.on_tokens; };
  if (std::ranges::all_of(sentence.modules, plain)) sentence.modules.clear();
  BANTAM_TRY(sentence.identity, IdentityOfModules(sentence.modules));
  return Ok();
}

Result<ModelFolder> Open(const Path& folder, const std::optional<ModelManifest>& manifest) {
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) {
    return Err(ErrorCode::kNotFound, "no folder {}; 'bantam list' shows the models that have a name",
               Printable(folder));
  }
  if (!std::filesystem::is_directory(folder, error)) return OpenFile(folder, manifest);
  if (!std::filesystem::exists(folder / "config.json", error) &&
      !std::filesystem::exists(folder / "modules.json", error)) {
    BANTAM_TRY(const std::optional<Path> gguf, FindGgufIn(folder));
    if (gguf) {
      BANTAM_TRY(ModelFolder model, OpenGgufModel(*gguf, manifest));
      model.name = folder.has_filename() ? folder.filename().string() : folder.parent_path().filename().string();
      return model;
    }
  }
  ModelFolder model;
  model.path = folder;
  model.name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  if (model.name.empty() || model.name == "." || model.name == "..") {
    model.name = std::filesystem::canonical(folder, error).filename().string();
  }
  BANTAM_TRY(const SentenceExtras extras, ReadSentenceExtras(folder));
  BANTAM_TRY(const SentenceModules modules,
             ReadSentenceModules(
                 folder, IsMultiVector(folder, extras) ? EmbeddingKind::kTokenVectors : EmbeddingKind::kVector));
  const Path& transformer = modules.transformer_folder;
  model.transformer_folder = transformer;

  const Path config_path = transformer / "config.json";
  const bool bare_table = modules.is_static && !std::filesystem::exists(config_path, error);
  if (!bare_table && !std::filesystem::exists(config_path, error)) {
    return Err(ErrorCode::kNotFound, "{} has no config.json: it is not a Hugging Face model folder",
               Printable(transformer));
  }
  if (bare_table) {
    model.config = json::object{{"model_type", "static_embedding"}};
  } else {
    BANTAM_TRY(model.config, ReadJsonFile(config_path));
  }
  // `auto_map`, `_name_or_path` and the like are never looked at: nothing from a model's folder is executed or fetched.
  auto read_config = [&]() -> Status {
    BANTAM_TRY(const JsonObject config, JsonObject::From(model.config, Printable(config_path)));
    BANTAM_TRY(model.architecture, config.String("model_type"));
    bool normalize = false;
    if (modules.is_static || model.architecture == "model2vec") {
      model.sentence.add_special_tokens = false;
      BANTAM_TRY(normalize, config.BoolOr("normalize", false));
    }
    BANTAM_RETURN_IF_ERROR(ReadSentence(folder, extras, modules, normalize, model.sentence));
    BANTAM_TRY(model.sentence.max_seq_length, ReadMaxSeqLength(transformer, config));
    return Ok();
  };
  if (Status status = read_config(); !status) {
    const bool ours = status.error().code == ErrorCode::kInvalidArgument;
    return Error{ours ? ErrorCode::kCorrupt : status.error().code, status.error().message, status.error().where};
  }
  if (std::filesystem::exists(transformer / "tokenizer.json", error))
    model.tokenizer_json = transformer / "tokenizer.json";
  // Of a T5 the older file says as much, with what every T5 has (text/loaders.h).
  const bool t5 = model.architecture == "t5" || model.architecture == "mt5";
  if (t5 && model.tokenizer_json.empty() && std::filesystem::exists(transformer / "spiece.model", error)) {
    model.tokenizer_json = transformer / "spiece.model";
  }

  BANTAM_TRY(WeightFiles files, OpenWeightFiles(transformer));
  model.weights = std::move(files.source);
  BANTAM_TRY(model.identity, WeightsIdentity::Of(files.paths, manifest));
  return model;
}

}  // namespace

Result<ModelFolder> OpenModelFolder(const Path& folder) { return Open(folder, std::nullopt); }

Result<ModelFolder> OpenModel(std::string_view reference, const std::optional<Path>& store) {
  std::error_code ignored;
  // What was pulled by such a reference may be opened by it.
  const bool pulled = LooksLikePullReference(reference) && !std::filesystem::exists(Path(reference), ignored);
  if ((!pulled && reference.find('/') != std::string_view::npos) || reference == "." || reference == ".." ||
      (reference.ends_with(".gguf") && std::filesystem::is_regular_file(Path(reference), ignored))) {
    return OpenModelFolder(Path(reference));
  }
  BANTAM_TRY(const Path folder, FindModel(reference, store));
  std::shared_ptr<const ModelUse> in_use = ModelUse::Begin(folder);
  if (!std::filesystem::is_directory(folder, ignored)) {  // a GGUF file in the store
    BANTAM_TRY(ModelFolder model, OpenModelFolder(folder));
    model.in_use = std::move(in_use);
    return model;
  }
  // The manifest of a store folder was written by our set-up; one that came with somebody's folder is not believed.
  std::optional<ModelManifest> manifest;
  if (auto read = ReadManifest(folder)) {
    manifest = *std::move(read);
  } else if (read.error().code != ErrorCode::kNotFound) {
    Log(LogLevel::kWarning, "{}", read.error().message);
  }
  BANTAM_TRY(ModelFolder model, Open(folder, manifest));
  model.packed_folder = folder / "packed";
  model.in_use = std::move(in_use);
  return model;
}

}  // namespace bantam
