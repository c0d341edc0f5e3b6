#include "tasks/memory_need.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "base/text_util.h"
#include "files/config_number.h"

namespace bantam {
namespace {

constexpr int64_t kMostSize = int64_t{1} << 31;  // of a number in config.json that we multiply with
constexpr int64_t kMostHeadDim = 1 << 20;        // sizes of a head are computed in 32 bits; no model is near it

// A tokenizer has some 200 bytes for each token (its text, its place in two tables, its merges), the logits of 32 texts
// that are written at once have 128. What is left is the working memory of a step of 256 tokens and the threads'
// stacks.
uint64_t RestOf(int64_t vocab_size, bool writes) {
  constexpr uint64_t kTokenBytes = 200, kLogitsBytes = 128, kFixed = uint64_t{8} << 20;
  const auto vocab = static_cast<uint64_t>(std::clamp<int64_t>(vocab_size, 0, int64_t{1} << 24));
  return kFixed + vocab * (kTokenBytes + (writes ? kLogitsBytes : 0));
}

int64_t FieldOf(const json::value& config, std::initializer_list<const char*> names, int64_t otherwise) {
  return std::min(ConfigNumber(config, names).value_or(otherwise), kMostSize);
}

bool IsBlocks(DType dtype) { return BlockOf(dtype).elements > 1; }

uint64_t WeightBytes(const TensorView& tensor, WeightType type) {
  constexpr double kQ8 = 34.0 / 32, kInt4 = 18.0 / 32;
  constexpr double kRowBytes = 12;  // of integers: scale, sum, padding
  const auto elements = static_cast<double>(NumElements(tensor.shape));
  if (tensor.shape.size() != 2 || type == WeightType::kF32) return static_cast<uint64_t>(elements * 4);
  const auto rows = static_cast<double>(tensor.shape[0]);
  switch (type) {
    case WeightType::kBlocks:
      if (tensor.shape[1] % 32 != 0) return static_cast<uint64_t>(elements * 4);  // no whole blocks
      return IsBlocks(tensor.dtype) ? tensor.bytes.size() : static_cast<uint64_t>(elements * kQ8);
    case WeightType::kInt4:
      return static_cast<uint64_t>(elements * kInt4 + rows * kRowBytes);
    default:
      return static_cast<uint64_t>(elements + rows * kRowBytes);
  }
}

uint64_t CacheBytes(const ModelFolder& model, const GeneratorOptions& options) {
  const json::value& config = model.config;
  const int64_t heads = FieldOf(config, {"num_attention_heads", "n_head", "num_heads"}, 1);
  const int64_t hidden = FieldOf(config, {"hidden_size", "n_embd", "d_model"}, 0);
  KvCacheShape shape{.num_layers = static_cast<int>(
                         FieldOf(config, {"num_hidden_layers", "n_layer", "num_decoder_layers", "num_layers"}, 0)),
                     .num_kv_heads = static_cast<int>(FieldOf(config, {"num_key_value_heads"}, heads)),
                     .head_dim = static_cast<int>(
                         std::min(kMostHeadDim, FieldOf(config, {"head_dim", "d_kv"}, heads > 0 ? hidden / heads : 0))),
                     .type = options.engine.kv_type.value_or(DefaultKvType(options.weight_type))};
  int64_t tokens = options.engine.cache_tokens;
  if (tokens <= 0) {
    const int64_t positions = FieldOf(config, {"max_position_embeddings", "n_positions", "n_ctx"}, kMostSize);
    tokens = std::min<int64_t>(positions, GenerationOptions::kDefaultCacheTokens);
  }
  const auto blocks = static_cast<double>((tokens + kKvBlockTokens - 1) / kKvBlockTokens);
  return static_cast<uint64_t>(std::min(9e18, blocks * static_cast<double>(shape.block_bytes())));
}

}  // namespace

std::string MemoryNeed::ToString() const {
  std::string text = fmt::format("weights {}", HumanBytes(weights));
  if (cache > 0) text += fmt::format(", cache {}", HumanBytes(cache));
  return text + fmt::format(", rest {}", HumanBytes(rest));
}

MemoryNeed EstimateMemory(const ModelFolder& model, WeightType encoder, const GeneratorOptions& generator) {
  const bool writes = Generator::IsFor(model);
  const WeightType type = writes ? generator.weight_type : encoder;
  const WeightSource& source = *model.weights;
  MemoryNeed need;
  const TensorView* largest = nullptr;
  for (const std::string& name : source.Names()) {
    const TensorView* tensor = source.Describe(name);
    if (tensor == nullptr) continue;
    need.weights += WeightBytes(*tensor, type);
    if (largest == nullptr || NumElements(tensor->shape) > NumElements(largest->shape)) largest = tensor;
  }
  // A table of words that is the matrix of the logits as well is packed for both, but for blocks.
  const bool tied = !source.Has("lm_head.weight") && !source.Has("output.weight");
  if (writes && tied && type != WeightType::kBlocks && largest != nullptr) need.weights += WeightBytes(*largest, type);
  if (writes) need.cache = CacheBytes(model, generator);
  need.rest = RestOf(FieldOf(model.config, {"vocab_size"}, 0), writes);
  return need;
}

MemoryNeed MemoryOf(const Generator& generator) {
  const GenerationEngine& engine = generator.engine();
  const auto of = [&](const Decoder& decoder) {
    const size_t block = CacheShapeOf(decoder, engine.kv_type()).block_bytes();
    return static_cast<uint64_t>(engine.Stats().num_blocks) * block;
  };
  MemoryNeed need{.weights = engine.decoder().weight_bytes(), .cache = of(engine.decoder())};
  if (const Decoder* draft = engine.draft_decoder(); draft != nullptr) {
    need.weights += draft->weight_bytes();
    need.cache += of(*draft);
  }
  need.rest = RestOf(engine.decoder().vocab_size(), true);
  return need;
}

MemoryNeed MemoryOf(const Encoder& encoder) {
  return {.weights = encoder.weight_bytes(), .rest = RestOf(encoder.vocab_size(), false)};
}

}  // namespace bantam
