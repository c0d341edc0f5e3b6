// A decoder: tokens of many sequences in, logits of the rows that are asked for out. One file per architecture, one
// list in decoder_registry.cc.
//
//   BANTAM_TRY(auto decoder, LoadDecoder(model, {}));
//   decoder->Forward({.token_ids = ids, .cu_seqlens = borders, .num_cached = cached, .block_tables = tables,
//                     .cache = view, .logits_rows = last_rows}, *workspace, pool, logits);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/thread_pool.h"
#include "files/model_folder.h"
#include "layers/paged_attention.h"
#include "models/bound_matrix.h"
#include "models/encoder.h"
#include "models/lora_use.h"

namespace bantam {

// One step: new tokens of some sequences back to back. Sequence i brings token_ids[cu_seqlens[i] .. cu_seqlens[i + 1])
// at the positions from num_cached[i] on; the tokens before are in the cache, and these will be.
struct DecoderBatch {
  std::span<const int32_t> token_ids;            // [num_tokens], each below vocab_size: checked by the caller
  std::span<const int32_t> cu_seqlens;           // [num_sequences + 1], starts with 0, ends with num_tokens
  std::span<const int32_t> num_cached;           // [num_sequences]
  std::span<const int32_t* const> block_tables;  // [num_sequences], blocks for all tokens up to these
  KvCacheView cache;                             // of kv_shape(), of any type; no two sequences write the same block
  std::span<const int32_t> logits_rows;          // rows of token_ids whose logits are wanted
  std::span<const LoraUses> adapters = {};       // [num_sequences], or empty: none; of this decoder
  // [num_sequences], how many first tokens of each a decoder with start_token() reads with its encoder: all in one
  // step.
  std::span<const int32_t> num_encoded = {};
  // [num_sequences], how long each will be when all that is known of it is computed; empty: these are the last tokens.
  // Decoders with original_positions() ask for it.
  std::span<const int32_t> sequence_lengths = {};
  int Length(int sequence) const {
    const auto s = static_cast<size_t>(sequence);
    return sequence_lengths.empty() ? num_cached[s] + cu_seqlens[s + 1] - cu_seqlens[s] : sequence_lengths[s];
  }
  int num_sequences() const { return static_cast<int>(cu_seqlens.size()) - 1; }
  int num_tokens() const { return static_cast<int>(token_ids.size()); }
};

// Scratch of one running forward pass; grows to the largest batch seen and is then reused without allocation.
class DecoderWorkspace {
 public:
  virtual ~DecoderWorkspace() = default;
};

// Immutable after Load. Forward may run from several threads at once with different workspaces, pools and blocks.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual int vocab_size() const = 0;
  virtual int max_positions() const = 0;
  // A sequence of more tokens has other positions, from its first token on, than one of as many or fewer: what is in
  // the cache of one that grows beyond this is of no use. 0: there is no such border.
  virtual int original_positions() const { return 0; }
  virtual KvCacheShape kv_shape() const = 0;   // as f32
  virtual WeightType weight_type() const = 0;  // of its layers, but those that a quantised model keeps higher
  virtual std::string_view isa() const = 0;    // the kernels' level
  virtual uint64_t num_parameters() const = 0;
  virtual uint64_t weight_bytes() const = 0;
  // What LoRA adapters may change; empty: they are not computed.
  virtual std::span<const BoundMatrix> adaptable() const { return {}; }
  // Of models that read a prompt with an encoder: what their text begins after. A sequence is the prompt's tokens, this
  // one, and the text.
  virtual std::optional<int32_t> start_token() const { return std::nullopt; }
  virtual std::unique_ptr<DecoderWorkspace> NewWorkspace() const = 0;
  // logits: [logits_rows, vocab_size]. A token's logits have the same bits alone, beside others, with its prompt in one
  // piece or in several, and with any number of threads of one ISA level.
  virtual void Forward(const DecoderBatch& batch, DecoderWorkspace& workspace, ThreadPool& pool,
                       std::span<float> logits) const = 0;
};

// What loading takes is what it takes for an encoder.
using DecoderOptions = EncoderOptions;

// "llama, mistral, ...": the values of config.json's "model_type" that generate text.
std::string KnownDecoders();
bool IsKnownDecoder(std::string_view model_type);
// kUnsupported for an unknown architecture, listing the known ones.
Result<std::unique_ptr<Decoder>> LoadDecoder(ModelFolder& model, const DecoderOptions& options);

}  // namespace bantam
