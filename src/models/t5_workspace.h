// What one forward pass of a T5 writes to, and which rows of its batch each half computes.
#pragma once

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "layers/attention.h"
#include "layers/biased_attention.h"
#include "models/batch_plan.h"
#include "models/row_buffer.h"
#include "models/t5_weights.h"

namespace bantam {

class T5Workspace final : public DecoderWorkspace {
 public:
  // Of one worker's block of rows.
  struct Worker {
    RowBuffer hidden, up, context_bytes, key_value;
    AlignedBuffer<float> attention;
  };
  // A token of one half. Of the decoder: keys and values of its own text begin behind those of the prompt.
  struct Row {
    int32_t token = 0;
    const int32_t* table = nullptr;
    int position = 0;  // in the cache
    int encoded = 0;   // how many tokens its sequence's prompt has there
  };

  // Sorts the batch's rows into the halves, and makes room. `bias`: of the encoder.
  void Prepare(const T5Config& config, const ScoreBias& bias, const DecoderBatch& batch, RowForm form,
               int num_threads) {
    encoder_rows.clear();
    decoder_rows.clear();
    encoder_borders.assign(1, 0);
    row_in_half.assign(static_cast<size_t>(batch.num_tokens()), 0);
    is_text.assign(row_in_half.size(), false);
    int longest_prompt = 0, longest_text = 0;
    BANTAM_CHECK(batch.num_encoded.size() == batch.num_cached.size(), "a T5 needs to know what its encoder reads");
    for (int s = 0; s < batch.num_sequences(); ++s) {
      const auto index = static_cast<size_t>(s);
      const int begin = batch.cu_seqlens[index], end = batch.cu_seqlens[index + 1], encoded = batch.num_encoded[index];
      const int cached = batch.num_cached[index];
      BANTAM_CHECK(cached >= encoded || (cached == 0 && end - begin >= encoded), "a prompt of {} tokens comes in parts",
                   encoded);
      for (int i = begin; i < end; ++i) {
        const int position = cached + i - begin;
        is_text[static_cast<size_t>(i)] = position >= encoded;
        std::vector<Row>& half = position < encoded ? encoder_rows : decoder_rows;
        row_in_half[static_cast<size_t>(i)] = static_cast<int32_t>(half.size());
        half.push_back({batch.token_ids[static_cast<size_t>(i)], batch.block_tables[index], position, encoded});
      }
      if (cached < encoded) encoder_borders.push_back(static_cast<int32_t>(encoder_rows.size()));
      longest_prompt = std::max(longest_prompt, encoded);
      longest_text = std::max(longest_text, cached + end - begin - encoded);
    }
    // Each token of the text by itself sees the whole prompt.
    prompts.clear();
    for (const Row& row : decoder_rows) prompts.push_back({row.table, row.encoded - 1, 1});
    cross.Make(prompts, config.num_heads, config.num_heads, config.head_dim);
    const AttentionShape shape{.num_heads = config.num_heads, .head_dim = config.head_dim, .scale = 1, .bias = &bias};
    const size_t scratch = std::max({cross.scratch_floats(), BiasedAttentionScratch(longest_text, config.head_dim),
                                     encoder_rows.empty() ? 0 : AttentionScratchSize(shape, longest_prompt)});
    const int most = static_cast<int>(std::max(encoder_rows.size(), decoder_rows.size())), inner = config.inner_size();
    ids.resize(static_cast<size_t>(most));
    zeros.resize(std::max(zeros.size(), static_cast<size_t>(most)), 0);
    x.Reserve(most, config.hidden_size, false);
    qkv.Reserve(most, 3 * inner, false);
    context.Reserve(most, inner, false);
    last.Reserve(static_cast<int>(batch.logits_rows.size()), config.hidden_size, form);
    workers.resize(std::max<size_t>(workers.size(), static_cast<size_t>(num_threads)));
    for (Worker& worker : workers) {
      worker.hidden.Reserve(kBlockRows, config.hidden_size, form);
      worker.up.Reserve(kBlockRows, (config.gated ? 2 : 1) * config.intermediate_size, form);
      worker.context_bytes.Reserve(kBlockRows, inner, form, false);
      worker.key_value.Reserve(kBlockRows, 2 * inner, false);
      if (worker.attention.size() < scratch) worker.attention = AlignedBuffer<float>(scratch + scratch / 2);
    }
  }

  bool IsText(int32_t row) const { return is_text[static_cast<size_t>(row)]; }

  std::vector<Row> encoder_rows, decoder_rows;
  std::vector<int32_t> encoder_borders;  // of the prompts that are read now
  std::vector<int32_t> row_in_half;      // of each token of the batch
  std::vector<bool> is_text;
  std::vector<int32_t> ids, zeros;
  std::vector<PagedSequence> prompts;
  PagedAttentionPlan cross;
  RowBuffer x, qkv, context, last;
  std::vector<Worker> workers;
};

}  // namespace bantam
