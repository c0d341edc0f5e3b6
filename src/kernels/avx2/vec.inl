// Vec: eight floats. What common/*.inl needs from an instruction set, here AVX2 with FMA.
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

namespace bantam {
namespace {

#define BANTAM_INLINE static inline __attribute__((always_inline))

typedef __m256 Vec;
const int kLanes = 8;
const int kTileRows = 6, kTileVecs = 2;  // 12 accumulators, 2 weights and a broadcast in 16 registers

const int32_t kMaskSource[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
BANTAM_INLINE __m256i FirstLanes(int n) {
  const int lanes = n < 0 ? 0 : n > 8 ? 8 : n;
  return _mm256_loadu_si256((const __m256i*)(kMaskSource + 8 - lanes));
}

BANTAM_INLINE Vec Load(const float* p) { return _mm256_loadu_ps(p); }
// Lanes [n, 8) are `fill`; memory past n is not touched.
BANTAM_INLINE Vec LoadPart(const float* p, int n, Vec fill) {
  const __m256i mask = FirstLanes(n);
  return _mm256_blendv_ps(fill, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
}
BANTAM_INLINE Vec LoadInt8(const int8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p)));
}
BANTAM_INLINE Vec LoadInt8Part(const int8_t* p, int n) {
  int8_t bytes[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  for (int i = 0; i < n && i < 8; ++i) bytes[i] = p[i];
  return LoadInt8(bytes);
}
BANTAM_INLINE Vec LoadBf16(const uint16_t* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16));
}
// The first or the second of each of eight pairs.
BANTAM_INLINE Vec LoadBf16Of(const uint16_t* pairs, int second) {
  const __m256i both = _mm256_loadu_si256((const __m256i*)pairs);
  const __m256i up = _mm256_sll_epi32(both, _mm_cvtsi32_si128(second != 0 ? 0 : 16));
  return _mm256_castsi256_ps(_mm256_and_si256(up, _mm256_set1_epi32((int)0xffff0000)));
}
#ifdef __F16C__
BANTAM_INLINE Vec LoadHalf(const uint16_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)); }
BANTAM_INLINE void StoreHalf(uint16_t* p, Vec x) {
  _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#endif
BANTAM_INLINE void Store(float* p, Vec x) { _mm256_storeu_ps(p, x); }
BANTAM_INLINE void StorePart(float* p, int n, Vec x) { _mm256_maskstore_ps(p, FirstLanes(n), x); }
BANTAM_INLINE Vec Set(float x) { return _mm256_set1_ps(x); }
BANTAM_INLINE Vec Zero() { return _mm256_setzero_ps(); }
BANTAM_INLINE Vec Add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
BANTAM_INLINE Vec Sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
BANTAM_INLINE Vec Mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
BANTAM_INLINE Vec Div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
BANTAM_INLINE Vec Fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }    // a b + c
BANTAM_INLINE Vec Fnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }  // c - a b
BANTAM_INLINE Vec Min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
BANTAM_INLINE Vec Max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
BANTAM_INLINE Vec Abs(Vec x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
BANTAM_INLINE Vec ClampAbs(Vec x, Vec c) { return Max(Min(x, c), Sub(Zero(), c)); }  // within [-c, c]
BANTAM_INLINE Vec Round(Vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// x 2^n for whole n in [-252, 254]: in two halves, so that results down to the smallest subnormal come out right.
BANTAM_INLINE Vec ScalePow2(Vec x, Vec n) {
  const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1), bias = _mm256_set1_epi32(127);
  const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23);
  return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}

BANTAM_INLINE float SumLanes(Vec x) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
BANTAM_INLINE float MinLanes(Vec x) {
  __m128 s = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_min_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_min_ss(s, _mm_movehdup_ps(s)));
}
BANTAM_INLINE float MaxLanes(Vec x) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

// Rounds to nearest even; the values lie in [0, 255].
BANTAM_INLINE __m128i ToBytes(Vec x) {
  const __m256i whole = _mm256_cvtps_epi32(x);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  return _mm_packus_epi16(words, words);
}
BANTAM_INLINE void StoreBytes(uint8_t* p, Vec x) { _mm_storel_epi64((__m128i*)p, ToBytes(x)); }
BANTAM_INLINE void StoreBytesPart(uint8_t* p, int n, Vec x) {
  uint8_t bytes[8];
  StoreBytes(bytes, x);
  for (int i = 0; i < n && i < 8; ++i) p[i] = bytes[i];
}

}  // namespace
}  // namespace bantam
