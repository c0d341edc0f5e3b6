// bantam_model_*: loading, what a model is, embeddings.
#include <span>

#include "base/text_util.h"
#include "capi/call.h"
#include "capi/handles.h"

namespace bantam::capi {
namespace {

static_assert(BANTAM_LOG_DEBUG == static_cast<int>(LogLevel::kDebug));
static_assert(BANTAM_LOG_INFO == static_cast<int>(LogLevel::kInfo));
static_assert(BANTAM_LOG_WARNING == static_cast<int>(LogLevel::kWarning));
static_assert(BANTAM_LOG_ERROR == static_cast<int>(LogLevel::kError));

// Texts that are tokens at one time: enough to fill many batches, few enough that the memory of a long list stays
// small.
constexpr size_t kTextsAtOnce = 1024;
constexpr size_t kMaxPromptBytes = 64 << 10;

Result<WeightType> ReadDtype(bantam_dtype dtype) {
  switch (dtype) {
    case BANTAM_DTYPE_F32:
      return WeightType::kF32;
    case BANTAM_DTYPE_INT8:
      return WeightType::kInt8;
    case BANTAM_DTYPE_INT4:
      return WeightType::kInt4;
  }
  return Err(ErrorCode::kInvalidArgument, "dtype is {}: give one of the BANTAM_DTYPE_ constants",
             static_cast<int>(dtype));
}

void DescribeEncoder(bantam_model& model, const Encoder& encoder, const Tokenizer& tokenizer) {
  model.dtype = WeightTypeName(encoder.weight_type());
  model.isa = encoder.isa();
  model.tokenizer.tokenizer = &tokenizer;
  model.info.struct_size = sizeof(bantam_model_info);
  model.info.dtype = model.dtype.c_str();
  model.info.isa = model.isa.c_str();
  model.info.num_layers = encoder.num_layers();
  model.info.vocab_size = tokenizer.vocab_size();
  model.info.num_parameters = encoder.num_parameters();
  model.info.weight_bytes = encoder.weight_bytes();
}

Status LoadForEmbeddings(std::string_view reference, const EmbedderOptions& options, bantam_model& model) {
  BANTAM_TRY(model.embedder, Embedder::Load(reference, options));
  const Embedder& embedder = *model.embedder;
  DescribeEncoder(model, embedder.encoder(), embedder.tokenizer());
  model.info.name = embedder.model_name().c_str();
  model.info.architecture = embedder.architecture().c_str();
  model.info.weights_sha256 = embedder.weights_sha256().c_str();
  model.info.dimensions = embedder.dimensions();
  model.info.max_tokens = embedder.max_tokens();
  model.info.head = "";
  return Ok();
}

Status LoadForItsHead(std::string_view reference, const LoadOptions& options, bantam_model& model) {
  model.heads = std::make_unique<bantam_heads>();
  bantam_heads& heads = *model.heads;
  BANTAM_TRY(heads.model, bantam::LoadModel(reference, options));
  heads.name = HeadName(heads.model);
  // What a head is not good for says so when it is asked.
  if (auto made = Classifier::Create(heads.model)) heads.classifier = *std::move(made);
  if (auto made = Reranker::Create(heads.model)) heads.reranker = *std::move(made);
  if (auto made = Tagger::Create(heads.model)) heads.tagger = *std::move(made);
  DescribeEncoder(model, heads.model.encoder(), *heads.model.tokenizer);
  model.info.name = heads.model.folder.name.c_str();
  model.info.architecture = heads.model.folder.architecture.c_str();
  BANTAM_TRY(model.weights_sha256, heads.model.folder.identity.Sha256());
  model.info.weights_sha256 = model.weights_sha256.c_str();
  model.info.dimensions = heads.model.encoder().hidden_size();
  model.info.max_tokens = heads.model.max_tokens;
  model.info.head = heads.name.c_str();
  if (heads.model.head == nullptr) return Ok();
  for (const std::string& label : heads.model.head->labels()) heads.labels.push_back(label.c_str());
  model.info.num_labels = heads.labels.size();
  model.info.labels = heads.labels.data();
  model.info.multi_label = heads.model.head->multi_label() ? 1 : 0;
  return Ok();
}

Status LoadModel(const char* reference, const bantam_model_options* given, bantam_model** out) {
  BANTAM_RETURN_IF_ERROR(NotNull(out, "out"));
  BANTAM_RETURN_IF_ERROR(NotNull(reference, "reference"));
  BANTAM_TRY(const auto options,
             ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_model_options, log_user_data), "bantam_model_options"));
  BANTAM_TRY(const std::string_view name, ReadName(reference, "reference"));
  BANTAM_TRY(const std::string_view store, ReadName(options.store_folder, "store_folder"));
  BANTAM_TRY(const WeightType type, ReadDtype(options.dtype));
  BANTAM_TRY(const int num_threads, ReadThreads(options.num_threads));
  auto model = std::make_unique<bantam_model>();
  model->log = MakeLogSink(options.log, options.log_user_data);
  const LogScope log(model->log);
  // Every caller is a thread that the host has anyway, and waits: no bound on how many may.
  const EngineOptions engine{.num_threads = num_threads, .max_queued_requests = SIZE_MAX, .own_thread = false};
  const auto store_path = store.empty() ? std::optional<Path>() : std::optional<Path>(store);
  const bool packed = options.no_packed_files == 0;
  switch (options.task) {
    case BANTAM_TASK_EMBED:
      BANTAM_RETURN_IF_ERROR(LoadForEmbeddings(
          name, {.weight_type = type, .engine = engine, .store = store_path, .use_packed_files = packed}, *model));
      break;
    case BANTAM_TASK_HEAD:
      BANTAM_RETURN_IF_ERROR(LoadForItsHead(
          name, {.weight_type = type, .engine = engine, .store = store_path, .use_packed_files = packed}, *model));
      break;
    default:
      return Err(ErrorCode::kInvalidArgument, "task is {}: give one of the BANTAM_TASK_ constants",
                 static_cast<int>(options.task));
  }
  model->info.num_threads = num_threads;
  *out = model.release();
  return Ok();
}

// Options of a call, checked against the model.
struct EmbedPlan {
  EmbedCall call;
  TextPrompt prompt;  // what call.prompt points to, if it is set
  size_t dimensions = 0;

  EmbedPlan() = default;
  EmbedPlan(const EmbedPlan&) = delete;
  EmbedPlan& operator=(const EmbedPlan&) = delete;
  void Put(std::span<const float> vector, float* out) const {
    std::ranges::copy(vector.first(dimensions), out);
    if (dimensions < vector.size()) NormalizeVector({out, dimensions});
  }
};

Result<PromptChoice> ReadPromptChoice(const bantam_embed_options& options) {
  PromptChoice choice;
  if (options.prompt != nullptr && options.prompt_name != nullptr) {
    return Err(ErrorCode::kInvalidArgument, "\"prompt\" and \"prompt_name\" are both set: give one of them");
  }
  if (options.prompt != nullptr) {
    BANTAM_TRY(const std::string_view text, ReadText(options.prompt, BANTAM_C_STRING, "prompt", kMaxPromptBytes));
    choice.text = std::string(text);
  }
  if (options.prompt_name != nullptr) {
    BANTAM_TRY(const std::string_view name,
               ReadText(options.prompt_name, BANTAM_C_STRING, "prompt_name", kMaxPromptBytes));
    choice.name = std::string(name);
  }
  return choice;
}

Status ReadEmbedOptions(const bantam_embed_options* given, const bantam_model& model, EmbedPlan& plan) {
  BANTAM_TRY(const auto options,
             ReadOptions(given, BANTAM_SIZE_THROUGH(bantam_embed_options, timeout_ms), "bantam_embed_options"));
  const int all = model.embedder->dimensions();
  if (options.dimensions < 0 || options.dimensions > all) {
    return Err(ErrorCode::kInvalidArgument, "\"dimensions\" is {}: \"{}\" gives at most {}", options.dimensions,
               model.info.name, all);
  }
  plan.dimensions = static_cast<size_t>(options.dimensions == 0 ? all : options.dimensions);
  plan.call.deadline = DeadlineAfter(options.timeout_ms);
  BANTAM_TRY(const PromptChoice choice, ReadPromptChoice(options));
  if (!choice.text && !choice.name) return Ok();
  // The caller's own prompt is text as any other: it never becomes a special token.
  BANTAM_TRY(plan.prompt, model.embedder->ResolvePrompt(choice, false));
  plan.call.prompt = &plan.prompt;
  return Ok();
}

// texts: at most kTextsAtOnce; first: the number of texts[0] in the caller's list
Status EmbedSome(Embedder& embedder, std::span<const bantam_text> texts, size_t first, const EmbedPlan& plan,
                 float* vectors, bantam_text_info* infos) {
  std::vector<std::string> strings;
  strings.reserve(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    BANTAM_TRY(const std::string_view text,
               ReadText(texts[i].data, texts[i].size, fmt::format("texts[{}]", first + i)));
    strings.emplace_back(text);
  }
  BANTAM_TRY(const EmbeddedTexts embedded, embedder.EmbedTexts(strings, plan.call));
  for (size_t i = 0; i < texts.size(); ++i) plan.Put(embedded.vectors.row(i), vectors + i * plan.dimensions);
  if (infos == nullptr) return Ok();
  for (size_t i = 0; i < texts.size(); ++i) {
    infos[first + i] = {embedded.texts[i].num_tokens, embedded.texts[i].truncated ? 1U : 0U};
  }
  return Ok();
}

Status ForEmbeddings(const bantam_model* model) {
  BANTAM_RETURN_IF_ERROR(NotNull(model, "model"));
  if (model->embedder != nullptr) return Ok();
  return Err(ErrorCode::kUnsupported, "\"{}\" was loaded for its head: load it with task = BANTAM_TASK_EMBED",
             model->info.name);
}

Status Embed(bantam_model* model, const char* text, size_t text_size, const bantam_embed_options* given, float* vector,
             size_t capacity, bantam_text_info* info) {
  BANTAM_RETURN_IF_ERROR(ForEmbeddings(model));
  BANTAM_RETURN_IF_ERROR(NotNull(vector, "vector"));
  EmbedPlan plan;
  BANTAM_RETURN_IF_ERROR(ReadEmbedOptions(given, *model, plan));
  if (capacity < plan.dimensions) {
    return Err(ErrorCode::kInvalidArgument, "\"vector\" has room for {} floats, an embedding has {}", capacity,
               plan.dimensions);
  }
  BANTAM_TRY(const std::string_view view, ReadText(text, text_size, "text"));
  const LogScope log(model->log);
  BANTAM_TRY(const Embedding embedding, model->embedder->Embed(view, plan.call));
  plan.Put(embedding.vector, vector);
  if (info != nullptr) *info = {static_cast<uint32_t>(embedding.num_tokens), embedding.truncated ? 1U : 0U};
  return Ok();
}

Status EmbedBatch(bantam_model* model, const bantam_text* texts, size_t num_texts, const bantam_embed_options* given,
                  float* vectors, size_t capacity, bantam_text_info* infos) {
  BANTAM_RETURN_IF_ERROR(ForEmbeddings(model));
  EmbedPlan plan;
  BANTAM_RETURN_IF_ERROR(ReadEmbedOptions(given, *model, plan));
  if (num_texts == 0) return Ok();
  BANTAM_RETURN_IF_ERROR(NotNull(texts, "texts"));
  BANTAM_RETURN_IF_ERROR(NotNull(vectors, "vectors"));
  if (capacity / plan.dimensions < num_texts) {
    return Err(ErrorCode::kInvalidArgument, "\"vectors\" has room for {} floats, {} texts need {} each", capacity,
               num_texts, plan.dimensions);
  }
  const LogScope log(model->log);
  const std::span all(texts, num_texts);
  for (size_t begin = 0; begin < num_texts; begin += kTextsAtOnce) {
    const auto some = all.subspan(begin, std::min(kTextsAtOnce, num_texts - begin));
    BANTAM_RETURN_IF_ERROR(EmbedSome(*model->embedder, some, begin, plan, vectors + begin * plan.dimensions, infos));
  }
  return Ok();
}

}  // namespace

ThreadLogSink::Sink MakeLogSink(bantam_log_fn log, void* user_data) {
  if (log == nullptr) return {};
  return [log, user_data](LogLevel level, std::string_view line) {
    log(user_data, static_cast<bantam_log_level>(level), std::string(line).c_str());
  };
}

}  // namespace bantam::capi

using namespace bantam::capi;

extern "C" {

bantam_status bantam_model_load(const char* reference, const bantam_model_options* options, bantam_model** out) {
  return Call([&] { return LoadModel(reference, options, out); });
}

void bantam_model_free(bantam_model* model) { delete model; }

const bantam_model_info* bantam_model_describe(const bantam_model* model) {
  return model == nullptr ? nullptr : &model->info;
}

const bantam_tokenizer* bantam_model_tokenizer(const bantam_model* model) {
  return model == nullptr ? nullptr : &model->tokenizer;
}

bantam_status bantam_model_embed(bantam_model* model, const char* text, size_t text_size,
                                 const bantam_embed_options* options, float* vector, size_t capacity,
                                 bantam_text_info* info) {
  return Call([&] { return Embed(model, text, text_size, options, vector, capacity, info); });
}

bantam_status bantam_model_embed_batch(bantam_model* model, const bantam_text* texts, size_t num_texts,
                                       const bantam_embed_options* options, float* vectors, size_t capacity,
                                       bantam_text_info* infos) {
  return Call([&] { return EmbedBatch(model, texts, num_texts, options, vectors, capacity, infos); });
}
}
