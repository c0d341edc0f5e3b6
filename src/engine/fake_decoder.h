// For tests: a decoder whose next token follows from every token before it, as it finds them in the cache. A block that
// is missing, written twice or somebody else's changes the text. One that looks at the last few only repeats itself.
// A sequence beyond its original positions is another one to it from its first token on. With a start token it has an
// encoder, which must get a prompt whole. Adapters need not be there: their scales change
// how it sees the tokens that it puts into the cache.
#pragma once

#include <atomic>
#include <vector>

#include "base/check.h"
#include "models/decoder.h"

namespace bantam::testing {

class FakeDecoder final : public Decoder {
 public:
  // sees: how many of the last tokens matter; 0: all
  explicit FakeDecoder(int max_positions = 1000, int vocab_size = 50, size_t sees = 0)
      : max_positions_(max_positions), vocab_size_(vocab_size), sees_(sees) {}

  int vocab_size() const override { return vocab_size_; }
  int max_positions() const override { return max_positions_; }
  KvCacheShape kv_shape() const override { return {1, 1, 1}; }
  int original_positions() const override { return original; }
  std::optional<int32_t> start_token() const override { return start; }
  WeightType weight_type() const override { return WeightType::kF32; }
  std::string_view isa() const override { return "fake"; }
  uint64_t num_parameters() const override { return 0; }
  uint64_t weight_bytes() const override { return 0; }
  std::unique_ptr<DecoderWorkspace> NewWorkspace() const override { return std::make_unique<DecoderWorkspace>(); }

  void Forward(const DecoderBatch& batch, DecoderWorkspace&, ThreadPool&, std::span<float> logits) const override {
    largest_batch = std::max(largest_batch.load(), batch.num_tokens());
    ++num_steps;
    size_t wanted = 0;
    BANTAM_CHECK(start.has_value() == !batch.num_encoded.empty());
    for (int s = 0; s < batch.num_sequences(); ++s) {
      const int encoded = start ? batch.num_encoded[static_cast<size_t>(s)] : 0;
      const int end = batch.num_cached[s] + batch.cu_seqlens[s + 1] - batch.cu_seqlens[s];
      BANTAM_CHECK(batch.num_cached[s] >= encoded || (batch.num_cached[s] == 0 && end >= encoded));
      for (int row = batch.cu_seqlens[s]; row < batch.cu_seqlens[s + 1]; ++row) {
        const int position = batch.num_cached[s] + row - batch.cu_seqlens[s];
        BANTAM_CHECK(position < max_positions_);
        const LoraUses uses = batch.adapters.empty() ? LoraUses() : batch.adapters[static_cast<size_t>(s)];
        const auto token = static_cast<float>(Seen(batch.token_ids[row], uses) + Form(batch.Length(s)));
        StoreKeyValue(**SelectKernels(), batch.cache, 0, batch.block_tables[s], position, &token, &token);
        if (wanted == batch.logits_rows.size() || batch.logits_rows[wanted] != row) continue;
        std::vector<int32_t> tokens;
        for (int i = 0; i <= position; ++i) {
          const KvHead head = batch.cache.Head(0, 0);
          const uint8_t* keys = head.keys + batch.block_tables[s][i / kKvBlockTokens] * head.block_stride;
          tokens.push_back(static_cast<int32_t>(reinterpret_cast<const float*>(keys)[i % kKvBlockTokens]));
        }
        LogitsAfter(tokens,
                    logits.subspan(wanted++ * static_cast<size_t>(vocab_size_), static_cast<size_t>(vocab_size_)));
      }
    }
    BANTAM_CHECK(wanted == batch.logits_rows.size());
  }

  // What a token's number is larger by in a sequence of this length.
  int32_t Form(int length) const { return original > 0 && length > original ? 100 : 0; }
  static int32_t Seen(int32_t token, LoraUses uses) {
    for (const LoraUse& use : uses) token = token * 3 + static_cast<int32_t>(1000 * use.scale);
    return token;
  }

  void LogitsAfter(std::span<const int32_t> tokens, std::span<float> logits) const {
    if (sees_ > 0 && tokens.size() > sees_) tokens = tokens.last(sees_);
    uint64_t hash = 1;
    for (const int32_t token : tokens) hash = (hash + static_cast<uint64_t>(token) + 1) * 0x9E37'79B9'7F4A'7C15;
    for (size_t i = 0; i < logits.size(); ++i) {
      logits[i] = static_cast<float>((hash ^ (i * 0xD6E8'FEB8'6659'FD93)) % 1009) / 100;
    }
  }

  std::optional<int32_t> start;
  int original = 0;
  mutable std::atomic<int> largest_batch = 0, num_steps = 0;

 private:
  int max_positions_, vocab_size_;
  size_t sees_;
};

}  // namespace bantam::testing
