// The integer products by 256-bit vpdpbusd: four unsigned by four signed bytes, added to a 32-bit lane without
// saturation. BANTAM_VPDPBUSD is the mnemonic with its encoding: install.cc has VEX, what AVX-VNNI is, and the tests
// have the same code with EVEX, for processors with AVX-512 VNNI that lack the other.

namespace bantam {
namespace {

typedef __m256i IVec;
#define BANTAM_INT8_ROWS 6
const int kInt8Rows = BANTAM_INT8_ROWS, kInt8Vecs = 2;  // 12 accumulators, 2 weights and a broadcast in 16 registers

BANTAM_INLINE Vec SumsToFloat(IVec sums, const float*) { return _mm256_cvtepi32_ps(sums); }

// asm for the encoding, and because gcc 12 copies the accumulators of the intrinsic (avx512vnni/install.cc).
BANTAM_INLINE __m256i DotBytes(__m256i acc, __m256i unsigned_bytes, __m256i signed_bytes) {
  asm(BANTAM_VPDPBUSD " %2, %1, %0" : "+x"(acc) : "x"(unsigned_bytes), "x"(signed_bytes));
  return acc;
}

template <int kRows>
BANTAM_INLINE void Int8Products(const uint8_t* x, ptrdiff_t x_stride, const int8_t* weights, int groups,
                                IVec (&acc)[kRows][kInt8Vecs]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = _mm256_setzero_si256();
  }
  for (int g = 0; g < groups; ++g, weights += kPanelColumns * kInt8KGroup) {
    __m256i w[kInt8Vecs];
#pragma GCC unroll 2
    for (int v = 0; v < kInt8Vecs; ++v) w[v] = _mm256_loadu_si256((const __m256i*)(weights + 32 * v));
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      __builtin_memcpy(&four, x + r * x_stride + g * kInt8KGroup, sizeof four);
      const __m256i a = _mm256_set1_epi32(four);
#pragma GCC unroll 2
      for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = DotBytes(acc[r][v], a, w[v]);
    }
  }
}

}  // namespace
}  // namespace bantam
