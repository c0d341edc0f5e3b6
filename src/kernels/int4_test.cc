// int4: packing, and the products of every ISA level of this CPU against exact integers and against scalar, over odd
// shapes. Buffers end exactly where a kernel may read, so that the address sanitizer sees one that reads further.
#include <algorithm>
#include <cmath>

#include "base/half.h"
#include "kernels/packing.h"
#include "kernels/testing/every_isa.h"

namespace bantam {
namespace {

using testing::Bytes, testing::Normal, testing::Product, testing::Random;

BANTAM_EVERY_ISA(Int4);

constexpr uint16_t kOne = 0x3f80;  // in bfloat16

struct PackedInt4 {
  PackedInt4(int out, int in)
      : weights(PackedInt4Size(out, in)), scales(PackedInt4ScaleCount(out, in)), sums(PaddedColumns(out)) {}
  std::vector<uint8_t> weights;
  std::vector<uint16_t> scales;
  std::vector<float> sums;
};

PackedInt4 PackFloats(const std::vector<float>& weight, int out, int in) {
  PackedInt4 packed(out, in);
  std::vector<int8_t> row(in);
  std::vector<uint16_t> scales(Int4Groups(in));
  for (int n = 0; n < out; ++n) {
    QuantizeRowInt4(std::span(weight).subspan(static_cast<size_t>(n) * in, in), {}, row, scales);
    packed.sums[n] = PlaceInt4Row(row, scales, n, packed.weights, packed.scales);
  }
  return packed;
}

const Product kProducts[] = {{1, 1, 1},      {1, 4, 64},    {2, 5, 63},   {3, 7, 65},   {4, 16, 16},
                             {5, 33, 17},    {6, 384, 128}, {7, 31, 31},  {8, 32, 200}, {11, 50, 64},
                             {13, 1536, 70}, {17, 64, 48},  {49, 65, 66}, {12, 2, 33}};

int PaddedBytes(int in) { return Int4Groups(in) * kInt4Group; }

// With unit scales the result is the integer itself, and it must not saturate anywhere.
TEST_P(Int4, IntegersAreExact) {
  for (const Product& size : kProducts) {
    for (int extreme = 0; extreme < 3; ++extreme) {
      auto random = Random(size.rows * 100 + extreme);
      const int stride = PaddedBytes(size.in) + extreme, columns = PaddedColumns(size.out);
      auto x = Bytes(random, static_cast<size_t>(size.rows) * stride + 1);
      if (extreme > 0) std::fill(x.begin(), x.end(), uint8_t{255});
      std::vector<int8_t> weight(static_cast<size_t>(size.out) * size.in);
      for (int8_t& w : weight) {
        w = static_cast<int8_t>(extreme == 0 ? static_cast<int>(random() % 16) - 8 : extreme == 1 ? 7 : -8);
      }
      PackedInt4 packed(size.out, size.in);
      const std::vector<uint16_t> ones(Int4Groups(size.in), kOne);
      for (int n = 0; n < size.out; ++n) {
        packed.sums[n] = PlaceInt4Row(std::span(weight).subspan(static_cast<size_t>(n) * size.in, size.in), ones, n,
                                      packed.weights, packed.scales);
      }
      const std::vector<RowQuant> quant(size.rows, RowQuant{1, 2});
      const std::vector<float> bias(columns, 0.0f);
      std::vector<float> got(static_cast<size_t>(size.rows) * size.out);
      const GemmInt4Args args{.x = x.data() + 1,
                              .x_stride = stride,
                              .x_quant = quant.data(),
                              .packed = packed.weights.data(),
                              .group_scale = packed.scales.data(),
                              .weight_sum = packed.sums.data(),
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
      isa_.gemm_int4(&args);
      for (int r = 0; r < size.rows; ++r) {
        for (int n = 0; n < size.out; ++n) {
          int64_t expected = 0;  // of 2 + q for each byte q
          for (int k = 0; k < size.in; ++k) {
            expected += (2 + x[1 + static_cast<size_t>(r) * stride + k]) *
                        static_cast<int64_t>(weight[static_cast<size_t>(n) * size.in + k]);
          }
          ASSERT_EQ(got[static_cast<size_t>(r) * size.out + n], static_cast<float>(expected))
              << size.in << " extreme " << extreme << " at " << r << "," << n;
        }
      }
    }
  }
}

TEST_P(Int4, EpilogueAndPanels) {
  for (const Product& size : kProducts) {
    for (int variant = 0; variant < 5; ++variant) {
      auto random = Random(size.rows * 10 + variant);
      const int stride = PaddedBytes(size.in), out_stride = size.out + variant, columns = PaddedColumns(size.out),
                panels = columns / kPanelColumns;
      const auto x = Bytes(random, static_cast<size_t>(size.rows) * stride);
      const auto weight =
          Normal(random, static_cast<size_t>(size.out) * size.in, 1 / std::sqrt(static_cast<float>(size.in)));
      const auto residual = Normal(random, static_cast<size_t>(size.rows) * out_stride);
      const auto bias = Normal(random, columns);
      const PackedInt4 packed = PackFloats(weight, size.out, size.in);
      std::vector<RowQuant> quant(size.rows);
      for (RowQuant& row : quant) row = {0.01f + 1e-6f * static_cast<float>(random() % 10000), -1.5f};
      std::vector<float> expected(static_cast<size_t>(size.rows) * out_stride, 77), got = expected;
      GemmInt4Args args{.x = x.data(),
                        .x_stride = stride,
                        .x_quant = quant.data(),
                        .packed = packed.weights.data(),
                        .group_scale = packed.scales.data(),
                        .weight_sum = packed.sums.data(),
                        .bias = bias.data(),
                        .residual = variant == 4 ? residual.data() : nullptr,
                        .residual_stride = out_stride,
                        .out = expected.data(),
                        .out_stride = out_stride,
                        .num_rows = size.rows,
                        .in_features = size.in,
                        .out_features = size.out,
                        .panel_begin = variant == 4 ? panels / 2 : 0,
                        .panel_end = panels,
                        .activation = static_cast<Activation>(variant % 4)};
      scalar_.gemm_int4(&args);
      args.out = got.data();
      isa_.gemm_int4(&args);
      // GELU may be the approximate one.
      const double bound = args.activation == kActivationGelu ? 2.5e-4 : 4e-6;
      for (int r = 0; r < size.rows; ++r) {
        for (int c = 0; c < out_stride; ++c) {
          const size_t i = static_cast<size_t>(r) * out_stride + c;
          if (c >= size.out || c < args.panel_begin * kPanelColumns) {
            ASSERT_EQ(got[i], 77) << "written outside at " << r << "," << c;
          } else {
            ASSERT_NEAR(got[i], expected[i], bound * (1 + std::abs(expected[i])))
                << size.rows << "x" << size.in << "x" << size.out << " variant " << variant << " at " << i;
          }
        }
      }
    }
  }
}

TEST_P(Int4, RowsDoNotDependOnTheTile) {
  std::mt19937 random(5);
  const int rows = 23, in = 97, out = 130, stride = PaddedBytes(in);
  const auto x = Bytes(random, static_cast<size_t>(rows) * stride);
  const auto bias = Normal(random, PaddedColumns(out));
  const PackedInt4 packed = PackFloats(Normal(random, static_cast<size_t>(out) * in), out, in);
  const std::vector<RowQuant> quant(rows, RowQuant{0.013f, -0.7f});
  GemmInt4Args args{.x = x.data(),
                    .x_stride = stride,
                    .x_quant = quant.data(),
                    .packed = packed.weights.data(),
                    .group_scale = packed.scales.data(),
                    .weight_sum = packed.sums.data(),
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
                    .activation = kActivationNone};
  std::vector<float> whole(static_cast<size_t>(rows) * out), part(whole.size());
  args.out = whole.data();
  isa_.gemm_int4(&args);
  for (int step : {1, 2, 3, 4, 5, 6, 7, 10}) {
    for (int row = 0; row < rows; row += step) {
      args.x = x.data() + row * stride;
      args.out = part.data() + row * out;
      args.num_rows = std::min(step, rows - row);
      isa_.gemm_int4(&args);
    }
    ASSERT_EQ(part, whole) << step << " rows at a time";
  }
}

TEST_P(Int4, Embedding) {
  for (int columns : {1, 2, 7, 16, 31, 32, 33, 48, 65, 384}) {
    auto random = Random(columns);
    const int rows = 7, groups = Int4Groups(columns);
    const auto words = Normal(random, static_cast<size_t>(rows) * columns), positions = Normal(random, 4 * columns),
               types = Normal(random, 2 * columns);
    std::vector<uint8_t> nibbles(rows * Int4RowBytes(columns));
    std::vector<uint16_t> scales(static_cast<size_t>(rows) * groups);
    std::vector<int8_t> row(columns);
    for (int w = 0; w < rows; ++w) {
      QuantizeRowInt4(std::span(words).subspan(static_cast<size_t>(w) * columns, columns), {}, row,
                      std::span(scales).subspan(static_cast<size_t>(w) * groups, groups));
      PackNibbles(row, std::span(nibbles).subspan(w * Int4RowBytes(columns), Int4RowBytes(columns)));
    }
    const std::vector<int32_t> ids = {6, 0, 3}, places = {3, 1, 0};
    std::vector<float> expected(3 * columns), got(3 * columns);
    EmbeddingArgs args{.words = nullptr,
                       .words_int8 = nullptr,
                       .word_scales = nullptr,
                       .words_int4 = nibbles.data(),
                       .word_group_scales = scales.data(),
                       .positions = positions.data(),
                       .types = types.data(),
                       .word_ids = ids.data(),
                       .position_ids = places.data(),
                       .type_ids = nullptr,
                       .out = expected.data(),
                       .out_stride = columns,
                       .num_rows = 3,
                       .columns = columns};
    scalar_.embedding(&args);
    args.out = got.data();
    isa_.embedding(&args);
    ASSERT_EQ(got, expected) << columns;
    for (int i = 0; i < columns; ++i) {
      // A step of 4 bits is an eighth of the largest weight; none of these is above 4.5.
      ASSERT_NEAR(got[i], words[6 * columns + i] + positions[3 * columns + i] + types[i], 0.5) << columns;
    }
  }
}

double SquaredError(std::span<const float> row, std::span<const int8_t> levels, std::span<const uint16_t> scales,
                    std::span<const float> importance) {
  double error = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    const double off = row[i] - static_cast<double>(levels[i]) * Bf16ToFloat(scales[i / kInt4Group]);
    error += off * off * (importance.empty() ? 1 : importance[i]);
  }
  return error;
}

// The scale that is searched for beats the one that just covers the largest weight, and by a good deal.
TEST(PackingInt4, TheScaleIsChosenForTheError) {
  std::mt19937 random(3);
  double searched = 0, plain = 0;
  for (int trial = 0; trial < 50; ++trial) {
    const auto row = Normal(random, 100);
    std::vector<int8_t> levels(row.size()), covering(row.size());
    std::vector<uint16_t> scales(Int4Groups(100));
    QuantizeRowInt4(row, {}, levels, scales);
    searched += SquaredError(row, levels, scales, {});
    for (size_t g = 0; g < scales.size(); ++g) {
      const size_t end = std::min<size_t>(row.size(), (g + 1) * kInt4Group);
      float largest = 0;
      for (size_t i = g * kInt4Group; i < end; ++i) largest = std::max(largest, std::abs(row[i]));
      for (size_t i = g * kInt4Group; i < end; ++i) {
        const double off = row[i] - std::round(row[i] / (largest / 7)) * (largest / 7);
        plain += off * off;
      }
    }
    for (const int8_t level : levels) ASSERT_TRUE(level >= -8 && level <= 7);
  }
  EXPECT_LT(searched, 0.8 * plain);
}

TEST(PackingInt4, ImportanceMovesTheErrorAway) {
  std::mt19937 random(4);
  const auto row = Normal(random, 64);
  std::vector<float> importance(row.size(), 0.01f);
  for (size_t i = 0; i < row.size(); i += 4) importance[i] = 1;
  std::vector<int8_t> even(row.size()), weighted(row.size());
  std::vector<uint16_t> even_scales(2), weighted_scales(2);
  QuantizeRowInt4(row, {}, even, even_scales);
  QuantizeRowInt4(row, importance, weighted, weighted_scales);
  EXPECT_LT(SquaredError(row, weighted, weighted_scales, importance), SquaredError(row, even, even_scales, importance));
}

TEST(PackingInt4, ZerosAndTinyRowsStayZero) {
  for (const float value : {0.0f, 1e-35f}) {
    const std::vector<float> row(40, value);
    std::vector<int8_t> levels(row.size(), 5);
    std::vector<uint16_t> scales(2, 7);
    QuantizeRowInt4(row, {}, levels, scales);
    EXPECT_EQ(levels, std::vector<int8_t>(row.size(), 0));
    EXPECT_EQ(scales, std::vector<uint16_t>(2, 0));
  }
}

TEST(PackingInt4, NibblesRoundTrip) {
  for (size_t count : {1, 2, 15, 16, 33}) {
    std::vector<int8_t> levels(count), back(count);
    for (size_t i = 0; i < count; ++i) levels[i] = static_cast<int8_t>(static_cast<int>(i * 5 % 16) - 8);
    std::vector<uint8_t> packed((count + 1) / 2);
    PackNibbles(levels, packed);
    UnpackNibbles(packed, back);
    EXPECT_EQ(back, levels);
  }
}

}  // namespace
}  // namespace bantam
