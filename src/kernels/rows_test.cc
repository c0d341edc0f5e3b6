// What works on rows and elements: every ISA level against scalar, and scalar against double precision.
#include <cmath>
#include <cstring>

#include "kernels/packing.h"
#include "kernels/testing/every_isa.h"

namespace bantam {
namespace {

using testing::Bytes, testing::Normal, testing::Random;

BANTAM_EVERY_ISA(Rows);

const int kWidths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 384, 1536, 1537};

TEST_P(Rows, QuantizeGivesTheSameBytes) {
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

TEST_P(Rows, LayerNorm) {
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

TEST_P(Rows, RmsNorm) {
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

TEST_P(Rows, Rope) {
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

TEST_P(Rows, Gate) {
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

TEST_P(Rows, Embedding) {
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

TEST_P(Rows, ActivationsAndExpAreAccurate) {
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

TEST_P(Rows, Softmax) {
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
