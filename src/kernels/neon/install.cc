// NEON as every aarch64 processor has it. Signed bytes are multiplied into 16 bits, where the sum of two products
// always fits (2 * 128 * 127 = 32,512), and pairs of those are added into 32.
#include "kernels/install.h"
// In this order: each file uses what the ones before it define.
// clang-format off
#include "kernels/neon/vec.inl"
#include "kernels/common/vec_math.inl"
#include "kernels/common/rows.inl"
#include "kernels/common/gemm_f32.inl"
#include "kernels/common/attention_mask.inl"
#include "kernels/common/attention.inl"
#include "kernels/common/kv_cache.inl"
#include "kernels/common/paged_attention.inl"
#include "kernels/common/gated.inl"
#include "kernels/common/install_all.inl"
#include "kernels/neon/signed_bytes.inl"
// clang-format on

namespace bantam {
namespace {

#define BANTAM_INT8_ROWS 2
const int kInt8Rows = BANTAM_INT8_ROWS, kInt8Vecs = 2;  // 8 accumulators of pair sums; twice as many and gcc 12 spills

// The four activations of one group, four times.
BANTAM_INLINE int8x16_t LoadGroup(const uint8_t* x) {
  uint32_t four;
  __builtin_memcpy(&four, x, sizeof four);
  return ToSigned(vreinterpretq_u8_u32(vdupq_n_u32(four)));
}

template <int kRows>
BANTAM_INLINE void Int8Products(const uint8_t* x, ptrdiff_t x_stride, const int8_t* weights, int groups,
                                IVec (&out)[kRows][kInt8Vecs]) {
  const int kStep = kPanelColumns * kInt8KGroup;
  // Two neighbouring sums per column, (k0, k1) and (k2, k3) of each group: columns 0 and 1 of a vector, columns 2
  // and 3.
  int32x4_t low[kRows][kInt8Vecs], high[kRows][kInt8Vecs];
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) low[r][v] = high[r][v] = vdupq_n_s32(0);
  }
  int g = 0;
  for (; g + 2 <= groups; g += 2, weights += 2 * kStep) {
    int8x16_t first[kInt8Vecs], second[kInt8Vecs];
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) {
      first[v] = vld1q_s8(weights + 16 * v);
      second[v] = vld1q_s8(weights + kStep + 16 * v);
    }
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
      const uint8_t* row = x + r * x_stride + g * kInt8KGroup;
      const int8x16_t a = LoadGroup(row), b = LoadGroup(row + kInt8KGroup);
#pragma GCC unroll 4
      for (int v = 0; v < kInt8Vecs; ++v) {
        const int16x8_t even = vmull_s8(vget_low_s8(a), vget_low_s8(first[v])), odd = vmull_high_s8(a, first[v]);
        low[r][v] = vpadalq_s16(low[r][v], vmlal_s8(even, vget_low_s8(b), vget_low_s8(second[v])));
        high[r][v] = vpadalq_s16(high[r][v], vmlal_high_s8(odd, b, second[v]));
      }
    }
  }
  if (g < groups) {
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
      const int8x16_t a = LoadGroup(x + r * x_stride + g * kInt8KGroup);
#pragma GCC unroll 4
      for (int v = 0; v < kInt8Vecs; ++v) {
        const int8x16_t w = vld1q_s8(weights + 16 * v);
        low[r][v] = vpadalq_s16(low[r][v], vmull_s8(vget_low_s8(a), vget_low_s8(w)));
        high[r][v] = vpadalq_s16(high[r][v], vmull_high_s8(a, w));
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) out[r][v] = vpaddq_s32(low[r][v], high[r][v]);
  }
}

#define BANTAM_INT4_ROWS 2
const int kInt4Rows = BANTAM_INT4_ROWS, kInt4Vecs = 2;
const float kInt4WeightUnit = 1;

// The sums of columns 0 and 1, 2 and 3 of a vector, in 16 bits each, as sums of each column.
BANTAM_INLINE int32x4_t SumsOfColumns(int16x8_t first, int16x8_t second) {
  return vpaddq_s32(vpaddlq_s16(first), vpaddlq_s16(second));
}

// Eight products of 128 times 8 fit into 16 bits, which is what a lane gets of one group.
template <int kRows>
BANTAM_INLINE void Int4Products(const uint8_t* x, ptrdiff_t x_stride, const uint8_t* weights, const uint16_t* scales,
                                int groups, Vec (&acc)[kRows][kInt4Vecs]) {
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) acc[r][v] = Zero();
  }
  for (int g = 0; g < groups; ++g, x += kInt4Group, scales += kPanelColumns) {
    int16x8_t first[kRows][kInt4Vecs], second[kRows][kInt4Vecs], first_weights[kInt4Vecs], second_weights[kInt4Vecs];
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) {
      first_weights[v] = second_weights[v] = vdupq_n_s16(0);
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) first[r][v] = second[r][v] = vdupq_n_s16(0);
    }
#pragma GCC unroll 4
    for (int step = 0; step < kInt4Group / 8; ++step, weights += kPanelColumns * 4) {
      int8x16_t a[kRows], b[kRows];
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) {
        a[r] = LoadGroup(x + r * x_stride + step * 8);
        b[r] = LoadGroup(x + r * x_stride + step * 8 + 4);
      }
#pragma GCC unroll 2
      for (int v = 0; v < kInt4Vecs; ++v) {
        const int8x16_t both = vreinterpretq_s8_u8(vld1q_u8(weights + 16 * v));
        const int8x16_t low = vshrq_n_s8(vshlq_n_s8(both, 4), 4), high = vshrq_n_s8(both, 4);
        first_weights[v] = vaddq_s16(first_weights[v], vaddl_s8(vget_low_s8(low), vget_low_s8(high)));
        second_weights[v] = vaddq_s16(second_weights[v], vaddl_high_s8(low, high));
#pragma GCC unroll 2
        for (int r = 0; r < kRows; ++r) {
          first[r][v] = vmlal_s8(vmlal_s8(first[r][v], vget_low_s8(a[r]), vget_low_s8(low)), vget_low_s8(b[r]),
                                 vget_low_s8(high));
          second[r][v] = vmlal_high_s8(vmlal_high_s8(second[r][v], a[r], low), b[r], high);
        }
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) {
      const Vec scale = LoadBf16(scales + v * kLanes);
      const int32x4_t taken = vshlq_n_s32(SumsOfColumns(first_weights[v], second_weights[v]), 7);
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) {
        acc[r][v] = Fma(vcvtq_f32_s32(vaddq_s32(SumsOfColumns(first[r][v], second[r][v]), taken)), scale, acc[r][v]);
      }
    }
  }
}

}  // namespace
}  // namespace bantam

#include "kernels/common/gemm_int4.inl"
#include "kernels/common/gemm_int8.inl"

namespace bantam {

void InstallNeon(struct KernelTable* table) {
  InstallAllInFloats(table);
  table->gemm_int8 = GemmInt8;
  table->gemm_int4 = GemmInt4;
}

}  // namespace bantam
