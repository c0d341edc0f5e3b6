// adapter_config.json of a LoRA adapter, as the Python package `peft` writes it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace bantam {

struct LoraConfig {
  int rank = 0;
  double alpha = 0;
  bool root_of_rank = false;  // alpha / sqrt(rank) in place of alpha / rank (rsLoRA)
  // For modules with this name, or with a name that ends in it after a dot. The first that fits counts.
  std::vector<std::pair<std::string, int>> ranks;
  std::vector<std::pair<std::string, double>> alphas;

  int RankOf(std::string_view module) const;
  double ScaleOf(std::string_view module) const;  // of its product
};

// Whether a module is the one that `name` means: "q_proj", or "layers.1.self_attn.q_proj".
bool IsModule(std::string_view module, std::string_view name);

// kUnsupported, naming the key, for what changes more than low-rank products do: DoRA, trained biases, whole modules
// and the like.
Result<LoraConfig> ReadLoraConfig(const json::value& document, std::string_view name);

}  // namespace bantam
