#include "models/bert_weights.h"

#include "base/check.h"

namespace bantam {
namespace {

constexpr const char* kWords = "embeddings.word_embeddings";

// The names of one layer's parts.
struct LayerNames {
  explicit LayerNames(int index) : layer(fmt::format("encoder.layer.{}.", index)) {}
  std::string Query() const { return layer + "attention.self.query"; }
  std::string Key() const { return layer + "attention.self.key"; }
  std::string Value() const { return layer + "attention.self.value"; }
  std::string AttentionOutput() const { return layer + "attention.output.dense"; }
  std::string Intermediate() const { return layer + "intermediate.dense"; }
  std::string Output() const { return layer + "output.dense"; }
  std::string layer;
};

}  // namespace

std::string BertPrefix(const WeightSource& source) {
  return source.Has("bert.embeddings.word_embeddings.weight") ? "bert." : "";
}

BertLayout LayOutBert(const BertConfig& config, const WeightPlan& plan, const std::string& prefix,
                      const std::byte* block) {
  BertLayout layout;
  WeightLayout place(block);
  const int hidden = config.hidden_size;
  const auto linear = [&](const std::string& name, int in, int out) {
    return place.TakeLinear(plan.LinearType(prefix + name), in, out);
  };
  const auto norm = [&] { return place.TakeNorm(hidden, config.layer_norm_eps); };
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    const LayerNames names(i);
    BertLayerWeights layer;
    layer.qkv = linear(names.Query(), hidden, 3 * hidden);
    layer.attention_output = linear(names.AttentionOutput(), hidden, hidden);
    layer.attention_norm = norm();
    layer.intermediate = linear(names.Intermediate(), hidden, config.intermediate_size);
    layer.output = linear(names.Output(), config.intermediate_size, hidden);
    layer.output_norm = norm();
    layout.weights.layers.push_back(layer);
  }
  layout.weights.embedding_norm = norm();
  Embedding& embedding = layout.weights.embedding;
  const auto width = static_cast<size_t>(hidden);
  embedding.hidden_size = hidden;
  embedding.types = place.Take<float>(config.type_vocab_size * width);
  embedding.positions = place.Take<float>(config.max_position_embeddings * width);
  place.TakeWords(plan.TableType(prefix + kWords), config.vocab_size, embedding);
  layout.total_bytes = place.total_bytes();
  return layout;
}

Result<uint64_t> ReadBertWeights(WeightSource& source, const BertConfig& config, const WeightPlan& plan,
                                 std::span<std::byte> block) {
  const std::string prefix = BertPrefix(source);
  const BertLayout layout = LayOutBert(config, plan, prefix, block.data());
  BANTAM_CHECK(block.size() == layout.total_bytes);
  const BertWeights& weights = layout.weights;
  WeightReader reader(source, plan, prefix);
  const int hidden = config.hidden_size;
  const auto width = static_cast<size_t>(hidden);
  BANTAM_RETURN_IF_ERROR(reader.ReadWords(kWords, config.vocab_size, weights.embedding));
  BANTAM_RETURN_IF_ERROR(reader.Into("embeddings.position_embeddings.weight", {config.max_position_embeddings, hidden},
                                     Fill(weights.embedding.positions, config.max_position_embeddings * width)));
  BANTAM_RETURN_IF_ERROR(reader.Into("embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden},
                                     Fill(weights.embedding.types, config.type_vocab_size * width)));
  BANTAM_RETURN_IF_ERROR(reader.ReadNorm("embeddings.LayerNorm", weights.embedding_norm));
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    const BertLayerWeights& layer = weights.layers[i];
    const LayerNames names(i);
    BANTAM_RETURN_IF_ERROR(reader.ReadLinear({names.Query(), names.Key(), names.Value()}, layer.qkv));
    BANTAM_RETURN_IF_ERROR(reader.ReadLinear({names.AttentionOutput()}, layer.attention_output));
    BANTAM_RETURN_IF_ERROR(reader.ReadNorm(names.layer + "attention.output.LayerNorm", layer.attention_norm));
    BANTAM_RETURN_IF_ERROR(reader.ReadLinear({names.Intermediate()}, layer.intermediate));
    BANTAM_RETURN_IF_ERROR(reader.ReadLinear({names.Output()}, layer.output));
    BANTAM_RETURN_IF_ERROR(reader.ReadNorm(names.layer + "output.LayerNorm", layer.output_norm));
  }
  // position_ids: 0, 1, 2, ..., a buffer that old versions saved.
  BANTAM_RETURN_IF_ERROR(
      reader.Finish("BERT encoder", std::vector<std::string>{"pooler.", "cls.", "embeddings.position_ids"}));
  return reader.num_parameters();
}

}  // namespace bantam
