// Attention: every ISA level against scalar, and scalar against double precision.
#include <cmath>
#include <memory>

#include "kernels/packing.h"
#include "kernels/testing/every_isa.h"

namespace bantam {
namespace {

using testing::Normal, testing::Random;

BANTAM_EVERY_ISA(AttentionKernels);

void CheckAttention(void (*attention)(const AttentionArgs*), bool approximate) {
  struct Case {
    int queries, keys, dim;
  };
  const Case cases[] = {{1, 1, 32},   {2, 2, 8},    {3, 5, 12},   {7, 7, 34},   {16, 16, 32}, {17, 17, 64},
                        {13, 65, 32}, {6, 130, 48}, {5, 256, 33}, {64, 64, 96}, {9, 100, 1}};
  for (const Case& size : cases) {
    for (float spread : {0.3f, 3.0f}) {  // flat and sharp softmax
      auto random = Random(size.keys);
      const int stride = 3 * size.dim + 5, out_stride = size.dim + 2;
      const auto qkv = Normal(random, static_cast<size_t>(size.keys) * stride, spread);
      std::unique_ptr<float[], decltype(&std::free)> scratch(
          static_cast<float*>(std::aligned_alloc(64, (AttentionScratch(size.keys, size.dim) * 4 + 63) / 64 * 64)),
          &std::free);
      std::fill_n(scratch.get(), AttentionScratch(size.keys, size.dim), NAN);  // what lies there must not matter
      std::vector<float> got(static_cast<size_t>(size.queries) * out_stride, 77);
      const float scale = 1 / std::sqrt(static_cast<float>(size.dim));
      const AttentionArgs args{.q = qkv.data(),
                               .k = qkv.data() + size.dim,
                               .v = qkv.data() + 2 * size.dim,
                               .qkv_stride = stride,
                               .out = got.data(),
                               .out_stride = out_stride,
                               .num_queries = size.queries,
                               .num_keys = size.keys,
                               .head_dim = size.dim,
                               .scale = scale,
                               .scratch = scratch.get()};
      attention(&args);
      const double tolerance = approximate ? std::ldexp(spread + spread * spread * spread, -7) : 1e-5 * spread * spread;
      for (int i = 0; i < size.queries; ++i) {
        std::vector<double> weight(size.keys);
        double largest = -1e300, sum = 0;
        for (int j = 0; j < size.keys; ++j) {
          for (int d = 0; d < size.dim; ++d)
            weight[j] += static_cast<double>(args.q[i * stride + d]) * args.k[j * stride + d];
          largest = std::max(largest, weight[j] *= scale);
        }
        for (double& w : weight) sum += w = std::exp(w - largest);
        for (int d = 0; d < size.dim; ++d) {
          double expected = 0;
          for (int j = 0; j < size.keys; ++j) expected += weight[j] / sum * args.v[j * stride + d];
          ASSERT_NEAR(got[static_cast<size_t>(i) * out_stride + d], expected, tolerance)
              << size.queries << "," << size.keys << "," << size.dim << " at " << i << "," << d;
        }
        ASSERT_EQ(got[static_cast<size_t>(i) * out_stride + size.dim], 77);
      }
    }
  }
}

// The exact one, then the one that may round to bfloat16: 2^-9 of each operand, so of scores that spread by spread^2.
TEST_P(AttentionKernels, OfOddSizes) {
  for (const bool approximate : {false, true}) {
    SCOPED_TRACE(approximate);
    CheckAttention(approximate ? isa_.attention_approximate : isa_.attention, approximate);
  }
}

// A query's result must not depend on the queries beside it.
TEST_P(AttentionKernels, QueriesDoNotDependOnTheTile) {
  auto random = Random(3);
  const int keys = 29, dim = 32, stride = 96;
  const auto qkv = Normal(random, keys * stride);
  std::vector<float> scratch(AttentionScratch(keys, dim) + 16), whole(keys * dim), single(keys * dim);
  float* aligned = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64) % 64 / 4;
  AttentionArgs args{.q = qkv.data(),
                     .k = qkv.data() + 32,
                     .v = qkv.data() + 64,
                     .qkv_stride = stride,
                     .out = whole.data(),
                     .out_stride = dim,
                     .num_queries = keys,
                     .num_keys = keys,
                     .head_dim = dim,
                     .scale = 0.2f,
                     .scratch = aligned};
  for (const auto attention : {isa_.attention, isa_.attention_approximate}) {
    args.q = qkv.data();
    args.out = whole.data();
    args.num_queries = keys;
    attention(&args);
    for (int i = 0; i < keys; ++i) {
      args.q = qkv.data() + i * stride;
      args.out = single.data() + i * dim;
      args.num_queries = 1;
      attention(&args);
    }
    EXPECT_EQ(single, whole);
  }
}

// Bias, causal mask and window, against the scalar level; queries from the middle on, as a part of a sequence has them.
TEST_P(AttentionKernels, WithBiasMaskAndWindow) {
  struct Case {
    int keys, dim, first, queries, causal, window;
    bool bias;
  };
  const Case cases[] = {{5, 8, 0, 5, 0, 0, true},       {37, 12, 0, 37, 1, 0, false},    {70, 32, 13, 57, 1, 0, true},
                        {100, 48, 0, 100, 0, 7, false}, {130, 64, 60, 41, 0, 16, true},  {90, 20, 31, 50, 1, 9, false},
                        {3, 16, 0, 3, 0, 50, false},    {200, 33, 0, 200, 0, 64, false}, {1, 4, 0, 1, 1, 1, true}};
  for (const Case& size : cases) {
    for (const bool approximate : {false, true}) {
      auto random = Random(size.keys + size.dim);
      const int stride = 3 * size.dim + 1, out_stride = size.dim + 1, bias_stride = size.keys + 3;
      const auto qkv = Normal(random, static_cast<size_t>(size.keys) * stride);
      const auto bias = Normal(random, static_cast<size_t>(size.queries) * bias_stride);
      std::unique_ptr<float[], decltype(&std::free)> scratch(
          static_cast<float*>(std::aligned_alloc(64, (AttentionScratch(size.keys, size.dim) * 4 + 63) / 64 * 64)),
          &std::free);
      std::fill_n(scratch.get(), AttentionScratch(size.keys, size.dim), NAN);
      std::vector<float> expected(static_cast<size_t>(size.queries) * out_stride, 77), got = expected, single = got;
      AttentionArgs args{.q = qkv.data() + static_cast<size_t>(size.first) * stride,
                         .k = qkv.data() + size.dim,
                         .v = qkv.data() + 2 * size.dim,
                         .qkv_stride = stride,
                         .out = expected.data(),
                         .out_stride = out_stride,
                         .num_queries = size.queries,
                         .num_keys = size.keys,
                         .head_dim = size.dim,
                         .scale = 1 / std::sqrt(static_cast<float>(size.dim)),
                         .scratch = scratch.get(),
                         .bias = size.bias ? bias.data() : nullptr,
                         .bias_stride = bias_stride,
                         .causal = size.causal,
                         .window = size.window,
                         .query_position = size.first};
      scalar_.attention(&args);
      const auto attention = approximate ? isa_.attention_approximate : isa_.attention;
      args.out = got.data();
      attention(&args);
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], approximate ? 0.02 : 1e-5)
            << size.keys << " keys, causal " << size.causal << ", window " << size.window << " at " << i;
      }
      // One query at a time gives the same bits: what a tile computes beyond a row's own keys must not show.
      for (int i = 0; i < size.queries; ++i) {
        AttentionArgs one = args;
        one.q += i * stride;
        one.out = single.data() + static_cast<ptrdiff_t>(i) * out_stride;
        one.num_queries = 1;
        one.query_position += i;
        if (one.bias != nullptr) one.bias += static_cast<ptrdiff_t>(i) * bias_stride;
        attention(&one);
      }
      ASSERT_EQ(single, got) << size.keys << " keys, causal " << size.causal << ", window " << size.window;
    }
  }
}

}  // namespace
}  // namespace bantam
