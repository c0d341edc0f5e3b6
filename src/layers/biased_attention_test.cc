// Attention with a number for each distance over a paged cache, against its definition in f64.
#include "layers/biased_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/aligned_buffer.h"

namespace bantam {
namespace {

TEST(BiasedAttention, IsItsDefinition) {
  const Kernels& kernels = **SelectKernels();
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (const auto& [type, bound] :
       {std::pair(kKvF32, 1e-5), std::pair(kKvF16, 5e-3), std::pair(kKvBf16, 4e-2), std::pair(kKvQ8, 5e-2)}) {
    for (const int dim : {1, 12, 40, 64}) {
      const KvCacheShape shape{.num_layers = 2, .num_kv_heads = 3, .head_dim = dim, .type = type};
      const std::vector<int32_t> table = {4, 0, 3, 1};
      AlignedBuffer<std::byte> memory(shape.block_bytes() * 5);
      const KvCacheView cache{shape, memory.data()};
      const int width = 3 * dim;
      std::vector<std::vector<float>> keys, values;
      for (int position = 0; position < 4 * kKvBlockTokens; ++position) {
        for (auto* list : {&keys, &values}) {
          for (float& x : list->emplace_back(static_cast<size_t>(width))) x = normal(random);
        }
        StoreKeyValue(kernels, cache, 1, table.data(), position, keys.back().data(), values.back().data());
      }
      std::vector<float> q(static_cast<size_t>(dim)), biases(17), out(q.size());
      for (float& x : q) x = normal(random) / std::sqrt(static_cast<float>(dim));
      for (float& bias : biases) bias = normal(random);
      for (const auto& [first, end] : {std::pair(0, 1), {0, 40}, {5, 6}, {31, 33}, {33, 128}, {64, 100}}) {
        std::vector<double> weights;
        double sum = 0;
        for (int i = first; i < end; ++i) {
          double score = biases[static_cast<size_t>(std::min(end - 1 - i, 16))];
          for (int d = 0; d < dim; ++d) score += static_cast<double>(q[d]) * keys[i][2 * dim + d];
          sum += weights.emplace_back(std::exp(score));
        }
        AlignedBuffer<float> scratch(BiasedAttentionScratch(end - first, dim));
        AttendWithBias(kernels, cache.Head(1, 2), {q.data(), table.data(), first, end, biases}, out.data(),
                       scratch.data());
        for (int d = 0; d < dim; ++d) {
          double expected = 0;
          for (int i = first; i < end; ++i)
            expected += weights[static_cast<size_t>(i - first)] / sum * values[i][2 * dim + d];
          ASSERT_NEAR(out[d], expected, bound) << KvTypeName(type) << ", " << dim << ", " << first << " to " << end;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bantam
