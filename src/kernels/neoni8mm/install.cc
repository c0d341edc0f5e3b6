// NEON with the 8-bit matrix products: usmmla multiplies two rows of eight unsigned bytes by two columns of eight
// signed ones and adds the four sums, twice the work of a dot product and of the signs that the operands have. All else
// comes from the levels below.
#include "kernels/install.h"
// In this order: each file uses what the ones before it define.
// clang-format off
#include "kernels/neon/vec.inl"
#include "kernels/common/vec_math.inl"
// clang-format on

namespace bantam {
namespace {

typedef int32x4_t IVec;
#define BANTAM_INT8_ROWS 6
const int kInt8Rows = BANTAM_INT8_ROWS,
          kInt8Vecs = 2;  // 12 accumulators of 2 x 2 sums; twice as many and gcc 12 spills

BANTAM_INLINE Vec SumsToFloat(IVec sums, const float*) { return vcvtq_f32_s32(sums); }

BANTAM_INLINE uint32_t LoadFour(const void* p) {
  uint32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return four;
}

// acc[p][2 v] and acc[p][2 v + 1]: rows 2 p and 2 p + 1 by columns (0, 1) and (2, 3) of vector v.
// low, high: the weights of columns 0 to 3, first and second group of four k.
template <int kPairs>
BANTAM_INLINE void MultiplyPairs(const uint8x16_t (&rows)[kPairs], int8x16_t low, int8x16_t high, int v,
                                 int32x4_t (&acc)[kPairs][2 * kInt8Vecs]) {
  const int32x4_t a = vreinterpretq_s32_s8(low), b = vreinterpretq_s32_s8(high);
  const int8x16_t first = vreinterpretq_s8_s32(vzip1q_s32(a, b)), second = vreinterpretq_s8_s32(vzip2q_s32(a, b));
#pragma GCC unroll 4
  for (int p = 0; p < kPairs; ++p) {
    acc[p][2 * v] = vusmmlaq_s32(acc[p][2 * v], rows[p], first);
    acc[p][2 * v + 1] = vusmmlaq_s32(acc[p][2 * v + 1], rows[p], second);
  }
}

template <int kRows>
BANTAM_INLINE void Int8Products(const uint8_t* x, ptrdiff_t x_stride, const int8_t* weights, int groups,
                                IVec (&out)[kRows][kInt8Vecs]) {
  const int kStep = kPanelColumns * kInt8KGroup, kPairs = (kRows + 1) / 2;
  int32x4_t acc[kPairs][2 * kInt8Vecs];
#pragma GCC unroll 4
  for (int p = 0; p < kPairs; ++p) {
#pragma GCC unroll 8
    for (int j = 0; j < 2 * kInt8Vecs; ++j) acc[p][j] = vdupq_n_s32(0);
  }
  uint8x16_t rows[kPairs];
  int g = 0;
  for (; g + 2 <= groups; g += 2, weights += 2 * kStep) {
#pragma GCC unroll 4
    for (int p = 0; p < kPairs; ++p) {
      const uint8_t* even = x + 2 * p * x_stride + g * kInt8KGroup;
      // An odd last row is its own partner: the second result is not used.
      const uint8_t* odd = 2 * p + 1 < kRows ? even + x_stride : even;
      rows[p] = vcombine_u8(vld1_u8(even), vld1_u8(odd));
    }
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) {
      MultiplyPairs<kPairs>(rows, vld1q_s8(weights + 16 * v), vld1q_s8(weights + kStep + 16 * v), v, acc);
    }
  }
  if (g < groups) {
#pragma GCC unroll 4
    for (int p = 0; p < kPairs; ++p) {
      const uint8_t* even = x + 2 * p * x_stride + g * kInt8KGroup;
      const uint8_t* odd = 2 * p + 1 < kRows ? even + x_stride : even;
      // The second group's weights are zero below, so its activations may be anything.
      rows[p] = vreinterpretq_u8_u32(vcombine_u32(vdup_n_u32(LoadFour(even)), vdup_n_u32(LoadFour(odd))));
    }
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) MultiplyPairs<kPairs>(rows, vld1q_s8(weights + 16 * v), vdupq_n_s8(0), v, acc);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) {
      // Each accumulator holds (row 2 p: columns a, b; row 2 p + 1: columns a, b).
      const int64x2_t ab = vreinterpretq_s64_s32(acc[r / 2][2 * v]), cd = vreinterpretq_s64_s32(acc[r / 2][2 * v + 1]);
      out[r][v] = vreinterpretq_s32_s64(r % 2 == 0 ? vzip1q_s64(ab, cd) : vzip2q_s64(ab, cd));
    }
  }
}

}  // namespace
}  // namespace bantam

#include "kernels/common/gemm_int8.inl"

namespace bantam {

void InstallNeonI8mm(struct KernelTable* table) { table->gemm_int8 = GemmInt8; }

}  // namespace bantam
