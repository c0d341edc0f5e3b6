// AVX-512 F/BW/VL/DQ without VNNI: bytes are widened to 16 bits and multiplied in pairs into 32, which cannot overflow.
#include "kernels/install.h"
// In this order: each file uses what the ones before it define.
// clang-format off
#include "kernels/avx512/vec.inl"
#include "kernels/common/vec_math.inl"
#include "kernels/common/rows.inl"
#include "kernels/common/gemm_f32.inl"
#include "kernels/common/transpose_sse.inl"
#include "kernels/common/attention_mask.inl"
#include "kernels/common/attention.inl"
#include "kernels/common/kv_cache.inl"
#include "kernels/common/paged_attention.inl"
#include "kernels/common/gated.inl"
#include "kernels/common/install_all.inl"
// clang-format on

namespace bantam {
namespace {

typedef __m512i IVec;
#define BANTAM_INT8_ROWS 6
const int kInt8Rows = BANTAM_INT8_ROWS, kInt8Vecs = 2;  // 24 accumulators of pair sums, 4 weights

BANTAM_INLINE Vec SumsToFloat(IVec sums, const float*) { return _mm512_cvtepi32_ps(sums); }

template <int kRows>
BANTAM_INLINE void Int8Products(const uint8_t* x, ptrdiff_t x_stride, const int8_t* weights, int groups,
                                IVec (&out)[kRows][kInt8Vecs]) {
  // Two neighbouring sums per column: (k0, k1) and (k2, k3) of each group of four.
  __m512i acc[kRows][4];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) acc[r][j] = _mm512_setzero_si512();
  }
  for (int g = 0; g < groups; ++g, weights += kPanelColumns * kInt8KGroup) {
    __m512i w[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) w[j] = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)(weights + 32 * j)));
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      __builtin_memcpy(&four, x + r * x_stride + g * kInt8KGroup, sizeof four);
      const __m512i a = _mm512_cvtepu8_epi16(_mm256_set1_epi32(four));
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) acc[r][j] = _mm512_add_epi32(acc[r][j], _mm512_madd_epi16(a, w[j]));
    }
  }
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt8Vecs; ++v) {
      out[r][v] = _mm512_add_epi32(_mm512_permutex2var_epi32(acc[r][2 * v], even, acc[r][2 * v + 1]),
                                   _mm512_permutex2var_epi32(acc[r][2 * v], odd, acc[r][2 * v + 1]));
    }
  }
}

#define BANTAM_INT4_ROWS 4
const int kInt4Rows = BANTAM_INT4_ROWS, kInt4Vecs = 2;

BANTAM_INLINE Vec WideToFloat(IVec x) { return _mm512_cvtepi32_ps(x); }
BANTAM_INLINE IVec WideLoad(const uint8_t* p) { return _mm512_loadu_si512(p); }
BANTAM_INLINE IVec WideSet8(char x) { return _mm512_set1_epi8(x); }
BANTAM_INLINE IVec WideSet16(short x) { return _mm512_set1_epi16(x); }
BANTAM_INLINE IVec WideSet32(int32_t x) { return _mm512_set1_epi32(x); }
BANTAM_INLINE IVec WideXor(IVec a, IVec b) { return _mm512_xor_si512(a, b); }
BANTAM_INLINE IVec WideAnd(IVec a, IVec b) { return _mm512_and_si512(a, b); }
BANTAM_INLINE IVec WideSub8(IVec a, IVec b) { return _mm512_sub_epi8(a, b); }
BANTAM_INLINE IVec WideAdd16(IVec a, IVec b) { return _mm512_add_epi16(a, b); }
BANTAM_INLINE IVec WideShiftRight4(IVec a) { return _mm512_srli_epi16(a, 4); }
BANTAM_INLINE IVec WideMaddBytes(IVec a, IVec b) { return _mm512_maddubs_epi16(a, b); }
BANTAM_INLINE IVec WideMadd16(IVec a, IVec b) { return _mm512_madd_epi16(a, b); }

}  // namespace
}  // namespace bantam

#include "kernels/common/int4_products.inl"

// After the products that it calls.
#include "kernels/common/gemm_int4.inl"
#include "kernels/common/gemm_int8.inl"

namespace bantam {

void InstallAvx512(struct KernelTable* table) {
  InstallAllInFloats(table);
  table->gemm_int8 = GemmInt8;
  table->gemm_int4 = GemmInt4;
}

}  // namespace bantam
