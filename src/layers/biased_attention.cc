#include "layers/biased_attention.h"

#include <algorithm>

#include "base/half.h"

namespace bantam {
namespace {

// One element of a head's keys (column `token` of row d) or values (row `token`, column d) in a block: the layouts of
// KvHead. A block's 32 tokens are read together, so that the compiler can take several at once.
struct Block {
  const KvHead& head;
  ptrdiff_t offset;

  template <typename T>
  const T* Keys() const {
    return reinterpret_cast<const T*>(head.keys + offset);
  }
  template <typename T>
  const T* Values() const {
    return reinterpret_cast<const T*>(head.values + offset);
  }
  const float* KeyScales(int d) const { return head.key_scales + offset / 4 + d / kKvGroup * kKvBlockTokens; }
  const float* ValueScales(int token) const {
    const int groups = (head.head_dim + kKvGroup - 1) / kKvGroup;
    return head.value_scales + offset / 4 + token * groups;
  }
};

// keys[t] of element d of the head.
void ReadKeys(const Block& block, int d, float* keys) {
  switch (block.head.type) {
    case kKvF32:
      std::copy_n(block.Keys<float>() + d * kKvBlockTokens, kKvBlockTokens, keys);
      return;
    case kKvF16: {
      const uint16_t* row = block.Keys<uint16_t>() + d * kKvBlockTokens;
      for (int t = 0; t < kKvBlockTokens; ++t) keys[t] = HalfToFloat(row[t]);
      return;
    }
    case kKvBf16: {
      const uint16_t* row = block.Keys<uint16_t>() + d / 2 * kKvBlockTokens * 2 + d % 2;
      for (int t = 0; t < kKvBlockTokens; ++t) keys[t] = Bf16ToFloat(row[2 * t]);
      return;
    }
    case kKvQ8: {
      const int8_t* row = block.Keys<int8_t>() + d * kKvBlockTokens;
      const float* scales = block.KeyScales(d);
      for (int t = 0; t < kKvBlockTokens; ++t) keys[t] = static_cast<float>(row[t]) * scales[t];
      return;
    }
  }
}

// values[d] of a token.
void ReadValues(const Block& block, int token, float* values) {
  const KvHead& head = block.head;
  const int dim = head.head_dim;
  switch (head.type) {
    case kKvF32:
      std::copy_n(block.Values<float>() + token * head.value_stride, dim, values);
      return;
    case kKvF16: {
      const uint16_t* row = block.Values<uint16_t>() + token * head.value_stride;
      for (int d = 0; d < dim; ++d) values[d] = HalfToFloat(row[d]);
      return;
    }
    case kKvBf16: {
      const uint16_t* row = block.Values<uint16_t>() + token / 2 * head.value_stride * 2 + token % 2;
      for (int d = 0; d < dim; ++d) values[d] = Bf16ToFloat(row[2 * d]);
      return;
    }
    case kKvQ8: {
      const int8_t* row = block.Values<int8_t>() + token * head.value_stride;
      const float* scales = block.ValueScales(token);
      for (int d = 0; d < dim; ++d) values[d] = static_cast<float>(row[d]) * scales[d / kKvGroup];
      return;
    }
  }
}

// From the block of the first key to that of the last.
size_t ScoresSize(int num_keys) {
  return static_cast<size_t>(num_keys + 2 * kKvBlockTokens) / kKvBlockTokens * kKvBlockTokens;
}

}  // namespace

size_t BiasedAttentionScratch(int num_keys, int head_dim) {
  return ScoresSize(num_keys) + static_cast<size_t>(std::max(head_dim, kKvBlockTokens));
}

void AttendWithBias(const Kernels& kernels, const KvHead& head, const BiasedQuery& query, float* out, float* scratch) {
  const int first_block = query.first / kKvBlockTokens, last_block = (query.end - 1) / kKvBlockTokens;
  float* line = scratch + ScoresSize(query.end - query.first);  // of keys, then of values
  const auto block_of = [&](int block) { return Block{head, query.block_table[block] * head.block_stride}; };
  for (int i = first_block; i <= last_block; ++i) {
    const Block block = block_of(i);
    float* scores = scratch + (i - first_block) * kKvBlockTokens;
    std::fill_n(scores, kKvBlockTokens, 0.0f);
    for (int d = 0; d < head.head_dim; ++d) {
      ReadKeys(block, d, line);
      const float q = query.q[d];
      for (int t = 0; t < kKvBlockTokens; ++t) scores[t] += q * line[t];
    }
  }
  const int count = query.end - query.first, furthest = static_cast<int>(query.biases.size()) - 1;
  float* scores = scratch + query.first % kKvBlockTokens;
  for (int i = 0; i < count; ++i) scores[i] += query.biases[static_cast<size_t>(std::min(count - 1 - i, furthest))];
  const float sum = kernels.table.softmax(scores, scores, count, 1.0f);
  std::fill_n(out, head.head_dim, 0.0f);
  for (int i = 0; i < count; ++i) {
    const int token = query.first + i;
    ReadValues(block_of(token / kKvBlockTokens), token % kKvBlockTokens, line);
    const float weight = scores[i] / sum;
    for (int d = 0; d < head.head_dim; ++d) out[d] += weight * line[d];
  }
}

}  // namespace bantam
