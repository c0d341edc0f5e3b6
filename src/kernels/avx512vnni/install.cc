// AVX-512 with VNNI: vpdpbusd multiplies four unsigned by four signed bytes and adds them to a 32-bit lane, without
// saturation. All else comes from the avx512 level.
#include "kernels/install.h"
#include "kernels/avx512/vec.inl"
#include "kernels/common/vec_math.inl"

namespace bantam {
namespace {

typedef __m512i IVec;
#define BANTAM_INT8_ROWS 6
const int kInt8Rows = BANTAM_INT8_ROWS, kInt8Vecs = 4;  // 24 accumulators, 4 weights and a broadcast in 32 registers

BANTAM_INLINE Vec SumsToFloat(IVec sums, const float*) { return _mm512_cvtepi32_ps(sums); }

// Through asm because gcc 12 copies every accumulator of the intrinsic and stores it to the stack at each step: 2.1
// times slower. asm also keeps the weights in registers instead of loading them again for each row.
BANTAM_INLINE __m512i DotBytes(__m512i acc, __m512i unsigned_bytes, __m512i signed_bytes) {
  asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(unsigned_bytes), "v"(signed_bytes));
  return acc;
}

template <int kRows>
BANTAM_INLINE void Int8Products(const uint8_t* x, ptrdiff_t x_stride, const int8_t* weights, int groups,
                                IVec (&acc)[kRows][kInt8Vecs]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = _mm512_setzero_si512();
  }
  for (int g = 0; g < groups; ++g, weights += kPanelColumns * kInt8KGroup) {
    __m512i w[kInt8Vecs];
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) w[v] = _mm512_loadu_si512(weights + 64 * v);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      __builtin_memcpy(&four, x + r * x_stride + g * kInt8KGroup, sizeof four);
      const __m512i a = _mm512_set1_epi32(four);
#pragma GCC unroll 4
      for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = DotBytes(acc[r][v], a, w[v]);
    }
  }
}

#define BANTAM_INT4_ROWS 6
const int kInt4Rows = BANTAM_INT4_ROWS, kInt4Vecs = 2;  // 12 integer and 12 float accumulators, 4 weights, 2 broadcasts
// A nibble stays in the upper half of its byte, which spares its sign extension.
const float kInt4WeightUnit = 16;

template <int kRows>
BANTAM_INLINE void Int4Products(const uint8_t* x, ptrdiff_t x_stride, const uint8_t* weights, const uint16_t* scales,
                                int groups, Vec (&acc)[kRows][kInt4Vecs]) {
  const __m512i upper = _mm512_set1_epi8((char)0xf0);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) acc[r][v] = Zero();
  }
  for (int g = 0; g < groups; ++g, x += kInt4Group, scales += kPanelColumns) {
    __m512i sums[kRows][kInt4Vecs];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kInt4Vecs; ++v) sums[r][v] = _mm512_setzero_si512();
    }
#pragma GCC unroll 4
    for (int step = 0; step < kInt4Group / 8; ++step, weights += kPanelColumns * 4) {
      __m512i low[kInt4Vecs], high[kInt4Vecs];
#pragma GCC unroll 2
      for (int v = 0; v < kInt4Vecs; ++v) {
        const __m512i both = _mm512_loadu_si512(weights + 64 * v);
        low[v] = _mm512_and_si512(_mm512_slli_epi16(both, 4), upper);
        high[v] = _mm512_and_si512(both, upper);
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        int32_t four[2];
        __builtin_memcpy(four, x + r * x_stride + step * 8, sizeof four);
        const __m512i a = _mm512_set1_epi32(four[0]), b = _mm512_set1_epi32(four[1]);
#pragma GCC unroll 2
        for (int v = 0; v < kInt4Vecs; ++v) sums[r][v] = DotBytes(DotBytes(sums[r][v], a, low[v]), b, high[v]);
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) {
      const Vec scale = LoadBf16(scales + v * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) acc[r][v] = Fma(_mm512_cvtepi32_ps(sums[r][v]), scale, acc[r][v]);
    }
  }
}

}  // namespace
}  // namespace bantam

#include "kernels/common/gemm_int4.inl"
#include "kernels/common/gemm_int8.inl"
// clang-format off
#include "kernels/avx512vnni/blocks.inl"
#include "kernels/common/block_levels.inl"
#include "kernels/common/block_scales.inl"
#include "kernels/common/gemm_blocks.inl"
// clang-format on

namespace bantam {

void InstallAvx512Vnni(struct KernelTable* table) {
  table->gemm_int8 = GemmInt8;
  table->gemm_int4 = GemmInt4;
  table->quantize_blocks = QuantizeBlocks;
  table->gemm_blocks = GemmBlocks;
}

}  // namespace bantam
