#include "models/bert_weights.h"

namespace bantam {

void BindBert(const BertFamily& family, WeightBinder& bind, BertWeights& weights) {
  const BertConfig& config = family.config;
  const BertNames& names = family.layers;
  const int hidden = config.hidden_size, width = config.embedding_size;
  const LayerNorm like{.size = hidden, .epsilon = config.layer_norm_eps};
  std::vector<BertLayerWeights> own(static_cast<size_t>(config.num_layer_weights()));
  for (int i = 0; i < config.num_layer_weights(); ++i) {
    BertLayerWeights& layer = own[static_cast<size_t>(i)];
    const std::string name = names.Layer(i);
    bind.Layer(layer.qkv, {name + names.query, name + names.key, name + names.value}, hidden, 3 * hidden);
    bind.Layer(layer.attention_output, {name + names.attention_output}, hidden, hidden);
    bind.Norm(layer.attention_norm, name + names.attention_norm, like);
    bind.Layer(layer.intermediate, {name + names.intermediate}, hidden, config.intermediate_size);
    bind.Layer(layer.output, {name + names.output}, config.intermediate_size, hidden);
    bind.Norm(layer.output_norm, name + names.output_norm, like);
  }
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    const auto at = static_cast<size_t>(i);
    weights.layers.push_back(own[config.layer_weights.empty() ? at : static_cast<size_t>(config.layer_weights[at])]);
  }

  Embedding& embedding = weights.embedding;
  embedding.hidden_size = width;
  bind.Norm(weights.embedding_norm, names.embeddings + "LayerNorm", {.size = width, .epsilon = config.layer_norm_eps});
  if (config.type_vocab_size > 0) {
    bind.Table(embedding.types, names.embeddings + "token_type_embeddings.weight", {config.type_vocab_size, width});
  } else {
    bind.Zeros(embedding.types, static_cast<size_t>(width));
  }
  if (config.has_positions) {
    bind.Table(embedding.positions, names.embeddings + "position_embeddings.weight",
               {config.max_position_embeddings, width});
    // The first token's position is a later row in RoBERTa's tables.
    if (embedding.positions != nullptr) embedding.positions += static_cast<ptrdiff_t>(config.position_offset) * width;
  } else {
    bind.Zeros(embedding.positions, static_cast<size_t>(config.max_position_embeddings) * width);
  }
  bind.Words(embedding, names.embeddings + "word_embeddings", config.vocab_size);
  if (width != hidden) bind.Layer(weights.embedding_projection, {names.projection}, width, hidden);
  if (family.bind_more) family.bind_more(bind, weights);
}

WeightNames BertWeightNames(const WeightSource& source) {
  return {.what = "BERT encoder",
          .prefix = PrefixOf(source, {"bert."}, "embeddings.word_embeddings.weight"),
          .ignored = {"pooler.", "cls.", "classifier.", "qa_outputs.", "embeddings.position_ids"}};
}

}  // namespace bantam
