// What quantising a decoder cost and won: printed, and stored in the file that was written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "learn/decoder_speed.h"
#include "learn/perplexity.h"
#include "tensor/tensor.h"

namespace bantam {

struct QuantizedMatrix {
  std::string name;  // in the GGUF file
  DType before = DType::kF32, after = DType::kF32;
  uint64_t num_weights = 0;
  double loss = 0;  // the share of its outputs' energy that is error, measured on some of its rows
};

struct DecoderQuantReport {
  std::string model, weights_sha256;  // the original
  DType type = DType::kQ4_K;
  std::string text;                            // what it was measured on; empty: built-in sentences
  uint64_t bytes_before = 0, bytes_after = 0;  // of all tensors
  uint64_t num_parameters = 0;
  std::vector<QuantizedMatrix> matrices;
  DivergenceFigures divergence;
  DecoderSpeed speed_before, speed_after;
  std::string isa;
  int threads = 0, trials = 0;
  std::optional<double> max_rise;
  bool rounded_before = false;  // the original's matrices are in block formats themselves
  double seconds = 0;

  double bits_per_weight() const;
  double rise() const;  // of the perplexity, percent
};

json::object ToJsonObject(const DecoderQuantReport& report);

}  // namespace bantam
