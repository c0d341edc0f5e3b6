// For tests: a LoRA adapter of the trained Llama of the data sets (stories_model.h), in peft's format, with weights
// that a seed makes.
#pragma once

#include <fmt/format.h>

#include <map>
#include <random>
#include <vector>

#include "base/file_io.h"
#include "files/safetensors.h"

namespace bantam::testing {

inline Status WriteStoriesAdapter(const Path& folder, unsigned seed, int rank = 4) {
  struct Module {
    const char* name;
    int64_t in, out;
  };
  static constexpr Module kModules[] = {
      {"self_attn.q_proj", 64, 64}, {"self_attn.v_proj", 64, 32}, {"mlp.down_proj", 172, 64}};
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.2f);
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, TensorView> tensors;
  for (int layer = 0; layer < 5; ++layer) {
    for (const Module& module : kModules) {
      const std::string name = fmt::format("base_model.model.model.layers.{}.{}.lora_", layer, module.name);
      for (const auto& [half, shape] : {std::pair{"A", Shape{rank, module.in}}, {"B", Shape{module.out, rank}}}) {
        std::vector<float>& numbers = values[name + half + ".weight"];
        numbers.resize(static_cast<size_t>(shape[0] * shape[1]));
        for (float& number : numbers) number = normal(random);
        tensors[name + half + ".weight"] = {DType::kF32, shape, std::as_bytes(std::span(numbers))};
      }
    }
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(folder / "adapter_model.safetensors", SerializeSafetensors(tensors, {})));
  return WriteFileAtomic(folder / "adapter_config.json",
                         fmt::format(R"({{"peft_type": "LORA", "r": {0}, "lora_alpha": {0}}})", rank));
}

}  // namespace bantam::testing
