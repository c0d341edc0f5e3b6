// What the products in block formats need, by vpdpbusd: levels are its unsigned bytes and activations its signed ones,
// so that the zero of a format is taken away by what the sums begin with (minus zero times the sum of the activations).

namespace bantam {
namespace {

#define BANTAM_BLOCK_ROWS 6
#define BANTAM_BLOCK_SIGNED_BYTES 0
// 12 integer and 12 float accumulators, 2 levels, a broadcast, masks.
const int kBlockRows = BANTAM_BLOCK_ROWS, kPanelVecs = 2;

BANTAM_INLINE IVec ByteLoad(const uint8_t* p) { return _mm512_loadu_si512(p); }
BANTAM_INLINE IVec ByteAnd(IVec a, IVec b) { return _mm512_and_si512(a, b); }
BANTAM_INLINE IVec ByteOr(IVec a, IVec b) { return _mm512_or_si512(a, b); }
BANTAM_INLINE IVec ByteSet(char x) { return _mm512_set1_epi8(x); }
template <int kBits>
BANTAM_INLINE IVec ByteShiftLeft(IVec x) {
  return kBits == 0 ? x : _mm512_slli_epi16(x, kBits);
}
template <int kBits>
BANTAM_INLINE IVec ByteShiftRight(IVec x) {
  return kBits == 0 ? x : _mm512_srli_epi16(x, kBits);
}
BANTAM_INLINE IVec ByteLookUp(const uint8_t* table, IVec index) {
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)table)), index);
}
BANTAM_INLINE IVec WideSet32(int32_t x) { return _mm512_set1_epi32(x); }
// Sums of the first and the second sixteen bytes.
BANTAM_INLINE void ByteSums(const int8_t* bytes, int32_t* out) {
  const __m256i fours =
      _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), _mm256_loadu_si256((const __m256i*)bytes));
  const __m256i eights = _mm256_hadd_epi32(fours, fours), sums = _mm256_hadd_epi32(eights, eights);
  out[0] = _mm_cvtsi128_si32(_mm256_castsi256_si128(sums));
  out[1] = _mm_cvtsi128_si32(_mm256_extracti128_si256(sums, 1));
}
BANTAM_INLINE Vec WideToFloat(IVec x) { return _mm512_cvtepi32_ps(x); }

BANTAM_INLINE IVec WidenBytes(const uint8_t* p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p)); }
BANTAM_INLINE Vec SignedLoad(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)p)));
}
BANTAM_INLINE Vec UnsignedLoad(const uint8_t* p) { return _mm512_cvtepi32_ps(WidenBytes(p)); }
BANTAM_INLINE Vec LowerLoad(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_and_si512(WidenBytes(p), _mm512_set1_epi32(0xf)));
}
BANTAM_INLINE Vec UpperLoad(const uint8_t* p) { return _mm512_cvtepi32_ps(_mm512_srli_epi32(WidenBytes(p), 4)); }
BANTAM_INLINE void StoreSigned(int8_t* p, Vec x) {
  _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}

template <class Levels, int kStep, int kRows>
BANTAM_INLINE void BlockStep(const uint8_t* planes, const uint8_t* x, ptrdiff_t stride,
                             IVec (&sums)[kRows][kPanelVecs]) {
  IVec levels[kPanelVecs];
#pragma GCC unroll 2
  for (int v = 0; v < kPanelVecs; ++v) levels[v] = Levels::template At<kStep>(planes + 64 * v);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    int32_t four;
    __builtin_memcpy(&four, x + r * stride + 4 * kStep, sizeof four);
    const IVec a = _mm512_set1_epi32(four);
#pragma GCC unroll 2
    for (int v = 0; v < kPanelVecs; ++v) sums[r][v] = DotBytes(sums[r][v], levels[v], a);
  }
}

template <class Levels, int kHalf, int kRows>
BANTAM_INLINE void BlockSums(const uint8_t* planes, const uint8_t* x, ptrdiff_t stride,
                             IVec (&sums)[kRows][kPanelVecs]) {
  BlockStep<Levels, 4 * kHalf>(planes, x, stride, sums);
  BlockStep<Levels, 4 * kHalf + 1>(planes, x, stride, sums);
  BlockStep<Levels, 4 * kHalf + 2>(planes, x, stride, sums);
  BlockStep<Levels, 4 * kHalf + 3>(planes, x, stride, sums);
}

}  // namespace
}  // namespace bantam
