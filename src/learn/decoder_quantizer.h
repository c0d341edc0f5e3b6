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

#include "learn/decoder_quant_report.h"
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

// "q4_k", "Q4_K": the types that --type knows. kInvalidArgument lists them.
Result<DType> ParseBlockType(std::string_view name);

// All or nothing: `out` is there with the report in it ("bantam.quantization"), or as it was before. The
// original is a GGUF file, or a folder that files/gguf_export.h and text/gguf_vocab_writer.h can write as one: the
// copy's tokenizer and predictions are compared with it.
Result<DecoderQuantReport> QuantizeDecoder(ModelFolder& model, const Path& out, const DecoderQuantOptions& options);

}  // namespace bantam
