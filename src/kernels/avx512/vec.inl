// Vec: sixteen floats. What common/*.inl needs from an instruction set, here AVX-512 F/BW/VL/DQ.
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

namespace bantam {
namespace {

#define BANTAM_INLINE static inline __attribute__((always_inline))

typedef __m512 Vec;
const int kLanes = 16;
const int kTileRows = 6, kTileVecs = 4;  // 24 accumulators, 4 weights and a broadcast in 32 registers

BANTAM_INLINE __mmask16 FirstLanes(int n) { return (__mmask16)_bzhi_u32(0xffff, n < 0 ? 0 : n); }

BANTAM_INLINE Vec Load(const float* p) { return _mm512_loadu_ps(p); }
// Lanes [n, 16) are `fill`; memory past n is not touched.
BANTAM_INLINE Vec LoadPart(const float* p, int n, Vec fill) { return _mm512_mask_loadu_ps(fill, FirstLanes(n), p); }
BANTAM_INLINE Vec LoadInt8(const int8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)p)));
}
BANTAM_INLINE Vec LoadInt8Part(const int8_t* p, int n) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(FirstLanes(n), p)));
}
BANTAM_INLINE Vec LoadBf16(const uint16_t* p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16));
}
// The first or the second of each of sixteen pairs.
BANTAM_INLINE Vec LoadBf16Of(const uint16_t* pairs, int second) {
  const __m512i up = _mm512_sll_epi32(_mm512_loadu_si512(pairs), _mm_cvtsi32_si128(second != 0 ? 0 : 16));
  return _mm512_castsi512_ps(_mm512_and_si512(up, _mm512_set1_epi32((int)0xffff0000)));
}
BANTAM_INLINE Vec LoadHalf(const uint16_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p)); }
BANTAM_INLINE void StoreHalf(uint16_t* p, Vec x) {
  _mm256_storeu_si256((__m256i*)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
BANTAM_INLINE void Store(float* p, Vec x) { _mm512_storeu_ps(p, x); }
BANTAM_INLINE void StorePart(float* p, int n, Vec x) { _mm512_mask_storeu_ps(p, FirstLanes(n), x); }
BANTAM_INLINE Vec Set(float x) { return _mm512_set1_ps(x); }
BANTAM_INLINE Vec Zero() { return _mm512_setzero_ps(); }
BANTAM_INLINE Vec Add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
BANTAM_INLINE Vec Sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
BANTAM_INLINE Vec Mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
BANTAM_INLINE Vec Div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
BANTAM_INLINE Vec Fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }    // a b + c
BANTAM_INLINE Vec Fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a b
BANTAM_INLINE Vec Min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
BANTAM_INLINE Vec Max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
BANTAM_INLINE Vec Abs(Vec x) { return _mm512_abs_ps(x); }
// x within [-c, c], c > 0: of the smaller magnitude, with the sign of x.
BANTAM_INLINE Vec ClampAbs(Vec x, Vec c) { return _mm512_range_ps(x, c, 0x2); }
BANTAM_INLINE Vec Round(Vec x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
BANTAM_INLINE Vec ScalePow2(Vec x, Vec n) { return _mm512_scalef_ps(x, n); }  // x 2^n, n whole
BANTAM_INLINE float SumLanes(Vec x) { return _mm512_reduce_add_ps(x); }
BANTAM_INLINE float MinLanes(Vec x) { return _mm512_reduce_min_ps(x); }
BANTAM_INLINE float MaxLanes(Vec x) { return _mm512_reduce_max_ps(x); }

// Rounds to nearest even and stores bytes; the values lie in [0, 255].
BANTAM_INLINE void StoreBytes(uint8_t* p, Vec x) {
  _mm_storeu_si128((__m128i*)p, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(x)));
}
BANTAM_INLINE void StoreBytesPart(uint8_t* p, int n, Vec x) {
  _mm_mask_storeu_epi8(p, FirstLanes(n), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(x)));
}
#define BANTAM_HAS_STORE_BYTES4
// Two packing steps work within 128-bit lanes; the permutation of 32-bit groups puts them right.
BANTAM_INLINE void StoreBytes4(uint8_t* p, Vec a, Vec b, Vec c, Vec d) {
  const __m512i ab = _mm512_packus_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
  const __m512i cd = _mm512_packus_epi32(_mm512_cvtps_epi32(c), _mm512_cvtps_epi32(d));
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd)));
}

}  // namespace
}  // namespace bantam
