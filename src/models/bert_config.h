// What a BERT's config.json says, checked.
#pragma once

#include <string>

#include "base/json.h"
#include "kernels/kernel_table.h"

namespace bantam {

struct BertConfig {
  int vocab_size = 0;
  int hidden_size = 0;
  int num_hidden_layers = 0;
  int num_attention_heads = 0;
  int intermediate_size = 0;
  int max_position_embeddings = 0;
  int type_vocab_size = 0;
  float layer_norm_eps = 1e-12f;
  Activation hidden_act = kActivationGelu;

  int head_dim() const { return hidden_size / num_attention_heads; }
  // One line with everything that the packed weights depend on.
  std::string Fingerprint() const;
};

// kUnsupported for what other members of the family have and this code has not, by the key's name.
Result<BertConfig> ParseBertConfig(const json::value& config, std::string_view name);

}  // namespace bantam
