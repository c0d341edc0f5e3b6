// What one forward pass of the decoders' frame writes to.
#pragma once

#include <algorithm>
#include <vector>

#include "models/adapter_rows.h"
#include "models/batch_plan.h"
#include "models/decoder_frame.h"
#include "models/row_buffer.h"

namespace bantam {

class FrameWorkspace final : public DecoderWorkspace {
 public:
  // Of one worker's block of rows.
  struct Worker {
    RowBuffer hidden, branch, up, context_bytes, low_rank;
    ConvolutionScratch convolution;
    AlignedBuffer<float> attention;
  };

  explicit FrameWorkspace(const DecoderConfig& config) {
    for (const RopeOptions& options : config.ropes) ropes.emplace_back(options);
    for (const RopeOptions& options : config.long_ropes) long_ropes.emplace_back(options);
  }

  // Reads the batch's borders, and makes room for it.
  void Prepare(const DecoderConfig& config, const DecoderBatch& batch, RowForm form, int num_threads) {
    const int num_tokens = batch.num_tokens();
    positions.resize(static_cast<size_t>(num_tokens));
    row_tables.resize(positions.size());
    sequences.clear();
    int longest = 0;
    for (int s = 0; s < batch.num_sequences(); ++s) {
      const int begin = batch.cu_seqlens[s], length = batch.cu_seqlens[s + 1] - begin;
      sequences.push_back({batch.block_tables[s], batch.num_cached[s], length});
      for (int i = 0; i < length; ++i) {
        positions[begin + i] = batch.num_cached[s] + i;
        row_tables[begin + i] = batch.block_tables[s];
      }
      longest = std::max(longest, batch.num_cached[s] + length);
    }
    longest_sequence = longest;
    row_is_long.clear();
    if (config.original_positions > 0) {
      for (int s = 0; s < batch.num_sequences(); ++s) {
        const bool is_long = batch.Length(s) > config.original_positions;
        row_is_long.resize(static_cast<size_t>(batch.cu_seqlens[s + 1]), is_long);
      }
    }
    row_adapters.clear();
    if (!batch.adapters.empty()) {
      for (int s = 0; s < batch.num_sequences(); ++s) {
        row_adapters.resize(static_cast<size_t>(batch.cu_seqlens[s + 1]), batch.adapters[static_cast<size_t>(s)]);
      }
      last_adapters.clear();
      for (const int32_t row : batch.logits_rows) last_adapters.push_back(row_adapters[static_cast<size_t>(row)]);
    }
    attention.Make(sequences, config.num_attention_heads, config.num_key_value_heads, config.head_dim);
    for (RopeTable& rope : ropes) rope.Reserve(longest);
    for (RopeTable& rope : long_ropes) rope.Reserve(longest);
    zeros.resize(std::max(zeros.size(), positions.size()), 0);
    x.Reserve(num_tokens, config.hidden_size, false);
    int projected = 0, gathered = 0;
    for (const DecoderConfig::Layer& layer : config.layers) {
      projected = std::max(projected, config.projected_size(layer));
      gathered = std::max(gathered, config.gathered_size(layer));
    }
    qkv.Reserve(num_tokens, projected, false);
    context.Reserve(num_tokens, gathered, false);
    last.Reserve(static_cast<int>(batch.logits_rows.size()), config.hidden_size, form);
    workers.resize(std::max<size_t>(workers.size(), static_cast<size_t>(num_threads)));
    for (Worker& worker : workers) {
      worker.hidden.Reserve(kBlockRows, config.hidden_size, form);
      worker.branch.Reserve(kBlockRows, config.hidden_size, false);
      worker.up.Reserve(kBlockRows, (config.gated ? 2 : 1) * config.intermediate_size, form);
      worker.context_bytes.Reserve(kBlockRows, gathered, form, false);
      if (worker.attention.size() < attention.scratch_floats()) {
        // Half as much again, so that a growing sequence does not allocate at every block.
        worker.attention = AlignedBuffer<float>(attention.scratch_floats() + attention.scratch_floats() / 2);
      }
    }
  }

  std::vector<int32_t> positions;          // [num_tokens]
  std::vector<const int32_t*> row_tables;  // [num_tokens], the block table of the token's sequence
  std::vector<int32_t> zeros;              // [num_tokens]
  std::vector<PagedSequence> sequences;
  std::vector<LoraUses> row_adapters, last_adapters;  // of the rows, and of those with logits; or empty
  std::vector<uint8_t> row_is_long;                   // of a sequence that takes long_ropes; or empty: none does
  int longest_sequence = 0;
  PagedAttentionPlan attention;
  RowBuffer x, qkv, context, last;
  std::vector<Worker> workers;
  std::vector<RopeTable> ropes, long_ropes;
};

}  // namespace bantam
