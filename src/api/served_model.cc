#include "api/served_model.h"

#include <optional>
#include <utility>

#include "base/text_util.h"
#include "files/config_number.h"
#include "files/model_stamp.h"
#include "files/model_store.h"

namespace bantam {
namespace {

// What the model is not made for is left null; its heads say what that is.
template <typename Task>
std::shared_ptr<const Task> Optional(Result<std::unique_ptr<Task>> made) {
  return made ? std::shared_ptr<const Task>(*std::move(made)) : nullptr;
}

Status AddSequenceTasks(const LoadedModel& model, ServedModel& served) {
  BANTAM_TRY(served.classifier, Classifier::Create(model));
  if (model.tokenizer->pair_template().empty()) return Ok();
  if (model.head->num_labels() == 1) {
    BANTAM_TRY(served.reranker, Reranker::Create(model));
  }
  // Of a model whose labels do not say "entailment" nobody can tell which one means it.
  served.zero_shot = Optional(ZeroShotClassifier::Create(model));
  if (served.zero_shot != nullptr) served.decider = MakeDecider(served.zero_shot);
  return Ok();
}

}  // namespace

std::string ServedModel::Abilities() const {
  const std::pair<bool, std::string_view> abilities[] = {
      {embedder != nullptr, "embed"},
      {classifier != nullptr, "classify"},
      {reranker != nullptr, "rerank"},
      {tagger != nullptr, "tag"},
      {answerer != nullptr, "qa"},
      {filler != nullptr, "fill-mask"},
      {sparse != nullptr, "embed_sparse"},
      {generator != nullptr, "generate"},
      {generator != nullptr && generator->can_chat(), "chat"},
  };
  std::string text;
  for (const auto& [can, what] : abilities) {
    if (can) text += (text.empty() ? "" : ", ") + std::string(what);
  }
  return text;
}

uint64_t ServedModel::weight_bytes() const {
  if (generator != nullptr) return generator->engine().decoder().weight_bytes();
  return engine != nullptr ? engine->encoder().weight_bytes() : embedder->encoder().weight_bytes();
}

MemoryNeed ServedModel::memory() const {
  if (generator != nullptr) return MemoryOf(*generator);
  return MemoryOf(engine != nullptr ? engine->encoder() : embedder->encoder());
}

uint64_t ServedModel::num_parameters() const {
  if (generator != nullptr) return generator->engine().decoder().num_parameters();
  return engine != nullptr ? engine->encoder().num_parameters() : embedder->encoder().num_parameters();
}

std::string_view ServedModel::weight_type() const {
  if (generator != nullptr) return WeightTypeName(generator->engine().decoder().weight_type());
  return WeightTypeName(engine != nullptr ? engine->encoder().weight_type() : embedder->encoder().weight_type());
}

const Tokenizer& ServedModel::tokenizer() const {
  if (generator != nullptr) return generator->tokenizer();
  return encoder_tokenizer != nullptr ? *encoder_tokenizer : embedder->tokenizer();
}

int ServedModel::max_tokens() const {
  if (generator != nullptr) return generator->engine().max_tokens();
  return embedder != nullptr ? embedder->max_tokens() : engine->encoder().max_positions();
}

namespace {

Result<ServedModel> LoadTasks(ModelFolder opened, const LoadOptions& encoder, const GeneratorOptions& generator,
                              std::shared_ptr<EmbeddingCache> cache) {
  if (Generator::IsFor(opened)) {
    BANTAM_TRY(std::shared_ptr<Generator> writes, Generator::FromModel(std::move(opened), generator));
    ServedModel served{.name = writes->model_name(), .created = std::time(nullptr), .generator = writes};
    served.decider = MakeDecider(std::shared_ptr<const Generator>(std::move(writes)));
    return served;
  }
  BANTAM_TRY(const LoadedModel model, LoadModel(std::move(opened), encoder));
  ServedModel served{.name = model.folder.name, .created = std::time(nullptr)};
  served.engine = model.engine;
  served.encoder_tokenizer = model.tokenizer;
  if (model.masked_lm != nullptr) {
    served.filler = Optional(MaskFiller::Create(model));  // not without a mask token
    BANTAM_TRY(served.sparse, SparseEmbedder::Create(model));
  }
  if (model.folder.sentence.sparse.on) return served;
  if (model.head == nullptr) {
    BANTAM_TRY(served.embedder, Embedder::Create(model, std::move(cache)));
    if (!model.folder.sentence.multi_vector.on) served.decider = MakeDecider(served.embedder);
    return served;
  }
  switch (model.head->kind()) {
    case ClassifierHead::Kind::kSequence:
      BANTAM_RETURN_IF_ERROR(AddSequenceTasks(model, served));
      break;
    case ClassifierHead::Kind::kTokens: {
      BANTAM_TRY(served.tagger, Tagger::Create(model));
      break;
    }
    case ClassifierHead::Kind::kSpans: {
      BANTAM_TRY(served.answerer, QuestionAnswerer::Create(model));
      break;
    }
  }
  return served;
}

// What clients look for in a model before they use it, under the names that configs have for it.
std::vector<std::pair<std::string, int64_t>> SizesOf(const json::value& config) {
  std::vector<std::pair<std::string, int64_t>> sizes;
  const auto add = [&](const char* name, std::initializer_list<const char*> keys) {
    if (const auto size = ConfigNumber(config, keys)) sizes.emplace_back(name, *size);
  };
  add("embedding_length", {"hidden_size", "n_embd", "d_model", "dim"});
  add("block_count", {"num_hidden_layers", "n_layer", "num_layers", "n_layers"});
  add("feed_forward_length", {"intermediate_size", "n_inner", "d_ff", "hidden_dim"});
  add("attention.head_count", {"num_attention_heads", "n_head", "num_heads", "n_heads"});
  add("attention.head_count_kv", {"num_key_value_heads"});
  add("vocab_size", {"vocab_size"});
  return sizes;
}

// "" where the store says nothing, or the model is from elsewhere.
std::string LicenseOf(const ModelFolder& model) {
  // Of a GGUF model in the store `path` is its file, and the manifest lies beside it.
  const auto manifest = ReadManifest(model.packed_folder.empty() ? model.path : model.packed_folder.parent_path());
  return manifest ? manifest->license : std::string();
}

}  // namespace

Result<ServedModel> LoadServedModel(ModelFolder opened, const LoadOptions& encoder, const GeneratorOptions& generator,
                                    std::shared_ptr<EmbeddingCache> cache) {
  const ModelFormat format = FormatOf(opened);
  const WeightsIdentity identity = opened.identity;
  const std::string architecture = opened.architecture;
  auto sizes = SizesOf(opened.config);
  std::string license = LicenseOf(opened);
  std::shared_ptr<const ModelUse> in_use = opened.in_use;
  const Path path = opened.path;
  std::string stamp = ModelStamp(path);
  BANTAM_TRY(ServedModel served, LoadTasks(std::move(opened), encoder, generator, std::move(cache)));
  served.architecture = architecture;
  served.format = format;
  served.identity = identity;
  served.sizes = std::move(sizes);
  served.license = std::move(license);
  served.in_use = std::move(in_use);
  served.path = path;
  served.stamp = std::move(stamp);
  return served;
}

Status AddServedAdapter(const AdapterOptions& options, std::vector<ServedModel>& models) {
  const std::string name = EscapeForTerminal(options.name.empty() ? options.path.string() : options.name, 400);
  for (const ServedModel& model : models) {
    if (options.name.empty() || model.name != options.name) continue;
    return Err(ErrorCode::kInvalidArgument, "--lora {}: a model of that name is served already", name);
  }
  ServedModel* owner = nullptr;
  std::optional<Error> last;
  for (ServedModel& model : models) {
    if (model.generator == nullptr || !model.parent.empty()) continue;
    if (Status added = model.generator->AddAdapter(options); !added) {
      last = added.error();
      continue;
    }
    if (owner != nullptr) {
      return Err(ErrorCode::kInvalidArgument, "--lora {}: the adapter fits {} and {}; serve one without the other",
                 name, owner->name, model.name);
    }
    owner = &model;
  }
  if (owner == nullptr) {
    if (last) return *last;
    return Err(ErrorCode::kInvalidArgument, "--lora {}: no model is served that writes text, which it could belong to",
               name);
  }
  const NamedAdapter& added = owner->generator->adapters().back();
  const LoraUse use{added.adapter, added.scale};
  if (options.name.empty()) {
    if (use.scale != 0) owner->adapters.push_back(use);
    return Ok();
  }
  ServedModel served{.name = options.name, .created = std::time(nullptr), .generator = owner->generator};
  served.parent = owner->name;
  served.architecture = owner->architecture;
  served.format = owner->format;
  served.sizes = owner->sizes;
  served.license = owner->license;
  served.adapters = {use};
  models.push_back(std::move(served));  // `owner` is not good after this
  return Ok();
}

}  // namespace bantam
