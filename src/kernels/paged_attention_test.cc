// Attention over a cache in blocks: every ISA level against double precision, over odd sizes, windows and caps, and a
// row's bits in every tile.
#include <gmock/gmock.h>

#include <cmath>
#include <memory>
#include <numeric>

#include "kernels/testing/every_isa.h"

namespace bantam {
namespace {

using testing::Normal, testing::Random;

BANTAM_EVERY_ISA(PagedAttentionKernels);

struct Case {
  int rows, step, position, dim, window;
  float softcap;
};

// A sequence's keys and values in blocks that lie in no particular order.
struct Cache {
  Cache(int num_keys, int head_dim, std::mt19937& random)
      : dim(head_dim), value_stride((head_dim + 15) / 16 * 16), num_blocks((num_keys - 1) / kKvBlockTokens + 1) {
    block_stride = kKvBlockTokens * (dim + value_stride) + 7 * 16;
    // Of what was never written nothing must come through, as long as it is finite.
    memory.resize(static_cast<size_t>(num_blocks + 1) * block_stride, 1e30f);
    table.resize(num_blocks);
    std::iota(table.begin(), table.end(), 1);
    std::shuffle(table.begin(), table.end(), random);
    k = Normal(random, static_cast<size_t>(num_keys) * dim);
    v = Normal(random, static_cast<size_t>(num_keys) * dim);
    for (int j = 0; j < num_keys; ++j) {
      float* block = memory.data() + table[j / kKvBlockTokens] * block_stride;
      for (int d = 0; d < dim; ++d) {
        block[d * kKvBlockTokens + j % kKvBlockTokens] = k[j * dim + d];
        block[kKvBlockTokens * dim + j % kKvBlockTokens * value_stride + d] = v[j * dim + d];
      }
    }
  }
  int dim, value_stride, num_blocks;
  ptrdiff_t block_stride;
  std::vector<float> memory, k, v;
  std::vector<int32_t> table;
};

struct Scratch {
  explicit Scratch(int num_keys)
      : floats(static_cast<float*>(std::aligned_alloc(64, (PagedAttentionScratch(num_keys) * 4 + 63) / 64 * 64)),
               &std::free) {
    std::fill_n(floats.get(), PagedAttentionScratch(num_keys), NAN);  // what lies there must not matter
  }
  std::unique_ptr<float[], decltype(&std::free)> floats;
};

PagedAttentionArgs ArgsOf(const Case& size, const Cache& cache, const std::vector<float>& q, std::vector<float>& out,
                          Scratch& scratch) {
  return {.q = q.data(),
          .q_stride = size.dim + 3,
          .keys = cache.memory.data(),
          .values = cache.memory.data() + kKvBlockTokens * size.dim,
          .block_stride = cache.block_stride,
          .value_stride = cache.value_stride,
          .block_table = cache.table.data(),
          .out = out.data(),
          .out_stride = size.dim + 2,
          .num_rows = size.rows,
          .head_dim = size.dim,
          .position = size.position,
          .position_step = size.step,
          .window = size.window,
          .scale = 1 / std::sqrt(static_cast<float>(size.dim)),
          .softcap = size.softcap,
          .scratch = scratch.floats.get()};
}

int KeysOf(const Case& size) { return size.position + (size.rows - 1) * size.step + 1; }

constexpr Case kCases[] = {
    {1, 0, 0, 64, 0, 0},    {3, 0, 5, 64, 0, 0},    {9, 0, 31, 64, 0, 0},   {4, 0, 32, 12, 0, 0},
    {7, 0, 300, 34, 0, 0},  {1, 1, 0, 8, 0, 0},     {33, 1, 0, 64, 0, 0},   {40, 1, 77, 80, 0, 0},
    {6, 1, 63, 33, 0, 0},   {13, 1, 20, 1, 0, 0},   {3, 0, 200, 64, 1, 0},  {5, 0, 200, 48, 33, 0},
    {70, 1, 10, 32, 9, 0},  {64, 1, 64, 64, 64, 0}, {50, 1, 5, 96, 500, 0}, {2, 0, 90, 64, 0, 5},
    {20, 1, 45, 16, 17, 1}, {12, 1, 1, 256, 0, 30},
};

TEST_P(PagedAttentionKernels, EqualsTheDefinition) {
  for (const Case& size : kCases) {
    auto random = Random(size.position + size.rows);
    const Cache cache(KeysOf(size), size.dim, random);
    const auto q = Normal(random, static_cast<size_t>(size.rows) * (size.dim + 3), 2);
    std::vector<float> out(static_cast<size_t>(size.rows) * (size.dim + 2), 77);
    Scratch scratch(KeysOf(size));
    const PagedAttentionArgs args = ArgsOf(size, cache, q, out, scratch);
    isa_.paged_attention(&args);
    for (int row = 0; row < size.rows; ++row) {
      const int position = size.position + row * size.step;
      const int first = size.window > 0 ? std::max(0, position - size.window + 1) : 0;
      std::vector<double> weight(position + 1);
      double largest = -1e300, sum = 0;
      for (int j = first; j <= position; ++j) {
        for (int d = 0; d < size.dim; ++d) {
          weight[j] += static_cast<double>(q[row * (size.dim + 3) + d]) * cache.k[j * size.dim + d];
        }
        weight[j] *= args.scale;
        if (size.softcap > 0) weight[j] = size.softcap * std::tanh(weight[j] / size.softcap);
        largest = std::max(largest, weight[j]);
      }
      for (int j = first; j <= position; ++j) sum += weight[j] = std::exp(weight[j] - largest);
      for (int d = 0; d < size.dim; ++d) {
        double expected = 0;
        for (int j = first; j <= position; ++j) expected += weight[j] / sum * cache.v[j * size.dim + d];
        ASSERT_NEAR(out[row * (size.dim + 2) + d], expected, 2e-5)
            << size.rows << " rows from " << size.position << ", window " << size.window << ", at " << row << "," << d;
      }
      ASSERT_EQ(out[row * (size.dim + 2) + size.dim], 77);
    }
  }
}

TEST_P(PagedAttentionKernels, ARowHasTheSameBitsInEveryTile) {
  for (const Case& size : kCases) {
    auto random = Random(size.position + size.rows);
    const Cache cache(KeysOf(size), size.dim, random);
    const auto q = Normal(random, static_cast<size_t>(size.rows) * (size.dim + 3), 2);
    std::vector<float> out(static_cast<size_t>(size.rows) * (size.dim + 2), 77), single = out;
    Scratch scratch(KeysOf(size));
    PagedAttentionArgs args = ArgsOf(size, cache, q, out, scratch);
    isa_.paged_attention(&args);
    for (int row = 0; row < size.rows; ++row) {
      PagedAttentionArgs one = args;
      one.q = args.q + row * args.q_stride;
      one.out = single.data() + row * args.out_stride;
      one.num_rows = 1;
      one.position = args.position + row * args.position_step;
      isa_.paged_attention(&one);
    }
    ASSERT_EQ(out, single) << size.rows << " rows from " << size.position << ", window " << size.window;
  }
}

}  // namespace
}  // namespace bantam
