// An encoder: packed token ids in, one hidden vector per token out. One file per architecture, one list in registry.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "files/model_folder.h"
#include "kernels/isa.h"
#include "models/layer_observer.h"
#include "models/weight_plan.h"

namespace bantam {

// Sequences back to back without padding: sequence i is token_ids[cu_seqlens[i] .. cu_seqlens[i + 1]).
struct EncoderBatch {
  std::span<const int32_t> token_ids;       // [num_tokens], each checked against vocab_size by the caller
  std::span<const int32_t> cu_seqlens;      // [num_sequences + 1], starts with 0, ends with num_tokens
  std::span<const int32_t> token_type_ids;  // [num_tokens], or empty for all zero
  // [num_sequences], how many first tokens of a sequence its tokens see; empty: all. Not with an observer.
  std::span<const int32_t> num_keys = {};
  LayerObserver* observer = nullptr;  // looks at each layer, and may end sequences early
  std::span<const int32_t> KeysOf(int first, int count) const {
    return num_keys.empty() ? num_keys : num_keys.subspan(static_cast<size_t>(first), static_cast<size_t>(count));
  }
  int num_sequences() const { return static_cast<int>(cu_seqlens.size()) - 1; }
  int num_tokens() const { return static_cast<int>(token_ids.size()); }
};

// Scratch of one running forward pass; grows to the largest batch seen and is then reused without allocation.
class EncoderWorkspace {
 public:
  virtual ~EncoderWorkspace() = default;
};

// Immutable after Load. Forward may run from several threads at once with different workspaces and pools.
class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual int hidden_size() const = 0;
  virtual int max_positions() const = 0;  // longest sequence the position table allows
  virtual int vocab_size() const = 0;
  virtual int type_vocab_size() const { return 0; }  // token types; below 2 they make no difference
  virtual WeightType weight_type() const = 0;        // of its layers, but those that a quantised model keeps higher
  virtual std::string_view isa() const = 0;          // the kernels' level: "scalar", "avx2", "avx512vnni", ...
  virtual int num_layers() const { return 0; }       // 0: shows no layers, a batch with an observer is refused
  virtual uint64_t num_parameters() const = 0;
  virtual uint64_t weight_bytes() const = 0;  // resident size of the packed weights
  virtual std::unique_ptr<EncoderWorkspace> NewWorkspace() const = 0;
  // hidden: [num_tokens, hidden_size], the last layer's output. In f32 a sequence gets the same bits alone, in any
  // batch and with any number of threads of one ISA level. With an observer the outputs go to it, and `hidden` is
  // scratch.
  virtual void Forward(const EncoderBatch& batch, EncoderWorkspace& workspace, ThreadPool& pool,
                       std::span<float> hidden) const = 0;
};

struct EncoderOptions {
  WeightType weight_type = WeightType::kF32;  // of weights stored as floats; stored integers stay what they are
  bool use_packed_files = true;               // read and write model.packed_folder
  std::vector<WeightUnit>* units = nullptr;   // gets what a plan may choose the types of; packed files must be off
  const Kernels* kernels = nullptr;           // null: SelectKernels(); must outlive the encoder
};

Result<const Kernels*> KernelsOf(const EncoderOptions& options);
// "bert, distilbert, ...": the values of config.json's "model_type" that load.
std::string KnownArchitectures();
bool IsKnownArchitecture(std::string_view model_type);

// kUnsupported for an unknown architecture, listing the known ones.
Result<std::unique_ptr<Encoder>> LoadEncoder(ModelFolder& model, const EncoderOptions& options);

}  // namespace bantam
