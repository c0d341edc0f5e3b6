// NEON with dot products: sdot multiplies four signed bytes by four and adds them to a 32-bit lane. The mixed-sign form
// comes with i8mm only, so the activations are made signed. All else comes from the neon level.
#include "kernels/install.h"
// In this order: each file uses what the ones before it define.
// clang-format off
#include "kernels/neon/vec.inl"
#include "kernels/common/vec_math.inl"
#include "kernels/neon/signed_bytes.inl"
// clang-format on

namespace bantam {
namespace {

#define BANTAM_INT8_ROWS 6
const int kInt8Rows = BANTAM_INT8_ROWS, kInt8Vecs = 2;  // 12 accumulators, 2 weights, 6 rows of 16 activations

// One group of four k for kInt8Vecs vectors of columns; the activations lie in lane kLane of a[r].
template <int kLane, int kRows>
BANTAM_INLINE void DotGroup(const int8x16_t (&a)[kRows], const int8_t* weights, IVec (&acc)[kRows][kInt8Vecs]) {
  int8x16_t w[kInt8Vecs];
#pragma GCC unroll 2
  for (int v = 0; v < kInt8Vecs; ++v) w[v] = vld1q_s8(weights + 16 * v);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = vdotq_laneq_s32(acc[r][v], w[v], a[r], kLane);
  }
}

// Four groups at once: one load and one change of sign serve four steps, whose activations sdot takes by lane.
template <int kRows>
BANTAM_INLINE void Int8Products(const uint8_t* x, ptrdiff_t x_stride, const int8_t* weights, int groups,
                                IVec (&acc)[kRows][kInt8Vecs]) {
  const int kStep = kPanelColumns * kInt8KGroup;
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = vdupq_n_s32(0);
  }
  int g = 0;
  for (; g + 4 <= groups; g += 4, weights += 4 * kStep) {
    int8x16_t a[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) a[r] = ToSigned(vld1q_u8(x + r * x_stride + g * kInt8KGroup));
    DotGroup<0>(a, weights, acc);
    DotGroup<1>(a, weights + kStep, acc);
    DotGroup<2>(a, weights + 2 * kStep, acc);
    DotGroup<3>(a, weights + 3 * kStep, acc);
  }
  for (; g < groups; ++g, weights += kStep) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      uint32_t four;
      __builtin_memcpy(&four, x + r * x_stride + g * kInt8KGroup, sizeof four);
      const int8x16_t a = ToSigned(vreinterpretq_u8_u32(vdupq_n_u32(four)));
#pragma GCC unroll 2
      for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = vdotq_s32(acc[r][v], vld1q_s8(weights + 16 * v), a);
    }
  }
}

#define BANTAM_INT4_ROWS 4
const int kInt4Rows = BANTAM_INT4_ROWS, kInt4Vecs = 2;
// A nibble stays in the upper half of its byte, which spares its sign extension.
const float kInt4WeightUnit = 16;

// What the shift of the activations takes away is summed beside the rows: the weights of a group have no sum of their
// own.
template <int kRows>
BANTAM_INLINE void Int4Products(const uint8_t* x, ptrdiff_t x_stride, const uint8_t* weights, const uint16_t* scales,
                                int groups, Vec (&acc)[kRows][kInt4Vecs]) {
  const uint8x16_t upper = vdupq_n_u8(0xf0);
  const int8x16_t ones = vdupq_n_s8(1);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) acc[r][v] = Zero();
  }
  for (int g = 0; g < groups; ++g, x += kInt4Group, scales += kPanelColumns) {
    int32x4_t sums[kRows][kInt4Vecs], weight_sums[kInt4Vecs];
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) {
      weight_sums[v] = vdupq_n_s32(0);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sums[r][v] = vdupq_n_s32(0);
    }
#pragma GCC unroll 4
    for (int step = 0; step < kInt4Group / 8; ++step, weights += kPanelColumns * 4) {
      int8x16_t low[kInt4Vecs], high[kInt4Vecs];
#pragma GCC unroll 2
      for (int v = 0; v < kInt4Vecs; ++v) {
        const uint8x16_t both = vld1q_u8(weights + 16 * v);
        low[v] = vreinterpretq_s8_u8(vshlq_n_u8(both, 4));
        high[v] = vreinterpretq_s8_u8(vandq_u8(both, upper));
        weight_sums[v] = vdotq_s32(vdotq_s32(weight_sums[v], low[v], ones), high[v], ones);
      }
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const uint8x8_t eight = vld1_u8(x + r * x_stride + step * 8);
        const int8x16_t a = ToSigned(vcombine_u8(eight, eight));
#pragma GCC unroll 2
        for (int v = 0; v < kInt4Vecs; ++v) {
          sums[r][v] = vdotq_laneq_s32(vdotq_laneq_s32(sums[r][v], low[v], a, 0), high[v], a, 1);
        }
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) {
      const Vec scale = LoadBf16(scales + v * kLanes);
      const int32x4_t taken = vshlq_n_s32(weight_sums[v], 7);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) acc[r][v] = Fma(vcvtq_f32_s32(vaddq_s32(sums[r][v], taken)), scale, acc[r][v]);
    }
  }
}

}  // namespace
}  // namespace bantam

#include "kernels/common/gemm_int4.inl"
#include "kernels/common/gemm_int8.inl"

namespace bantam {

void InstallNeonDot(struct KernelTable* table) {
  table->gemm_int8 = GemmInt8;
  table->gemm_int4 = GemmInt4;
}

}  // namespace bantam
