// Layers whose weights are blocks of a GGUF file: against f64 products of what those blocks say.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "base/aligned_buffer.h"
#include "layers/embedding.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"
#include "tensor/block_packing.h"

namespace bantam {
namespace {

constexpr int kIn = 256;

const Kernels& Best() { return **SelectKernels(); }

// A file's matrix [out, kIn] of random blocks, packed.
struct Matrix {
  Matrix(DType dtype, int out, int seed)
      : view{.format = *BlockFormatOf(dtype), .in_features = kIn, .out_features = out} {
    std::mt19937 random(static_cast<unsigned>(seed));
    const BlockLayout block = BlockOf(dtype);
    std::vector<std::byte> bytes(static_cast<size_t>(out) * RowBytes(dtype, kIn));
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    const bool superblocks = block.elements == 256;  // of those only Q6_K is used here: its half comes last
    for (size_t b = 0; b < bytes.size(); b += block.bytes) {
      const uint16_t halves[2] = {static_cast<uint16_t>(0x1c00 + random() % 1024), 0x9800};
      const bool minimum = dtype == DType::kQ4_1 || dtype == DType::kQ5_1;
      std::memcpy(bytes.data() + b + (superblocks ? block.bytes - 2 : 0), halves, minimum ? 4 : 2);
    }
    const TensorView tensor{dtype, {out, kIn}, bytes};
    packed = AlignedBuffer<uint8_t>(view.size_bytes());
    PackBlocks(tensor, packed, 0, view.num_panels());
    view.packed = packed.data();
    values.resize(static_cast<size_t>(out) * kIn);
    CopyToF32(tensor, values);
  }
  BlockMatrix view;
  AlignedBuffer<uint8_t> packed;
  std::vector<float> values;
};

// Rows with room for their block rows.
struct Rows {
  Rows(int rows, int columns)
      : values(static_cast<size_t>(rows * columns)), bytes(static_cast<size_t>(rows) * BlockRowBytes(columns)) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    for (float& x : std::span<float>(values)) x = normal(random);
    view = {.values = values.data(),
            .stride = columns,
            .bytes = bytes.data(),
            .byte_stride = static_cast<ptrdiff_t>(BlockRowBytes(columns)),
            .block_rows = true};
  }
  // What the bytes of row r say of element k.
  double Quantized(int r, int k) const {
    const uint8_t* row = bytes.data() + r * view.byte_stride;
    float scale;
    std::memcpy(&scale, row + view.stride + k / 32 * 4, sizeof scale);
    return static_cast<double>(scale) * static_cast<int8_t>(row[k]);
  }
  AlignedBuffer<float> values;
  AlignedBuffer<uint8_t> bytes;
  Activations view;
};

TEST(BlockLinear, MatricesOfDifferentFormatsFollowEachOther) {
  const Matrix matrices[] = {{DType::kQ4_0, 40, 1}, {DType::kQ6_K, 33, 2}, {DType::kQ5_1, 7, 3}};
  const int out = 80;
  std::vector<float> bias(out);
  for (int n = 0; n < out; ++n) bias[static_cast<size_t>(n)] = static_cast<float>(n) * 0.1f;
  const BlockMatrix views[] = {matrices[0].view, matrices[1].view, matrices[2].view};
  const Linear linear = BlockLinear(views, bias.data());
  ASSERT_EQ(linear.out_features, out);
  ASSERT_EQ(linear.num_panels(), 2 + 2 + 1);
  EXPECT_TRUE(linear.reads_bytes());
  ThreadPool pool(3);
  for (const int rows : {1, 5, 100}) {
    Rows x(rows, kIn), residual(rows, out);
    QuantizeRows(Best(), x.view, rows, kIn);
    Rows alone(rows, out), parallel(rows, out);
    ApplyLinear(Best(), linear, x.view, alone.view, rows, {.residual = &residual.view});
    ApplyLinear(Best(), linear, x.view, parallel.view, rows, Parallel::Over(pool), {.residual = &residual.view});
    for (int r = 0; r < rows; ++r) {
      int n = 0;
      for (const Matrix& matrix : matrices) {
        for (int i = 0; i < matrix.view.out_features; ++i, ++n) {
          double expected = bias[static_cast<size_t>(n)] + residual.values[static_cast<size_t>(r * out + n)],
                 magnitude = 1;
          for (int k = 0; k < kIn; ++k) {
            const double product = x.Quantized(r, k) * matrix.values[static_cast<size_t>(i * kIn + k)];
            expected += product;
            magnitude += std::abs(product);
          }
          const auto at = static_cast<size_t>(r * out + n);
          ASSERT_NEAR(alone.values[at], expected, 2e-6 * magnitude) << r << "," << n;
          ASSERT_EQ(parallel.values[at], alone.values[at]) << r << "," << n;
        }
      }
    }
  }
}

TEST(BlockLinear, AnEmbeddingReadsRowsOfTheSameMatrix) {
  const Matrix matrix(DType::kQ4_1, 50, 4);
  std::vector<float> positions(3 * kIn), types(kIn, 0.25f);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<float>(i) * 1e-3f;
  const Embedding embedding{
      .hidden_size = kIn, .words_blocks = matrix.view, .positions = positions.data(), .types = types.data()};
  const std::vector<int32_t> tokens = {49, 0, 31, 32}, position_ids = {0, 1, 2, 0};
  Rows out(4, kIn);
  ApplyEmbedding(Best(), embedding, tokens, position_ids, {}, out.view);
  for (size_t row = 0; row < tokens.size(); ++row) {
    for (size_t i = 0; i < kIn; ++i) {
      const float word = matrix.values[static_cast<size_t>(tokens[row]) * kIn + i];
      ASSERT_EQ(out.values[row * kIn + i], word + 0.25f + positions[static_cast<size_t>(position_ids[row]) * kIn + i]);
    }
  }
}

TEST(BlockLinear, NormsWriteBlockRows) {
  std::vector<float> gamma(kIn, 1.5f), beta(kIn, 0.5f);
  for (const NormKind kind : {NormKind::kLayerNorm, NormKind::kRmsNorm, NormKind::kNoNorm}) {
    Rows x(3, kIn), got(3, kIn), expected(3, kIn);
    ApplyLayerNorm(Best(), {.size = kIn, .gamma = gamma.data(), .beta = beta.data(), .kind = kind}, x.view, got.view,
                   3);
    std::memcpy(expected.values.data(), got.values.data(), got.values.size() * sizeof(float));
    QuantizeRows(Best(), expected.view, 3, kIn);
    ASSERT_EQ(std::memcmp(got.bytes.data(), expected.bytes.data(), got.bytes.size()), 0);
  }
}

}  // namespace
}  // namespace bantam
