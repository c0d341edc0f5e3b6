// A smaller copy of a decoder as a GGUF file: every matrix in a block format, chosen by what it loses on sample text,
// and how far the copy's predictions lie from the original's.
//
//   BANTAM_TRY(const DecoderQuantReport report,
//              QuantizeDecoder(model, "model-q4_k.gguf", {.type = DType::kQ4_K, .text = text}));
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "learn/perplexity.h"
#include "tensor/tensor.h"

namespace bantam {

struct DecoderQuantOptions {
  DType type = DType::kQ4_K;  // one that QuantizeToBlocks writes
  // So much of what the matrices take at `type` may be spent on better formats for those that suffer most.
  double extra = 0.1;
  // Percent that the perplexity may rise: `extra` grows until it does not rise by more.
  std::optional<double> max_rise = {};
  std::string text = {};  // of the kind that the model is for; empty: built-in sentences
  std::string text_name = {};
  int num_threads = 1;
  std::function<void(std::string_view stage, double fraction)> progress = {};
};

struct DecoderSpeed {
  double prefill_per_s = 0, decode_per_s = 0;  // tokens, of a prompt of 128 and one after the other
};

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

// "q4_k", "Q4_K": the types that --type knows. kInvalidArgument lists them.
Result<DType> ParseBlockType(std::string_view name);

// All or nothing: `out` is there with the report in it ("bantam.quantization"), or as it was before. The
// original is a GGUF file, or a folder that files/gguf_export.h and text/gguf_vocab_writer.h can write as one: the
// copy's tokenizer and predictions are compared with it.
Result<DecoderQuantReport> QuantizeDecoder(ModelFolder& model, const Path& out, const DecoderQuantOptions& options);

}  // namespace bantam
