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

void Describe(bantam_model& model, int num_threads) {
  const Embedder& embedder = *model.embedder;
  const Encoder& encoder = embedder.encoder();
  model.dtype = WeightTypeName(encoder.weight_type());
  model.isa = encoder.isa();
  model.info = {.struct_size = sizeof(bantam_model_info),
                .name = embedder.model_name().c_str(),
                .architecture = embedder.architecture().c_str(),
                .dtype = model.dtype.c_str(),
                .isa = model.isa.c_str(),
                .weights_sha256 = embedder.weights_sha256().c_str(),
                .dimensions = embedder.dimensions(),
                .max_tokens = embedder.max_tokens(),
                .num_layers = encoder.num_layers(),
                .vocab_size = embedder.tokenizer().vocab_size(),
                .num_threads = num_threads,
                .num_parameters = encoder.num_parameters(),
                .weight_bytes = encoder.weight_bytes()};
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
  EmbedderOptions embedder{.weight_type = type,
                           .num_threads = num_threads,
                           .engine = {.max_queued_requests = SIZE_MAX, .own_thread = false},
                           .use_packed_files = options.no_packed_files == 0};
  if (!store.empty()) embedder.store = Path(store);
  BANTAM_TRY(model->embedder, Embedder::Load(name, embedder));
  model->tokenizer.tokenizer = &model->embedder->tokenizer();
  Describe(*model, num_threads);
  *out = model.release();
  return Ok();
}

// texts: at most kTextsAtOnce; first: the number of texts[0] in the caller's list
Status EmbedSome(Embedder& embedder, std::span<const bantam_text> texts, size_t first, MonotonicTime deadline,
                 std::span<float> vectors, bantam_text_info* infos) {
  std::vector<std::string> strings;
  strings.reserve(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    BANTAM_TRY(const std::string_view text,
               ReadText(texts[i].data, texts[i].size, fmt::format("texts[{}]", first + i)));
    strings.emplace_back(text);
  }
  BANTAM_TRY(const EmbeddedTexts embedded, embedder.EmbedTexts(strings, deadline));
  std::ranges::copy(embedded.vectors.values, vectors.begin());
  if (infos == nullptr) return Ok();
  for (size_t i = 0; i < texts.size(); ++i) {
    infos[first + i] = {embedded.texts[i].num_tokens, embedded.texts[i].truncated ? 1U : 0U};
  }
  return Ok();
}

Result<bantam_embed_options> ReadEmbedOptions(const bantam_embed_options* options) {
  return ReadOptions(options, BANTAM_SIZE_THROUGH(bantam_embed_options, timeout_ms), "bantam_embed_options");
}

Status Embed(bantam_model* model, const char* text, size_t text_size, const bantam_embed_options* given, float* vector,
             size_t capacity, bantam_text_info* info) {
  BANTAM_RETURN_IF_ERROR(NotNull(model, "model"));
  BANTAM_RETURN_IF_ERROR(NotNull(vector, "vector"));
  BANTAM_TRY(const auto options, ReadEmbedOptions(given));
  const auto dimensions = static_cast<size_t>(model->embedder->dimensions());
  if (capacity < dimensions) {
    return Err(ErrorCode::kInvalidArgument, "\"vector\" has room for {} floats, an embedding has {}", capacity,
               dimensions);
  }
  BANTAM_TRY(const std::string_view view, ReadText(text, text_size, "text"));
  const LogScope log(model->log);
  BANTAM_TRY(const Embedding embedding, model->embedder->Embed(view, DeadlineAfter(options.timeout_ms)));
  std::ranges::copy(embedding.vector, vector);
  if (info != nullptr) *info = {static_cast<uint32_t>(embedding.num_tokens), embedding.truncated ? 1U : 0U};
  return Ok();
}

Status EmbedBatch(bantam_model* model, const bantam_text* texts, size_t num_texts, const bantam_embed_options* given,
                  float* vectors, size_t capacity, bantam_text_info* infos) {
  BANTAM_RETURN_IF_ERROR(NotNull(model, "model"));
  BANTAM_TRY(const auto options, ReadEmbedOptions(given));
  if (num_texts == 0) return Ok();
  BANTAM_RETURN_IF_ERROR(NotNull(texts, "texts"));
  BANTAM_RETURN_IF_ERROR(NotNull(vectors, "vectors"));
  const auto dimensions = static_cast<size_t>(model->embedder->dimensions());
  if (capacity / dimensions < num_texts) {
    return Err(ErrorCode::kInvalidArgument, "\"vectors\" has room for {} floats, {} texts need {} each", capacity,
               num_texts, dimensions);
  }
  const LogScope log(model->log);
  const MonotonicTime deadline = DeadlineAfter(options.timeout_ms);
  const std::span all(texts, num_texts);
  for (size_t begin = 0; begin < num_texts; begin += kTextsAtOnce) {
    const auto some = all.subspan(begin, std::min(kTextsAtOnce, num_texts - begin));
    BANTAM_RETURN_IF_ERROR(EmbedSome(*model->embedder, some, begin, deadline,
                                     {vectors + begin * dimensions, some.size() * dimensions}, infos));
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
