// What a model takes of memory, told before it is loaded: for a server that has a limit.
#pragma once

#include <cstdint>
#include <string>

#include "files/model_folder.h"
#include "layers/weight_type.h"
#include "models/encoder.h"
#include "tasks/generate.h"

namespace bantam {

struct MemoryNeed {
  uint64_t weights = 0;
  uint64_t cache = 0;  // of keys and values, full; it is taken as it fills
  uint64_t rest = 0;   // tokenizer and working memory
  uint64_t total() const { return weights + cache + rest; }
  std::string ToString() const;  // "weights 136 MiB, cache 184 MiB, rest 24 MiB"
};

// By the shapes and types of the file's tensors and by its config: weights within a few percent of what they become. A
// shape or a type that the loader will refuse counts as if it were a good one.
MemoryNeed EstimateMemory(const ModelFolder& model, WeightType encoder, const GeneratorOptions& generator);

// Of models that are loaded: as they are.
MemoryNeed MemoryOf(const Generator& generator);
MemoryNeed MemoryOf(const Encoder& encoder);

}  // namespace bantam
