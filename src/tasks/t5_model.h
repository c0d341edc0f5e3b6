// For tests: a small T5 with weights that a seed makes, as a Hugging Face folder without a tokenizer.
#pragma once

#include <fmt/format.h>

#include <map>
#include <random>
#include <vector>

#include "base/file_io.h"
#include "files/safetensors.h"

namespace bantam::testing {

inline Status WriteT5(const Path& folder, int vocab_size, int64_t end_of_text, unsigned seed) {
  constexpr int64_t kHidden = 16, kInner = 8, kWide = 24, kHeads = 2, kLayers = 2;
  std::mt19937 random(seed);
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, TensorView> tensors;
  const auto add = [&](const std::string& name, const Shape& shape, float deviation) {
    std::normal_distribution<float> normal(0, 1);
    std::vector<float>& numbers = values[name + ".weight"];
    numbers.resize(static_cast<size_t>(NumElements(shape)));
    for (float& number : numbers) number = deviation > 0 ? deviation * normal(random) : 1;
    tensors[name + ".weight"] = {DType::kF32, shape, std::as_bytes(std::span(numbers))};
  };
  add("shared", {vocab_size, kHidden}, 0.2f);
  add("lm_head", {vocab_size, kHidden}, 1);
  for (const std::string half : {"encoder", "decoder"}) {
    const bool decoder = half == "decoder";
    add(half + ".final_layer_norm", {kHidden}, 0);
    add(half + ".block.0.layer.0.SelfAttention.relative_attention_bias", {32, kHeads}, 1);
    for (int64_t block = 0; block < kLayers; ++block) {
      const std::string name = fmt::format("{}.block.{}.layer.", half, block);
      std::vector<std::string> attentions = {name + "0.SelfAttention."};
      if (decoder) attentions.push_back(name + "1.EncDecAttention.");
      for (const std::string& attention : attentions) {
        for (const char* part : {"q", "k", "v"}) add(attention + part, {kInner, kHidden}, 0.5f);
        add(attention + "o", {kHidden, kInner}, 0.5f);
      }
      const std::string last = name + (decoder ? "2." : "1.");
      add(last + "DenseReluDense.wi_0", {kWide, kHidden}, 0.5f);
      add(last + "DenseReluDense.wi_1", {kWide, kHidden}, 0.5f);
      add(last + "DenseReluDense.wo", {kHidden, kWide}, 0.5f);
      for (int norm = 0; norm < (decoder ? 3 : 2); ++norm)
        add(fmt::format("{}{}.layer_norm", name, norm), {kHidden}, 0);
    }
  }
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(folder / "model.safetensors", SerializeSafetensors(tensors, {})));
  return WriteFileAtomic(
      folder / "config.json",
      fmt::format(R"({{"model_type": "t5", "vocab_size": {}, "d_model": {}, "d_kv": {}, "num_heads": {}, "d_ff": {},
"num_layers": {}, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false, "decoder_start_token_id": 0,
"eos_token_id": {}, "pad_token_id": 0}})",
                  vocab_size, kHidden, kInner / kHeads, kHeads, kWide, kLayers, end_of_text));
}

}  // namespace bantam::testing
