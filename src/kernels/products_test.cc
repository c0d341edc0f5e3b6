// Matrix products in f32 and int8: every ISA level against scalar, and against exact integers.
#include <cmath>

#include "kernels/packing.h"
#include "kernels/testing/every_isa.h"

namespace bantam {
namespace {

using testing::Bytes, testing::Normal, testing::Random;

BANTAM_EVERY_ISA(Products);

using testing::Product;
const Product kProducts[] = {{1, 1, 1},      {1, 4, 64},    {2, 5, 63},   {3, 7, 65},  {4, 16, 16},
                             {5, 33, 17},    {6, 384, 128}, {7, 12, 31},  {8, 3, 200}, {11, 50, 64},
                             {13, 1536, 70}, {17, 31, 48},  {49, 64, 66}, {12, 2, 33}};

// Without the largest for the emulated level, where every step of the product is a signal.
std::vector<Product> Int8Products(const std::string& level) {
  std::vector<Product> sizes;
  for (const Product& size : kProducts) {
    if (level != testing::kEmulated || size.rows * size.in * size.out < 200'000) sizes.push_back(size);
  }
  return sizes;
}

TEST_P(Products, GemmF32) {
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
TEST_P(Products, GemmF32RowsDoNotDependOnTheTile) {
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
TEST_P(Products, GemmInt8IntegersAreExact) {
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

TEST_P(Products, GemmInt8Epilogue) {
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

}  // namespace
}  // namespace bantam
