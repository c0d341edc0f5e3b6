// Attention over a cache in blocks: every ISA level against double precision, over odd sizes, windows and caps, and a
// row's bits in every tile.
#include <gmock/gmock.h>

#include <cmath>
#include <memory>
#include <numeric>

#include "base/half.h"
#include "kernels/testing/every_isa.h"

namespace bantam {
namespace {

using testing::Normal, testing::Random;

BANTAM_EVERY_ISA(PagedAttentionKernels);

struct Case {
  int rows, step, position, dim, window;
  float softcap;
};

// A sequence's keys and values in blocks that lie in no particular order, stored by the kernels under test.
struct Cache {
  Cache(const KernelTable& isa, KvType type, int num_keys, int head_dim, std::mt19937& random)
      : dim(head_dim), value_stride((head_dim + 15) / 16 * 16), num_blocks((num_keys - 1) / kKvBlockTokens + 1) {
    const ptrdiff_t element = type == kKvF32  ? 4
                              : type == kKvQ8 ? 1
                                              : 2,
                    keys = kKvBlockTokens * (type == kKvBf16 ? dim + dim % 2 : dim) * element,
                    values = kKvBlockTokens * value_stride * element,
                    scales = type == kKvQ8 ? kKvBlockTokens * 4 * ((dim + kKvGroup - 1) / kKvGroup) : 0;
    block_stride = keys + values + 2 * scales + 7 * 64;
    // Of what was never written nothing must come through, as long as it is finite: floats and halves of large numbers.
    memory.resize(static_cast<size_t>(num_blocks + 1) * block_stride, 0x71);
    head = {.type = type,
            .keys = memory.data(),
            .values = memory.data() + keys,
            .key_scales = reinterpret_cast<float*>(memory.data() + keys + values),
            .value_scales = reinterpret_cast<float*>(memory.data() + keys + values + scales),
            .block_stride = block_stride,
            .value_stride = value_stride,
            .head_dim = dim};
    table.resize(num_blocks);
    std::iota(table.begin(), table.end(), 1);
    std::shuffle(table.begin(), table.end(), random);
    k = Normal(random, static_cast<size_t>(num_keys) * dim);
    v = Normal(random, static_cast<size_t>(num_keys) * dim);
    for (int j = 0; j < num_keys; ++j) {
      const StoreKvArgs args{.head = head,
                             .block = table[j / kKvBlockTokens],
                             .slot = j % kKvBlockTokens,
                             .k = k.data() + j * dim,
                             .v = v.data() + j * dim};
      isa.store_kv(&args);
    }
  }
  int dim, value_stride, num_blocks;
  ptrdiff_t block_stride;
  std::vector<uint8_t> memory;
  std::vector<float> k, v;
  std::vector<int32_t> table;
  KvHead head;
};

struct Scratch {
  Scratch(int num_keys, int head_dim)
      : floats(
            static_cast<float*>(std::aligned_alloc(64, (PagedAttentionScratch(num_keys, head_dim) * 4 + 63) / 64 * 64)),
            &std::free) {
    std::fill_n(floats.get(), PagedAttentionScratch(num_keys, head_dim), NAN);  // what lies there must not matter
  }
  std::unique_ptr<float[], decltype(&std::free)> floats;
};

PagedAttentionArgs ArgsOf(const Case& size, const Cache& cache, const std::vector<float>& q, std::vector<float>& out,
                          Scratch& scratch) {
  return {.q = q.data(),
          .q_stride = size.dim + 3,
          .head = cache.head,
          .block_table = cache.table.data(),
          .out = out.data(),
          .out_stride = size.dim + 2,
          .num_rows = size.rows,
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

// What the values of a head become: |x - stored| at most.
double StepOf(KvType type, double largest) {
  switch (type) {
    case kKvF32:
      return 0;
    case kKvF16:
      return largest * 0x1p-11;
    case kKvBf16:
      return largest * 0x1p-8;  // of queries and weights too
    case kKvQ8:
      return largest / 254;
  }
  return 0;
}

TEST_P(PagedAttentionKernels, EqualsTheDefinition) {
  for (const KvType type : {kKvF32, kKvF16, kKvBf16, kKvQ8}) {
    for (const Case& size : kCases) {
      auto random = Random(size.position + size.rows);
      const Cache cache(isa_, type, KeysOf(size), size.dim, random);
      const auto q = Normal(random, static_cast<size_t>(size.rows) * (size.dim + 3), 2);
      std::vector<float> out(static_cast<size_t>(size.rows) * (size.dim + 2), 77);
      Scratch scratch(KeysOf(size), size.dim);
      const PagedAttentionArgs args = ArgsOf(size, cache, q, out, scratch);
      isa_.paged_attention(&args);
      // Numbers that are held to so many bits move the scores by about the root of the head's size times their step.
      const double step = StepOf(type, 4), tolerance = 2e-5 + (step == 0 ? 0 : 4 * step * std::sqrt(size.dim));
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
          ASSERT_NEAR(out[row * (size.dim + 2) + d], expected, tolerance)
              << size.rows << " rows from " << size.position << ", window " << size.window << ", at " << row << "," << d
              << ", type " << type;
        }
        ASSERT_EQ(out[row * (size.dim + 2) + size.dim], 77);
      }
    }
  }
}

TEST_P(PagedAttentionKernels, ARowHasTheSameBitsInEveryTile) {
  for (const KvType type : {kKvF32, kKvF16, kKvBf16, kKvQ8}) {
    for (const Case& size : kCases) {
      auto random = Random(size.position + size.rows);
      const Cache cache(isa_, type, KeysOf(size), size.dim, random);
      const auto q = Normal(random, static_cast<size_t>(size.rows) * (size.dim + 3), 2);
      std::vector<float> out(static_cast<size_t>(size.rows) * (size.dim + 2), 77), single = out;
      Scratch scratch(KeysOf(size), size.dim);
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
}

// The bytes are the scalar level's, which are those that the definition gives.
TEST_P(PagedAttentionKernels, StoresTheBytesOfTheScalarLevel) {
  for (const KvType type : {kKvF32, kKvF16, kKvBf16, kKvQ8}) {
    for (const int dim : {1, 8, 12, 33, 64, 80, 128}) {
      auto first = Random(dim), second = Random(dim);
      ASSERT_EQ(Cache(isa_, type, 70, dim, first).memory, Cache(scalar_, type, 70, dim, second).memory) << dim;
    }
  }
  auto random = Random(1);
  Cache cache(isa_, kKvF16, 1, 4, random);
  const float k[] = {1e30f, -7e4f, 65519.0f, NAN}, v[] = {0.1f, 6e-8f, 2.9e-8f, -0.0f};
  const StoreKvArgs args{.head = cache.head, .block = 1, .slot = 3, .k = k, .v = v};
  isa_.store_kv(&args);
  const auto half = [&](const uint8_t* at, int index) {
    return HalfToFloat(reinterpret_cast<const uint16_t*>(at + cache.block_stride)[index]);
  };
  EXPECT_EQ(half(cache.head.keys, 3), 65504);
  EXPECT_EQ(half(cache.head.keys, 32 + 3), -65504);
  EXPECT_EQ(half(cache.head.keys, 64 + 3), 65504);
  EXPECT_TRUE(std::isnan(half(cache.head.keys, 96 + 3)));
  EXPECT_EQ(half(cache.head.values, 3 * 16), 0.0999755859375f);
  EXPECT_EQ(half(cache.head.values, 3 * 16 + 1), 0x1p-24f);
  EXPECT_EQ(half(cache.head.values, 3 * 16 + 2), 0);
}

}  // namespace
}  // namespace bantam
