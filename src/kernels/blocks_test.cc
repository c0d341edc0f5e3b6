// Products in block formats: every ISA level of this CPU against f64 and against scalar, over odd shapes. The packed
// bytes are random, which is a matrix in every format; only the 16-bit floats are set. Buffers end exactly where a
// kernel may read.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/block_panels.h"
#include "kernels/kernel_table.h"
#include "kernels/testing/every_isa.h"

namespace bantam {
namespace {

using testing::Bytes, testing::Normal, testing::Product, testing::Random;

BANTAM_EVERY_ISA(Blocks);

const BlockFormat kFormats[] = {kBlockQ8_0, kBlockQ4_0, kBlockQ4_1, kBlockQ5_0, kBlockQ5_1,   kBlockQ2_K,
                                kBlockQ3_K, kBlockQ4_K, kBlockQ5_K, kBlockQ6_K, kBlockIQ4_NL, kBlockIQ4_XS};

// `in` is in superblocks where the format has them.
const Product kProducts[] = {{1, 1, 1},   {1, 2, 32}, {2, 1, 31}, {3, 3, 33}, {4, 1, 16},  {5, 2, 17},  {6, 5, 64},
                             {7, 1, 100}, {8, 2, 15}, {13, 1, 8}, {12, 3, 9}, {7, 18, 70}, {31, 48, 96}};

int InFeatures(BlockFormat format, const Product& size) {
  return size.in * (PanelLayoutOf(format).has_superblocks() ? kBlockGroup * kGroupsOfSuperblock : kBlockGroup);
}

void PutHalves(std::mt19937& random, uint8_t* at, int count, uint16_t only) {
  for (int i = 0; i < count; ++i) {
    // Either sign, 2^-9 to 2^-3; now and then a subnormal.
    uint16_t half = static_cast<uint16_t>((random() & 0x83ff) | (6 + random() % 6) << 10);
    if (random() % 16 == 0) half &= 0x83ff;
    if (only != 0) half = only;
    std::memcpy(at + 2 * i, &half, sizeof half);
  }
}

// `fill`: -1 for random levels and byte scales, else that byte everywhere. `half`: every 16-bit float, or 0 for random.
std::vector<uint8_t> RandomMatrix(std::mt19937& random, BlockFormat format, int out, int in, int fill = -1,
                                  uint16_t half = 0) {
  const PanelLayout layout = PanelLayoutOf(format);
  std::vector<uint8_t> packed = Bytes(random, PackedBlocksBytes(format, out, in));
  if (fill >= 0) std::fill(packed.begin(), packed.end(), static_cast<uint8_t>(fill));
  for (int p = 0; p < BlockPanels(out); ++p) {
    uint8_t* panel = packed.data() + static_cast<size_t>(p) * BlockPanelBytes(format, in);
    for (int g = 0; g < in / kBlockGroup; ++g) {
      if (layout.has_superblocks()) {
        const int halves = static_cast<int>(layout.header_bytes()) / 2;
        PutHalves(random, panel + BlockHeaderOffset(format, g), halves * kBlockColumns, half);
      } else {
        const int halves = static_cast<int>(layout.scale_bytes()) / 2;
        PutHalves(random, panel + BlockGroupOffset(format, g), halves * kBlockColumns, half);
      }
    }
  }
  return packed;
}

struct Rows {
  std::vector<uint8_t> bytes;
  std::vector<double> values;  // what the bytes stand for
  ptrdiff_t stride;
};

Rows Quantize(const KernelTable& kernels, const std::vector<float>& x, int rows, int in) {
  Rows quantized{{}, {}, static_cast<ptrdiff_t>(BlockRowBytes(in))};
  quantized.bytes.resize(static_cast<size_t>(rows * quantized.stride));
  const QuantizeBlocksArgs args{.x = x.data(),
                                .x_stride = in,
                                .out = quantized.bytes.data(),
                                .out_stride = quantized.stride,
                                .num_rows = rows,
                                .columns = in};
  kernels.quantize_blocks(&args);
  for (int r = 0; r < rows; ++r) {
    const uint8_t* row = quantized.bytes.data() + r * quantized.stride;
    for (int k = 0; k < in; ++k) {
      float scale;
      std::memcpy(&scale, row + in + k / kBlockGroup * 4, sizeof scale);
      quantized.values.push_back(static_cast<double>(scale) * static_cast<int8_t>(row[k]));
    }
  }
  return quantized;
}

TEST_P(Blocks, QuantizedRows) {
  const int rows = 3, in = 96, groups = in / kBlockGroup;
  auto random = Random(1);
  std::vector<float> x = Normal(random, rows * in, 3);
  std::fill_n(x.begin() + 32, 32, 0.0f);
  std::fill_n(x.begin() + 64, 32, -1e-35f);
  x[5] = 1000;
  x[in] = -127, x[in + 1] = 0.5f, x[in + 2] = 1.5f, x[in + 3] = -2.5f;  // halves round to even
  for (int i = 4; i < 32; ++i) x[in + i] = 0;
  const Rows expected = Quantize(scalar_, x, rows, in), got = Quantize(isa_, x, rows, in);
  ASSERT_EQ(got.bytes, expected.bytes);
  EXPECT_EQ(static_cast<int8_t>(got.bytes[got.stride]), -127);
  EXPECT_EQ(static_cast<int8_t>(got.bytes[got.stride + 1]), 0);
  EXPECT_EQ(static_cast<int8_t>(got.bytes[got.stride + 2]), 2);
  EXPECT_EQ(static_cast<int8_t>(got.bytes[got.stride + 3]), -2);
  for (int r = 0; r < rows; ++r) {
    const uint8_t* row = got.bytes.data() + r * got.stride;
    for (int g = 0; g < groups; ++g) {
      float largest = 0;
      int32_t sums[2] = {0, 0};
      for (int k = g * 32; k < g * 32 + 32; ++k) {
        largest = std::max(largest, std::abs(x[r * in + k]));
        sums[k / 16 % 2] += static_cast<int8_t>(row[k]);
      }
      for (int k = g * 32; k < g * 32 + 32; ++k) {
        ASSERT_NEAR(got.values[r * in + k], x[r * in + k], largest / 127 * 0.501 + 1e-30);
      }
      const auto at = [&](int begin, int index) { return row + in + 4 * (begin + index); };
      float scale, scaled;
      int32_t sum, half_sum;
      std::memcpy(&scale, at(0, g), 4);
      std::memcpy(&sum, at(groups, g), 4);
      std::memcpy(&scaled, at(4 * groups, g), 4);
      EXPECT_EQ(sum, sums[0] + sums[1]);
      EXPECT_EQ(scaled, scale * static_cast<float>(sum));
      for (int h = 0; h < 2; ++h) {
        std::memcpy(&half_sum, at(2 * groups, 2 * g + h), 4);
        std::memcpy(&scaled, at(5 * groups, 2 * g + h), 4);
        EXPECT_EQ(half_sum, sums[h]);
        EXPECT_EQ(scaled, scale * static_cast<float>(half_sum));
      }
    }
  }
}

TEST_P(Blocks, ProductsOfTheDequantizedMatrix) {
  for (const BlockFormat format : kFormats) {
    for (const Product& size : kProducts) {
      const int in = InFeatures(format, size);
      auto random = Random(size.rows * 100 + format);
      const std::vector<uint8_t> packed = RandomMatrix(random, format, size.out, in);
      const Rows x = Quantize(scalar_, Normal(random, static_cast<size_t>(size.rows) * in), size.rows, in);
      std::vector<float> got(static_cast<size_t>(size.rows) * size.out), weight(in);
      const GemmBlocksArgs args{.format = format,
                                .x = x.bytes.data(),
                                .x_stride = x.stride,
                                .packed = packed.data(),
                                .bias = nullptr,
                                .residual = nullptr,
                                .residual_stride = 0,
                                .out = got.data(),
                                .out_stride = size.out,
                                .num_rows = size.rows,
                                .in_features = in,
                                .out_features = size.out,
                                .panel_begin = 0,
                                .panel_end = BlockPanels(size.out),
                                .activation = kActivationNone};
      isa_.gemm_blocks(&args);
      for (int n = 0; n < size.out; ++n) {
        ReadBlockRow(format, packed.data(), in, n, weight.data());
        for (int r = 0; r < size.rows; ++r) {
          double expected = 0, magnitude = 0;
          for (int k = 0; k < in; ++k) {
            const double product = x.values[static_cast<size_t>(r) * in + k] * static_cast<double>(weight[k]);
            expected += product;
            magnitude += std::abs(product);
          }
          ASSERT_NEAR(got[static_cast<size_t>(r) * size.out + n], expected, 2e-6 * magnitude)
              << "format " << format << ", " << size.rows << "x" << in << "x" << size.out << " at " << r << "," << n;
        }
      }
    }
  }
}

// Every level at either end, all activations at 127: with scales of one the sums are integers, which must not saturate.
TEST_P(Blocks, IntegersAreExact) {
  for (const BlockFormat format : kFormats) {
    const PanelLayout layout = PanelLayoutOf(format);
    if (layout.has_superblocks() || layout.has_minima()) continue;  // their scales are in the filled bytes
    for (const int fill : {0x00, 0xff}) {
      for (const float value : {1.0f, -1.0f}) {
        const int rows = 7, in = 64, out = 33;
        auto random = Random(1);
        const std::vector<uint8_t> packed = RandomMatrix(random, format, out, in, fill, 0x3c00);
        const Rows x = Quantize(scalar_, std::vector<float>(rows * in, 127 * value), rows, in);
        std::vector<float> got(rows * out), weight(in);
        const GemmBlocksArgs args{.format = format,
                                  .x = x.bytes.data(),
                                  .x_stride = x.stride,
                                  .packed = packed.data(),
                                  .bias = nullptr,
                                  .residual = nullptr,
                                  .residual_stride = 0,
                                  .out = got.data(),
                                  .out_stride = out,
                                  .num_rows = rows,
                                  .in_features = in,
                                  .out_features = out,
                                  .panel_begin = 0,
                                  .panel_end = BlockPanels(out),
                                  .activation = kActivationNone};
        isa_.gemm_blocks(&args);
        ReadBlockRow(format, packed.data(), in, 0, weight.data());
        for (const float y : got) {
          ASSERT_EQ(y, weight[0] * 127 * value * static_cast<float>(in)) << "format " << format << " fill " << fill;
        }
      }
    }
  }
}

TEST_P(Blocks, EpilogueAndPanels) {
  for (const BlockFormat format : kFormats) {
    for (int variant = 0; variant < 6; ++variant) {
      const int rows = 5, in = InFeatures(format, {1, 1, 1}), out = 75, out_stride = out + variant;
      auto random = Random(variant * 100 + format);
      const std::vector<uint8_t> packed = RandomMatrix(random, format, out, in);
      const Rows x = Quantize(scalar_, Normal(random, rows * in, 0.02f), rows, in);
      const auto bias = Normal(random, out), residual = Normal(random, rows * out_stride);
      std::vector<float> expected(static_cast<size_t>(rows) * out_stride, 77), got = expected;
      GemmBlocksArgs args{.format = format,
                          .x = x.bytes.data(),
                          .x_stride = x.stride,
                          .packed = packed.data(),
                          .bias = variant == 5 ? nullptr : bias.data(),
                          .residual = variant == 0 ? residual.data() : nullptr,
                          .residual_stride = out_stride,
                          .out = expected.data(),
                          .out_stride = out_stride,
                          .num_rows = rows,
                          .in_features = in,
                          .out_features = out,
                          .panel_begin = variant == 4 ? 1 : 0,
                          .panel_end = variant == 3 ? 2 : 3,
                          .activation = variant == 5 ? kActivationNone : static_cast<Activation>(variant)};
      scalar_.gemm_blocks(&args);
      args.out = got.data();
      isa_.gemm_blocks(&args);
      for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < out_stride; ++c) {
          const size_t i = static_cast<size_t>(r) * out_stride + c;
          if (c >= out || c < args.panel_begin * kBlockColumns || c >= args.panel_end * kBlockColumns) {
            ASSERT_EQ(got[i], 77) << "written outside: format " << format << " at " << r << "," << c;
          } else {
            ASSERT_NEAR(got[i], expected[i], 2e-5 * (1 + std::abs(expected[i])))
                << "format " << format << " variant " << variant << " at " << r << "," << c;
          }
        }
      }
    }
  }
}

// As a layer adds to the stream of activations: in place.
TEST_P(Blocks, ResidualMayBeTheOutput) {
  for (const BlockFormat format : kFormats) {
    for (const int rows : {1, 6, 13}) {
      const int in = InFeatures(format, {1, 2, 1}), out = rows == 6 ? 288 : 75;
      auto random = Random(rows * 100 + format);
      const std::vector<uint8_t> packed = RandomMatrix(random, format, out, in);
      const Rows x = Quantize(scalar_, Normal(random, rows * in, 0.02f), rows, in);
      const auto residual = Normal(random, rows * out);
      std::vector<float> expected(static_cast<size_t>(rows * out)), got = residual;
      GemmBlocksArgs args{.format = format,
                          .x = x.bytes.data(),
                          .x_stride = x.stride,
                          .packed = packed.data(),
                          .bias = nullptr,
                          .residual = residual.data(),
                          .residual_stride = out,
                          .out = expected.data(),
                          .out_stride = out,
                          .num_rows = rows,
                          .in_features = in,
                          .out_features = out,
                          .panel_begin = 0,
                          .panel_end = BlockPanels(out),
                          .activation = kActivationNone};
      isa_.gemm_blocks(&args);
      args.residual = args.out = got.data();
      isa_.gemm_blocks(&args);
      ASSERT_EQ(got, expected) << "format " << format << ", " << rows << " rows";
    }
  }
}

// The promise of kernel_table.h: a row's numbers do not depend on its tile.
TEST_P(Blocks, RowsDoNotDependOnTheTile) {
  for (const BlockFormat format : kFormats) {
    const int rows = 14, in = InFeatures(format, {1, 2, 1}), out = 40;
    auto random = Random(format);
    const std::vector<uint8_t> packed = RandomMatrix(random, format, out, in);
    const Rows x = Quantize(scalar_, Normal(random, rows * in), rows, in);
    std::vector<float> whole(rows * out), part(rows * out);
    GemmBlocksArgs args{.format = format,
                        .x = x.bytes.data(),
                        .x_stride = x.stride,
                        .packed = packed.data(),
                        .bias = nullptr,
                        .residual = nullptr,
                        .residual_stride = 0,
                        .out = whole.data(),
                        .out_stride = out,
                        .num_rows = rows,
                        .in_features = in,
                        .out_features = out,
                        .panel_begin = 0,
                        .panel_end = BlockPanels(out),
                        .activation = kActivationSilu};
    isa_.gemm_blocks(&args);
    for (const int step : {1, 2, 3, 4, 5, 6, 9}) {
      for (int row = 0; row < rows; row += step) {
        args.x = x.bytes.data() + row * x.stride;
        args.out = part.data() + row * out;
        args.num_rows = std::min(step, rows - row);
        isa_.gemm_blocks(&args);
      }
      ASSERT_EQ(part, whole) << "format " << format << ", " << step << " rows at a time";
    }
  }
}

}  // namespace
}  // namespace bantam
