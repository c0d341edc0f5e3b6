// A LoRA adapter (files/lora_file.h) made fit for one loaded decoder. The decoder's weights stay as they are, in
// whatever type; rows of a step that belong to the adapter get its low-rank products beside the base ones.
//
//   BANTAM_TRY(auto adapter, LoraAdapter::Load("my-adapter", *decoder));
//   decoder->Forward({..., .adapters = uses}, ...);     // uses[i]: of sequence i, such as {{adapter, 1}}
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/file_io.h"
#include "layers/low_rank.h"
#include "models/bound_matrix.h"
#include "models/lora_use.h"

namespace bantam {

class Decoder;

// Immutable: any thread, any number of steps at once. Must not outlive its decoder.
class LoraAdapter {
 public:
  // kUnsupported for a module that the decoder does not have, or not as one of its matrices; kCorrupt for shapes that
  // do not fit; each names file and module.
  static Result<std::shared_ptr<const LoraAdapter>> Load(const Path& path, const Decoder& decoder);

  bool IsOf(const Decoder& decoder) const { return decoder_ == &decoder; }
  // What it adds to the products of a matrix; none: nothing.
  std::span<const LowRank> Of(const Linear& matrix) const;
  // Of a table of words: rows[id] [rank] times b is added to the word's row.
  struct Words {
    std::span<const float> rows;
    LowRank product;
  };
  const Words* OfWords() const { return words_ ? &*words_ : nullptr; }
  uint64_t num_parameters() const { return num_parameters_; }

 private:
  LoraAdapter() = default;
  float* Take(size_t count);
  Linear Pack(std::span<const float> matrix, int out, int in);

  std::vector<AlignedBuffer<float>> memory_;
  std::unordered_map<const Linear*, std::vector<LowRank>> products_;
  std::optional<Words> words_;
  const Decoder* decoder_ = nullptr;
  uint64_t num_parameters_ = 0;
};

}  // namespace bantam
