#include "tasks/loaded_model.h"

#include <algorithm>

#include "base/text_util.h"
#include "files/gguf.h"

namespace bantam {
namespace {

// Whether the tokenizer hands token types to the model: as its "model_input_names" say, and without these all but the
// nameless class of transformers 5.
Result<bool> GivesTypes(const ModelFolder& model) {
  if (model.gguf != nullptr) return true;  // what lies beside the file is none of it
  const Path path = model.transformer_folder / "tokenizer_config.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return true;
  const std::string name = EscapeForTerminal(path.string(), 400);
  BANTAM_TRY(const std::string text, ReadFile(path, 64 << 20));
  BANTAM_TRY(const json::value document, ParseJson(text, name));
  BANTAM_TRY(const JsonObject config, JsonObject::From(document, name));
  const json::value* names = config.Find("model_input_names");
  if (names == nullptr || !names->is_array()) {
    const json::value* type = config.Find("tokenizer_class");
    return type == nullptr || !type->is_string() || type->get_string() != "TokenizersBackend";
  }
  return std::ranges::any_of(names->get_array(), [](const json::value& value) {
    return value.is_string() && value.get_string() == "token_type_ids";
  });
}

// What to do with a model of this kind.
std::string_view CommandFor(const LoadedModel& model) {
  if (model.folder.sentence.sparse.on) return "bantam embed";
  if (model.masked_lm != nullptr) return "bantam fill-mask, or bantam embed";
  if (model.head == nullptr) return "bantam embed";
  switch (model.head->kind()) {
    case ClassifierHead::Kind::kSequence:
      return model.head->num_labels() == 1 ? "bantam rerank, or bantam classify" : "bantam classify";
    case ClassifierHead::Kind::kTokens:
      return "bantam tag";
    case ClassifierHead::Kind::kSpans:
      return "bantam qa";
  }
  return "bantam embed";
}

}  // namespace

std::string_view HeadName(const LoadedModel& model) {
  if (model.masked_lm != nullptr) return "masked language model";
  if (model.head == nullptr) return "";
  switch (model.head->kind()) {
    case ClassifierHead::Kind::kSequence:
      return "sequence classification";
    case ClassifierHead::Kind::kTokens:
      return "token classification";
    case ClassifierHead::Kind::kSpans:
      return "question answering";
  }
  return "";
}

Error LoadedModel::NoSuchHead(std::string_view wanted) const {
  const auto config = JsonObject::From(folder.config, "config.json");
  const std::string_view own = HeadName(*this);
  std::string told = config ? ArchitecturesText(*config) : "";
  if (folder.gguf != nullptr && own.empty()) {
    told = folder.gguf->Find("cls.output.weight") == nullptr
               ? "its file has no 'cls.output.weight'"
               : fmt::format("'cls.output' of \"{}\" is none that is known", EscapeForTerminal(folder.architecture));
  }
  return Err(ErrorCode::kUnsupported, "model \"{}\" has no {} head ({}{}{}); use {}", EscapeForTerminal(folder.name),
             wanted, told, own.empty() ? "" : ": ", own, CommandFor(*this));
}

Error NotFinite(const LoadedModel& model) {
  return Err(ErrorCode::kCorrupt, "model \"{}\": the numbers of its head are not finite: its weights are damaged",
             EscapeForTerminal(model.folder.name));
}

Result<LoadedModel> LoadModel(std::string_view reference, const LoadOptions& options) {
  BANTAM_TRY(ModelFolder folder, OpenModel(reference, options.store));
  return LoadModel(std::move(folder), options);
}

Result<LoadedModel> LoadModel(ModelFolder folder, const LoadOptions& options) {
  const std::string place = EscapeForTerminal(folder.path.string(), 400);
  if (!IsKnownArchitecture(folder.architecture)) return LoadEncoder(folder, {}).error();  // says which are known
  if (folder.tokenizer_json.empty()) {
    return Err(ErrorCode::kNotFound, "{} has no tokenizer.json, without which text cannot be read", place);
  }
  LoadedModel model;
  BANTAM_TRY(model.tokenizer, folder.gguf != nullptr ? Tokenizer::FromGguf(folder.gguf->metadata())
                                                     : Tokenizer::Load(folder.tokenizer_json));
  for (const SentenceModule& module : folder.sentence.modules) {
    // Asked for, so that it is not left over; the sentence head reads it itself.
    if (!module.among_others) continue;
    BANTAM_RETURN_IF_ERROR(folder.weights->Get("linear.weight", {module.out_features, module.in_features}));
  }
  BANTAM_TRY(auto encoder,
             LoadEncoder(folder, {.weight_type = options.weight_type, .use_packed_files = options.use_packed_files}));
  if (options.heads) {
    BANTAM_TRY(model.head, ClassifierHead::Load(folder));
  }
  if (options.heads || folder.sentence.sparse.on) {
    BANTAM_TRY(model.masked_lm, MaskedLmHead::Load(folder, options.weight_type));
  }
  folder.weights.reset();  // everything has its own copy; from here on nobody can pull the file away under us
  if (model.tokenizer->vocab_size() > encoder->vocab_size()) {
    return Err(ErrorCode::kCorrupt, "{}: tokenizer.json has token ids up to {}, the model's table has {} rows", place,
               model.tokenizer->vocab_size() - 1, encoder->vocab_size());
  }
  if (model.head != nullptr && model.head->hidden_size() != encoder->hidden_size()) {
    return Err(ErrorCode::kCorrupt, "{}: the head reads vectors of {} values, the encoder gives {}", place,
               model.head->hidden_size(), encoder->hidden_size());
  }
  BANTAM_TRY(const bool gives_types, GivesTypes(folder));
  model.gives_types = gives_types && encoder->type_vocab_size() > 1;
  const int configured = folder.sentence.max_seq_length;
  model.max_tokens = configured > 0 ? std::min(configured, encoder->max_positions()) : encoder->max_positions();
  EngineOptions engine_options = options.engine;
  if (options.num_threads > 0) engine_options.num_threads = options.num_threads;
  model.folder = std::move(folder);
  model.engine = EncoderEngine::Create(std::move(encoder), engine_options);
  return model;
}

}  // namespace bantam
