// A BERT's weights as the kernels read them: which layers there are, and under which names a checkpoint keeps them. The
// names are data, so that a relative of BERT is a table of them (distilbert.cc, electra.cc, ...).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "layers/score_bias.h"
#include "models/bert_config.h"
#include "models/weight_binder.h"

namespace bantam {

struct BertLayerWeights {
  Linear qkv;  // query, key and value as one product: [3 * hidden_size, hidden_size]
  Linear attention_output;
  LayerNorm attention_norm;
  Linear intermediate;
  Linear output;
  LayerNorm output_norm;
  const ScoreBias* bias = nullptr;  // of attention, in the relatives that have one
};

struct BertWeights {
  std::vector<BertLayerWeights> layers;  // in the order they run; shared ones are there more than once
  LayerNorm embedding_norm;
  Embedding embedding;
  Linear embedding_projection;  // out_features 0: the tables are as wide as the layers
  // What the layers' biases point to.
  std::vector<std::shared_ptr<const void>> owned;
};

struct BertNames {
  std::string embeddings = "embeddings.";  // word_embeddings, position_embeddings, token_type_embeddings, LayerNorm
  std::string projection = {};             // where embedding_size is not hidden_size
  std::string layer = "encoder.layer.";    // then NUMBER.
  std::string query = "attention.self.query";
  std::string key = "attention.self.key";
  std::string value = "attention.self.value";
  std::string attention_output = "attention.output.dense";
  std::string attention_norm = "attention.output.LayerNorm";
  std::string intermediate = "intermediate.dense";
  std::string output = "output.dense";
  std::string output_norm = "output.LayerNorm";
  // The beginning of the names of layer weights `index`; ALBERT counts in two parts.
  std::function<std::string(int index)> layer_prefix = {};

  std::string Layer(int index) const {
    return layer_prefix ? layer_prefix(index) : layer + std::to_string(index) + ".";
  }
};

// Everything that makes a relative of BERT: its config in BERT's terms, and its checkpoints' names.
struct BertFamily {
  BertConfig config;
  WeightNames names;
  BertNames layers = {};
  // Weights beside BERT's; once they are in place (bind.placed()) it gives the layers their biases.
  std::function<void(WeightBinder& bind, BertWeights& weights)> bind_more = {};
};

void BindBert(const BertFamily& family, WeightBinder& bind, BertWeights& weights);

// "bert." where a head on top of the encoder put its tensors there, "pooler.", "cls.": what BERT's own checkpoints
// have.
WeightNames BertWeightNames(const WeightSource& source);

}  // namespace bantam
