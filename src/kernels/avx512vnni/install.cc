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

}  // namespace
}  // namespace bantam

#include "kernels/common/gemm_int8.inl"

namespace bantam {

void InstallAvx512Vnni(struct KernelTable* table) { table->gemm_int8 = GemmInt8; }

}  // namespace bantam
