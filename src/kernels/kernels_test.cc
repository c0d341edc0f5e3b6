// Every ISA level of this CPU against the scalar one, and the scalar one against double precision. Sizes are odd on
// purpose: tails of every length, panels that are not full, rows that start at any byte. Buffers end exactly where the
// data ends, so that the address sanitizer sees a kernel that reads further.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "kernels/install.h"
#include "kernels/isa.h"
#include "kernels/packing.h"
#if defined(BANTAM_X86_KERNELS)
#include "kernels/testing/avx2vnni.h"
#endif

namespace bantam {
namespace {

std::mt19937 Random(int seed) { return std::mt19937(static_cast<unsigned>(seed)); }

std::vector<float> Normal(std::mt19937& random, size_t size, float deviation = 1) {
  std::normal_distribution<float> distribution(0, deviation);
  std::vector<float> values(size);
  for (float& x : values) x = distribution(random);
  return values;
}

std::vector<uint8_t> Bytes(std::mt19937& random, size_t size) {
  std::vector<uint8_t> values(size);
  for (uint8_t& x : values) x = static_cast<uint8_t>(random());
  return values;
}

// Beside the levels, the ways to run avx2vnni on a processor without it.
const char kAsEvex[] = "avx2vnni_as_evex", kEmulated[] = "avx2vnni_emulated";

std::vector<std::string> AllLevels() {
  std::vector<std::string> names;
  for (const IsaInfo& info : ListIsas()) {
    if (info.compiled) names.emplace_back(IsaName(info.isa));
  }
#if defined(BANTAM_X86_KERNELS)
  names.insert(names.end(), {kAsEvex, kEmulated});
#endif
  return names;
}

Result<KernelTable> TableOf(const std::string& level) {
#if defined(BANTAM_X86_KERNELS)
  if (level == kAsEvex || level == kEmulated) {
    BANTAM_TRY(Kernels kernels, KernelsFor(Isa::kAvx2));
    if (level == kAsEvex) {
      BANTAM_TRY([[maybe_unused]] const Kernels needed, KernelsFor(Isa::kAvx512Vnni));
      testing::InstallAvx2VnniAsEvex(&kernels.table);
    } else if (KernelsFor(Isa::kAvx2Vnni)) {
      return Err(ErrorCode::kUnsupported, "this processor has AVX-VNNI itself");
    } else if (!testing::EmulateVexVpdpbusd()) {
      return Err(ErrorCode::kUnsupported, "signals do not hand over the vector registers here");
    } else {
      InstallAvx2Vnni(&kernels.table);
    }
    return kernels.table;
  }
#endif
  BANTAM_TRY(const Isa isa, ParseIsa(level));
  BANTAM_TRY(const Kernels kernels, KernelsFor(isa));
  return kernels.table;
}

class EveryIsa : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto table = TableOf(GetParam());
    if (!table && table.error().code == ErrorCode::kUnsupported) GTEST_SKIP() << table.error().message;
    ASSERT_TRUE(table.has_value()) << table.error().message;
    isa_ = *table;
    scalar_ = KernelsFor(Isa::kScalar)->table;
  }
  void CheckAttention(void (*attention)(const AttentionArgs*), bool approximate) const;

  KernelTable isa_{}, scalar_{};
};

INSTANTIATE_TEST_SUITE_P(Levels, EveryIsa, ::testing::ValuesIn(AllLevels()),
                         [](const auto& test) { return test.param; });

struct Product {
  int rows, in, out;
};
const Product kProducts[] = {{1, 1, 1},      {1, 4, 64},    {2, 5, 63},   {3, 7, 65},  {4, 16, 16},
                             {5, 33, 17},    {6, 384, 128}, {7, 12, 31},  {8, 3, 200}, {11, 50, 64},
                             {13, 1536, 70}, {17, 31, 48},  {49, 64, 66}, {12, 2, 33}};

// Without the largest for the emulated level, where every step of the product is a signal.
std::vector<Product> Int8Products(const std::string& level) {
  std::vector<Product> sizes;
  for (const Product& size : kProducts) {
    if (level != kEmulated || size.rows * size.in * size.out < 200'000) sizes.push_back(size);
  }
  return sizes;
}

TEST_P(EveryIsa, GemmF32) {
  for (const Product& size : kProducts) {
    for (int variant = 0; variant < 5; ++variant) {
      auto random = Random(size.rows * 1000 + variant);
      const int stride = size.in + variant, out_stride = size.out + variant;
      const auto x = Normal(random, static_cast<size_t>(size.rows) * stride + 1);
      const auto weight =
          Normal(random, static_cast<size_t>(size.out) * size.in, 1 / std::sqrt(static_cast<float>(size.in)));
      const auto residual = Normal(random, static_cast<size_t>(size.rows) * out_stride + 1);
      auto bias = Normal(random, PaddedColumns(size.out));
      std::vector<float> packed(PackedF32Size(size.out, size.in));
      PackF32(weight, size.out, size.in, packed);
      const int panels = PaddedColumns(size.out) / kPanelColumns;
      std::vector<float> expected(static_cast<size_t>(size.rows) * out_stride, 77), got = expected;
      GemmF32Args args{.x = x.data() + 1,  // off any alignment
                       .x_stride = stride,
                       .packed = packed.data(),
                       .bias = bias.data(),
                       .residual = variant == 4 ? residual.data() + 1 : nullptr,
                       .residual_stride = out_stride,
                       .out = expected.data(),
                       .out_stride = out_stride,
                       .num_rows = size.rows,
                       .in_features = size.in,
                       .out_features = size.out,
                       .panel_begin = variant == 4 ? panels / 2 : 0,
                       .panel_end = panels,
                       .activation = static_cast<Activation>(variant % 4)};
      scalar_.gemm_f32(&args);
      args.out = got.data();
      isa_.gemm_f32(&args);
      for (int r = 0; r < size.rows; ++r) {
        for (int c = 0; c < out_stride; ++c) {
          const size_t i = static_cast<size_t>(r) * out_stride + c;
          if (c >= size.out || c < args.panel_begin * kPanelColumns) {
            ASSERT_EQ(got[i], 77) << "written outside: " << size.rows << "x" << size.in << "x" << size.out << " at "
                                  << r << "," << c;
          } else {
            ASSERT_NEAR(got[i], expected[i], 4e-6 * (1 + std::abs(expected[i])))
                << size.rows << "x" << size.in << "x" << size.out << " variant " << variant << " at " << r << "," << c;
          }
        }
      }
    }
  }
}

// The promise of kernel_table.h: one chain in ascending k, whatever the tile.
TEST_P(EveryIsa, GemmF32RowsDoNotDependOnTheTile) {
  auto random = Random(5);
  const int rows = 23, in = 97, out = 130;
  const auto x = Normal(random, rows * in), weight = Normal(random, out * in),
             bias = Normal(random, PaddedColumns(out));
  std::vector<float> packed(PackedF32Size(out, in));
  PackF32(weight, out, in, packed);
  GemmF32Args args{.x = x.data(),
                   .x_stride = in,
                   .packed = packed.data(),
                   .bias = bias.data(),
                   .residual = nullptr,
                   .residual_stride = 0,
                   .out = nullptr,
                   .out_stride = out,
                   .num_rows = rows,
                   .in_features = in,
                   .out_features = out,
                   .panel_begin = 0,
                   .panel_end = PaddedColumns(out) / kPanelColumns,
                   .activation = kActivationGelu};
  std::vector<float> whole(rows * out), part(rows * out);
  args.out = whole.data();
  isa_.gemm_f32(&args);
  for (int step : {1, 2, 3, 4, 5, 6, 7, 10}) {
    for (int row = 0; row < rows; row += step) {
      args.x = x.data() + row * in;
      args.out = part.data() + row * out;
      args.num_rows = std::min(step, rows - row);
      isa_.gemm_f32(&args);
    }
    ASSERT_EQ(part, whole) << step << " rows at a time";
  }
}

// The integer part is exact: unit scales give back the integer itself, and it must not saturate anywhere.
TEST_P(EveryIsa, GemmInt8IntegersAreExact) {
  for (const Product& size : Int8Products(GetParam())) {
    for (int extreme = 0; extreme < 3; ++extreme) {
      auto random = Random(size.rows * 100 + extreme);
      const int padded_in = PaddedInt8Features(size.in), stride = padded_in + extreme;
      auto x = Bytes(random, static_cast<size_t>(size.rows) * stride + 1);
      if (extreme == 1) std::fill(x.begin(), x.end(), uint8_t{255});
      std::vector<float> weight(static_cast<size_t>(size.out) * size.in);
      for (float& w : weight) w = static_cast<float>(static_cast<int>(random() % 255) - 127);
      if (extreme == 1) std::fill(weight.begin(), weight.end(), 127.0f);
      if (extreme == 2) std::fill(weight.begin(), weight.end(), -127.0f);
      for (int n = 0; n < size.out; ++n) weight[static_cast<size_t>(n) * size.in] = 127;  // so that the scale is 1
      const int columns = PaddedColumns(size.out);
      std::vector<int8_t> packed(PackedInt8Size(size.out, size.in));
      std::vector<float> scale(columns), sum(columns), bias(columns, 0.0f);
      PackInt8(weight, size.out, size.in, packed, scale, sum);
      std::vector<RowQuant> quant(size.rows, RowQuant{1, 0});
      std::vector<float> got(static_cast<size_t>(size.rows) * size.out);
      const GemmInt8Args args{.x = x.data() + 1,
                              .x_stride = stride,
                              .x_quant = quant.data(),
                              .packed = packed.data(),
                              .weight_scale = scale.data(),
                              .weight_sum = sum.data(),
                              .bias = bias.data(),
                              .residual = nullptr,
                              .residual_stride = 0,
                              .out = got.data(),
                              .out_stride = size.out,
                              .num_rows = size.rows,
                              .in_features = size.in,
                              .out_features = size.out,
                              .panel_begin = 0,
                              .panel_end = columns / kPanelColumns,
                              .activation = kActivationNone};
      isa_.gemm_int8(&args);
      for (int r = 0; r < size.rows; ++r) {
        for (int n = 0; n < size.out; ++n) {
          int64_t expected = 0;
          for (int k = 0; k < size.in; ++k) {
            expected += x[1 + static_cast<size_t>(r) * stride + k] *
                        static_cast<int64_t>(weight[static_cast<size_t>(n) * size.in + k]);
          }
          ASSERT_EQ(scale[n], 1.0f);
          ASSERT_EQ(got[static_cast<size_t>(r) * size.out + n], static_cast<float>(expected)) << r << "," << n;
        }
      }
    }
  }
}

TEST_P(EveryIsa, GemmInt8Epilogue) {
  for (const Product& size : Int8Products(GetParam())) {
    for (int variant = 0; variant < 5; ++variant) {
      auto random = Random(size.rows * 10 + variant);
      const int stride = PaddedInt8Features(size.in), out_stride = size.out + variant,
                columns = PaddedColumns(size.out);
      const auto x = Bytes(random, static_cast<size_t>(size.rows) * stride);
      const auto weight =
          Normal(random, static_cast<size_t>(size.out) * size.in, 1 / std::sqrt(static_cast<float>(size.in)));
      const auto residual = Normal(random, static_cast<size_t>(size.rows) * out_stride);
      const auto bias = Normal(random, columns);
      std::vector<int8_t> packed(PackedInt8Size(size.out, size.in));
      std::vector<float> scale(columns), sum(columns);
      PackInt8(weight, size.out, size.in, packed, scale, sum);
      std::vector<RowQuant> quant(size.rows);
      for (RowQuant& row : quant) row = {0.01f + 1e-6f * static_cast<float>(random() % 10000), -1.5f};
      std::vector<float> expected(static_cast<size_t>(size.rows) * out_stride, 77), got = expected;
      GemmInt8Args args{.x = x.data(),
                        .x_stride = stride,
                        .x_quant = quant.data(),
                        .packed = packed.data(),
                        .weight_scale = scale.data(),
                        .weight_sum = sum.data(),
                        .bias = bias.data(),
                        .residual = variant == 4 ? residual.data() : nullptr,
                        .residual_stride = out_stride,
                        .out = expected.data(),
                        .out_stride = out_stride,
                        .num_rows = size.rows,
                        .in_features = size.in,
                        .out_features = size.out,
                        .panel_begin = 0,
                        .panel_end = columns / kPanelColumns,
                        .activation = static_cast<Activation>(variant % 4)};
      scalar_.gemm_int8(&args);
      args.out = got.data();
      isa_.gemm_int8(&args);
      // GELU may be the approximate one.
      const double bound = args.activation == kActivationGelu ? 2.5e-4 : 4e-6;
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], bound * (1 + std::abs(expected[i])))
            << size.rows << "x" << size.in << "x" << size.out << " variant " << variant << " at " << i;
      }
    }
  }
}

const int kWidths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 384, 1536, 1537};

TEST_P(EveryIsa, QuantizeGivesTheSameBytes) {
  for (int columns : kWidths) {
    auto random = Random(columns);
    const int rows = 5, stride = columns + 3, byte_stride = columns + 5;
    auto x = Normal(random, static_cast<size_t>(rows) * stride, 3);
    std::fill_n(x.begin() + stride, columns, 0.25f);  // a constant row has no range
    std::fill_n(x.begin() + 2 * stride, columns, 0.0f);
    x[3 * static_cast<size_t>(stride)] = 1.5e38f;  // and one with nearly all the range there is
    x[3 * static_cast<size_t>(stride) + columns - 1] = -1.5e38f;
    std::vector<uint8_t> expected(static_cast<size_t>(rows) * byte_stride, 99), got = expected;
    std::vector<RowQuant> expected_quant(rows), got_quant(rows);
    QuantizeArgs args{.x = x.data(),
                      .x_stride = stride,
                      .out = expected.data(),
                      .out_stride = byte_stride,
                      .out_quant = expected_quant.data(),
                      .num_rows = rows,
                      .columns = columns};
    scalar_.quantize(&args);
    args.out = got.data();
    args.out_quant = got_quant.data();
    isa_.quantize(&args);
    ASSERT_EQ(got, expected) << columns;
    ASSERT_EQ(0, std::memcmp(got_quant.data(), expected_quant.data(), rows * sizeof(RowQuant))) << columns;
    // And the bytes mean what they should: off by half a step at most.
    for (int i = 0; i < columns; ++i) {
      ASSERT_NEAR(got_quant[0].minimum + got_quant[0].scale * got[i], x[i], got_quant[0].scale * 0.5001) << i;
    }
    ASSERT_EQ(got_quant[1].minimum, 0.25f);
  }
}

TEST_P(EveryIsa, LayerNorm) {
  for (int columns : kWidths) {
    auto random = Random(columns);
    const int rows = 4, stride = columns + 1;
    auto x = Normal(random, static_cast<size_t>(rows) * stride);
    for (int i = 0; i < columns; ++i) x[stride + i] = 1000 + x[stride + i];  // a mean that would cancel in one pass
    std::fill_n(x.begin() + 2 * stride, columns, 5.0f);
    const auto gamma = Normal(random, columns), beta = Normal(random, columns);
    std::vector<float> out(static_cast<size_t>(rows) * stride, 77);
    std::vector<uint8_t> bytes(static_cast<size_t>(rows) * stride);
    std::vector<RowQuant> quant(rows);
    const LayerNormArgs args{.x = x.data(),
                             .x_stride = stride,
                             .gamma = gamma.data(),
                             .beta = beta.data(),
                             .epsilon = 1e-12f,
                             .out = out.data(),
                             .out_stride = stride,
                             .quantized = bytes.data(),
                             .quantized_stride = stride,
                             .quantized_rows = quant.data(),
                             .num_rows = rows,
                             .columns = columns};
    isa_.layer_norm(&args);
    for (int r = 0; r < rows; ++r) {
      double mean = 0, variance = 0;
      for (int i = 0; i < columns; ++i) mean += x[r * stride + i] / static_cast<double>(columns);
      for (int i = 0; i < columns; ++i) variance += std::pow(x[r * stride + i] - mean, 2) / columns;
      // The mean itself is a float: around 1000 it may be off by 3e-5, by the constant row's standards a lot.
      const double bound = r == 1 ? 2e-4 : 2e-6;
      for (int i = 0; i < columns; ++i) {
        const double expected = (x[r * stride + i] - mean) / std::sqrt(variance + 1e-12f) * gamma[i] + beta[i];
        if (columns == 1 || r == 2) {
          ASSERT_NEAR(out[r * stride + i], beta[i], 1e-6);
        } else {
          ASSERT_NEAR(out[r * stride + i], expected, bound * (1 + std::abs(gamma[i]) * 4)) << columns << " row " << r;
        }
      }
      ASSERT_TRUE(columns + 1 == stride && out[r * stride + columns] == 77);
    }
    // The bytes are those that Quantize gives for the output.
    std::vector<uint8_t> expected_bytes(bytes.size());
    std::vector<RowQuant> expected_quant(rows);
    const QuantizeArgs quantize{.x = out.data(),
                                .x_stride = stride,
                                .out = expected_bytes.data(),
                                .out_stride = stride,
                                .out_quant = expected_quant.data(),
                                .num_rows = rows,
                                .columns = columns};
    scalar_.quantize(&quantize);
    ASSERT_EQ(bytes, expected_bytes);
    // In place gives the same.
    LayerNormArgs in_place = args;
    in_place.out = x.data();
    isa_.layer_norm(&in_place);
    for (int r = 0; r < rows; ++r) {
      ASSERT_EQ(0, std::memcmp(&x[r * stride], &out[r * stride], columns * sizeof(float)));
    }
  }
}

// The exact one, then the one that may round to bfloat16: 2^-9 of each operand, so of scores that spread by spread^2.
TEST_P(EveryIsa, Attention) {
  for (const bool approximate : {false, true}) {
    SCOPED_TRACE(approximate);
    CheckAttention(approximate ? isa_.attention_approximate : isa_.attention, approximate);
  }
}

void EveryIsa::CheckAttention(void (*attention)(const AttentionArgs*), bool approximate) const {
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

// A query's result must not depend on the queries beside it.
TEST_P(EveryIsa, AttentionQueriesDoNotDependOnTheTile) {
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
TEST_P(EveryIsa, AttentionWithBiasMaskAndWindow) {
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

TEST_P(EveryIsa, RmsNorm) {
  for (int columns : kWidths) {
    auto random = Random(columns);
    const int rows = 4, stride = columns + 1;
    const auto x = Normal(random, static_cast<size_t>(rows) * stride), gamma = Normal(random, columns);
    std::vector<float> expected(static_cast<size_t>(rows) * stride, 77), got = expected;
    std::vector<uint8_t> bytes(static_cast<size_t>(rows) * stride), got_bytes = bytes;
    std::vector<RowQuant> quant(rows), got_quant(rows);
    LayerNormArgs args{.x = x.data(),
                       .x_stride = stride,
                       .gamma = gamma.data(),
                       .beta = nullptr,
                       .epsilon = 1e-6f,
                       .out = expected.data(),
                       .out_stride = stride,
                       .quantized = bytes.data(),
                       .quantized_stride = stride,
                       .quantized_rows = quant.data(),
                       .num_rows = rows,
                       .columns = columns};
    scalar_.rms_norm(&args);
    args.out = got.data();
    args.quantized = got_bytes.data();
    args.quantized_rows = got_quant.data();
    isa_.rms_norm(&args);
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 3e-6) << columns << " at " << i;
    std::vector<uint8_t> of_got(bytes.size());
    const QuantizeArgs quantize{.x = got.data(),
                                .x_stride = stride,
                                .out = of_got.data(),
                                .out_stride = stride,
                                .out_quant = quant.data(),
                                .num_rows = rows,
                                .columns = columns};
    scalar_.quantize(&quantize);
    ASSERT_EQ(got_bytes, of_got) << columns;
  }
}

TEST_P(EveryIsa, Rope) {
  const int rows = 5, heads = 3;
  for (const auto& [head_dim, rotary_dim] : {std::pair{2, 2}, {12, 12}, {20, 8}, {32, 32}, {64, 64}, {96, 66}}) {
    auto random = Random(head_dim);
    const int half = rotary_dim / 2, stride = heads * head_dim + 1;
    const auto x = Normal(random, rows * stride), cosines = Normal(random, 7 * half), sines = Normal(random, 7 * half);
    const std::vector<int32_t> positions = {6, 0, 3, 3, 1};
    auto expected = x, got = x;
    RopeArgs args{.x = expected.data(),
                  .x_stride = stride,
                  .cosines = cosines.data(),
                  .sines = sines.data(),
                  .position_ids = positions.data(),
                  .num_rows = rows,
                  .num_heads = heads,
                  .head_dim = head_dim,
                  .rotary_dim = rotary_dim};
    scalar_.rope(&args);
    args.x = got.data();
    isa_.rope(&args);
    for (int i = 0; i < rows * stride; ++i) ASSERT_NEAR(got[i], expected[i], 2e-6) << head_dim << " at " << i;
    const float a = x[stride + 1], b = x[stride + 1 + half];
    if (half > 1) {
      ASSERT_NEAR(got[stride + 1], a * cosines[1] - b * sines[1], 2e-6);  // its row is at position 0
    }
    ASSERT_EQ(got[heads * head_dim], x[heads * head_dim]);
  }
}

TEST_P(EveryIsa, Gate) {
  for (int columns : kWidths) {
    for (int activation = 0; activation <= kActivationSilu; ++activation) {
      auto random = Random(columns);
      const int rows = 3, stride = 2 * columns + 1;
      const auto x = Normal(random, rows * stride);
      std::vector<float> expected(static_cast<size_t>(rows) * (columns + 1), 77), got = expected;
      GateArgs args{.gate = x.data(),
                    .gate_stride = stride,
                    .up = x.data() + columns,
                    .up_stride = stride,
                    .out = expected.data(),
                    .out_stride = columns + 1,
                    .num_rows = rows,
                    .columns = columns,
                    .activation = static_cast<Activation>(activation)};
      scalar_.gate(&args);
      args.out = got.data();
      isa_.gate(&args);
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], 3e-6 * (1 + std::abs(expected[i]))) << columns << " activation " << activation;
      }
    }
  }
}

TEST_P(EveryIsa, Embedding) {
  for (int columns : kWidths) {
    auto random = Random(columns);
    const auto words = Normal(random, 7 * columns), positions = Normal(random, 4 * columns),
               types = Normal(random, 2 * columns);
    std::vector<int8_t> words_int8(words.size());
    std::vector<float> scales(7);
    for (int w = 0; w < 7; ++w) {
      scales[w] = QuantizeRowInt8(std::span(words).subspan(w * columns, columns),
                                  std::span(words_int8).subspan(w * columns, columns));
    }
    const std::vector<int32_t> ids = {6, 0, 3}, places = {3, 1, 0}, kinds = {1, 0, 1};
    for (int variant = 0; variant < 4; ++variant) {
      std::vector<float> expected(3 * columns), got(3 * columns);
      EmbeddingArgs args{.words = variant < 2 ? words.data() : nullptr,
                         .words_int8 = variant < 2 ? nullptr : words_int8.data(),
                         .word_scales = scales.data(),
                         .positions = positions.data(),
                         .types = types.data(),
                         .word_ids = ids.data(),
                         .position_ids = places.data(),
                         .type_ids = variant % 2 == 0 ? nullptr : kinds.data(),
                         .out = expected.data(),
                         .out_stride = columns,
                         .num_rows = 3,
                         .columns = columns};
      scalar_.embedding(&args);
      args.out = got.data();
      isa_.embedding(&args);
      ASSERT_EQ(got, expected) << columns << " variant " << variant;
      for (int i = 0; i < columns; ++i) {
        const float exact = words[6 * columns + i] + positions[3 * columns + i] + types[(variant % 2) * columns + i];
        ASSERT_NEAR(got[i], exact, variant < 2 ? 1e-6 : scales[6] * 0.501 + 1e-6);
      }
    }
  }
}

TEST_P(EveryIsa, ActivationsAndExpAreAccurate) {
  std::vector<float> x;
  for (float v = -14; v <= 14; v += 0.00137f) x.push_back(v);
  for (float v : {0.0f, -0.0f, 1e-30f, -1e-30f, 40.0f, -40.0f, 1000.0f, -1000.0f}) x.push_back(v);
  std::vector<float> y(x.size());
  const auto count = static_cast<int>(x.size());
  isa_.activate(x.data(), y.data(), count, kActivationGelu);
  for (int i = 0; i < count; ++i) {
    const double exact = 0.5 * x[i] * std::erfc(-x[i] * std::sqrt(0.5));
    ASSERT_NEAR(y[i], exact, 1e-6 * std::abs(exact) + 1e-9 + 1e-7 * (std::abs(x[i]) < 3 ? std::abs(exact) : 0)) << x[i];
  }
  isa_.activate(x.data(), y.data(), count, kActivationGeluTanh);
  for (int i = 0; i < count; ++i) {
    const double exact = 0.5 * x[i] * (1 + std::tanh(std::sqrt(2 / M_PI) * (x[i] + 0.044715 * std::pow(x[i], 3))));
    ASSERT_NEAR(y[i], exact, 1e-6 * std::abs(exact) + 1e-6) << x[i];
  }
  isa_.activate(x.data(), y.data(), count, kActivationRelu);
  for (int i = 0; i < count; ++i) ASSERT_EQ(y[i], x[i] > 0 ? x[i] : 0.0f);
  isa_.activate(x.data(), y.data(), count, kActivationSilu);
  for (int i = 0; i < count; ++i) {
    const double exact = x[i] / (1 + std::exp(-static_cast<double>(x[i])));
    ASSERT_NEAR(y[i], exact, 1e-6 * std::abs(exact) + 1e-7) << x[i];
  }
}

TEST_P(EveryIsa, Softmax) {
  for (int count : kWidths) {
    auto random = Random(count);
    auto x = Normal(random, count, 20);
    std::vector<float> y(count);
    const float sum = isa_.softmax(x.data(), y.data(), count, 0.5f);
    double largest = -1e300, exact_sum = 0;
    for (float v : x) largest = std::max<double>(largest, v);
    for (int i = 0; i < count; ++i) {
      const double exact = std::exp((x[i] - largest) * 0.5);
      exact_sum += exact;
      // The argument is a float: its rounding is 6e-8 of it.
      ASSERT_NEAR(y[i], exact, exact * (3e-7 + 1e-7 * std::abs(x[i] - largest))) << count << " at " << i;
    }
    ASSERT_NEAR(sum, exact_sum, 2e-6 * exact_sum);
  }
}

}  // namespace
}  // namespace bantam
