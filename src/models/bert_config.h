// What the config.json of a BERT, or of one of its relatives, says in BERT's terms; checked.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "kernels/kernel_table.h"

namespace bantam {

struct BertConfig {
  std::string family = "bert";  // config.json "model_type"
  int vocab_size = 0;
  int hidden_size = 0;
  int embedding_size = 0;  // width of the tables; another than hidden_size needs a projection
  int num_hidden_layers = 0;
  std::vector<int> layer_weights;  // which weights each layer has, where layers share them; empty: its own
  int num_attention_heads = 0;
  int intermediate_size = 0;
  int max_position_embeddings = 0;  // rows of the position table
  int position_offset = 0;          // the first token's row there
  bool has_positions = true;
  int type_vocab_size = 0;  // 0: no token types
  float layer_norm_eps = 1e-12f;
  float attention_scale = 0;  // 0: 1 / sqrt(head_dim)
  Activation hidden_act = kActivationGelu;
  std::string more;  // whatever else the layout depends on, for the fingerprint

  int head_dim() const { return hidden_size / num_attention_heads; }
  int max_sequence() const { return max_position_embeddings - position_offset; }
  int num_layer_weights() const;
  // One line with everything that the packed weights depend on.
  std::string Fingerprint() const;
};

// The keys that configs of the family share, under BERT's names. kUnsupported for what other members have and this code
// has not, by the key's name.
Result<BertConfig> ParseBertConfig(const JsonObject& config);

}  // namespace bantam
