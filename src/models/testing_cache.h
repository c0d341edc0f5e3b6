// For tests: a KV cache whose sequences own blocks in no particular order, and one decoder's steps over it.
#pragma once

#include <random>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/testing.h"
#include "files/model_folder.h"
#include "models/decoder.h"

namespace bantam::testing {

inline std::unique_ptr<Decoder> LoadGolden(const Path& folder, WeightType type) {
  auto model = OpenModelFolder(folder);
  EXPECT_OK(model);
  if (!model) return nullptr;
  auto decoder = LoadDecoder(*model, {.weight_type = type, .use_packed_files = false});
  EXPECT_OK(decoder);
  return decoder ? std::move(*decoder) : nullptr;
}

class TestCache {
 public:
  TestCache(const KvCacheShape& shape, int num_sequences, int blocks_each)
      : memory_(shape.block_bytes() * static_cast<size_t>(num_sequences * blocks_each)),
        view_{shape, memory_.data()},
        tables_(static_cast<size_t>(num_sequences)) {
    std::vector<int32_t> blocks(static_cast<size_t>(num_sequences * blocks_each));
    for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<int32_t>(i);
    std::mt19937 random(5);
    std::shuffle(blocks.begin(), blocks.end(), random);
    for (size_t i = 0; i < blocks.size(); ++i) tables_[i % tables_.size()].push_back(blocks[i]);
    lengths_.resize(tables_.size(), 0);
    // What other sequences left behind must not matter.
    const std::vector<float> left(static_cast<size_t>(shape.num_kv_heads * shape.head_dim), 6);
    for (size_t block = 0; block < blocks.size(); ++block) {
      const auto number = static_cast<int32_t>(block);
      for (int layer = 0; layer < shape.num_layers; ++layer) {
        for (int slot = 0; slot < kKvBlockTokens; ++slot) {
          StoreKeyValue(**SelectKernels(), view_, layer, &number, slot, left.data(), left.data());
        }
      }
    }
  }

  // The sequence begins again.
  void Forget(int sequence) { lengths_[static_cast<size_t>(sequence)] = 0; }

  struct Part {
    int sequence;
    std::vector<int32_t> ids;
    LoraUses adapters = {};
    int encoded = 0;  // of the whole sequence
    int total = 0;    // tokens that the sequence will have, where the decoder wants to know; 0: these are the last
  };
  // Runs the parts as one batch; the logits of every row that no encoder reads.
  std::vector<float> Run(const Decoder& decoder, const std::vector<Part>& parts, DecoderWorkspace& workspace,
                         ThreadPool& pool) {
    std::vector<int32_t> ids, borders = {0}, cached, rows, encoded, totals;
    std::vector<const int32_t*> tables;
    std::vector<LoraUses> adapters;
    bool any = false;
    for (const Part& part : parts) {
      const auto sequence = static_cast<size_t>(part.sequence);
      encoded.push_back(part.encoded);
      for (size_t i = 0; i < part.ids.size(); ++i) {
        if (lengths_[sequence] + static_cast<int>(i) >= part.encoded) rows.push_back(static_cast<int32_t>(ids.size()));
        ids.push_back(part.ids[i]);
      }
      borders.push_back(static_cast<int32_t>(ids.size()));
      cached.push_back(lengths_[sequence]);
      tables.push_back(tables_[sequence].data());
      adapters.push_back(part.adapters);
      any |= !part.adapters.empty();
      lengths_[sequence] += static_cast<int32_t>(part.ids.size());
      totals.push_back(part.total > 0 ? part.total : lengths_[sequence]);
    }
    std::vector<float> logits(rows.size() * static_cast<size_t>(decoder.vocab_size()));
    decoder.Forward({.token_ids = ids,
                     .cu_seqlens = borders,
                     .num_cached = cached,
                     .block_tables = tables,
                     .cache = view_,
                     .logits_rows = rows,
                     .adapters = any ? std::span<const LoraUses>(adapters) : std::span<const LoraUses>(),
                     .num_encoded = encoded,
                     .sequence_lengths = totals},
                    workspace, pool, logits);
    return logits;
  }

 private:
  AlignedBuffer<std::byte> memory_;
  KvCacheView view_;
  std::vector<std::vector<int32_t>> tables_;
  std::vector<int32_t> lengths_;
};

}  // namespace bantam::testing
