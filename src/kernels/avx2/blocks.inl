// What the products in block formats need, by vpmaddubsw: levels are its unsigned bytes and activations its signed
// ones. Its 16-bit sums of two hold several steps as long as levels have up to 6 bits: 63 * 127 * 2 * 2 = 32,004 and 31
// * 127 * 2 * 4 = 31,496. Bytes would saturate at once: their distance from 128 is at most 128 * 127 * 2 = 32,512 a
// pair, with the sign moved to the activations.

namespace bantam {
namespace {

#define BANTAM_BLOCK_ROWS 4
#define BANTAM_BLOCK_SIGNED_BYTES 1
const int kBlockRows = BANTAM_BLOCK_ROWS, kPanelVecs = 2;

BANTAM_INLINE IVec ByteLoad(const uint8_t* p) { return WideLoad(p); }
BANTAM_INLINE IVec ByteAnd(IVec a, IVec b) { return _mm256_and_si256(a, b); }
BANTAM_INLINE IVec ByteOr(IVec a, IVec b) { return _mm256_or_si256(a, b); }
BANTAM_INLINE IVec ByteSet(char x) { return _mm256_set1_epi8(x); }
template <int kBits>
BANTAM_INLINE IVec ByteShiftLeft(IVec x) {
  return kBits == 0 ? x : _mm256_slli_epi16(x, kBits);
}
template <int kBits>
BANTAM_INLINE IVec ByteShiftRight(IVec x) {
  return kBits == 0 ? x : _mm256_srli_epi16(x, kBits);
}
BANTAM_INLINE IVec ByteLookUp(const uint8_t* table, IVec index) {
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)table)), index);
}

BANTAM_INLINE IVec WidenBytes(const uint8_t* p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)p)); }
BANTAM_INLINE Vec SignedLoad(const uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p)));
}
BANTAM_INLINE Vec UnsignedLoad(const uint8_t* p) { return _mm256_cvtepi32_ps(WidenBytes(p)); }
BANTAM_INLINE Vec LowerLoad(const uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_and_si256(WidenBytes(p), _mm256_set1_epi32(0xf)));
}
BANTAM_INLINE Vec UpperLoad(const uint8_t* p) { return _mm256_cvtepi32_ps(_mm256_srli_epi32(WidenBytes(p), 4)); }
BANTAM_INLINE void StoreSigned(int8_t* p, Vec x) {
  const __m256i whole = _mm256_cvtps_epi32(x);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_storel_epi64((__m128i*)p, _mm_packs_epi16(words, words));
}

// Sums of the first and the second sixteen bytes.
BANTAM_INLINE void ByteSums(const int8_t* bytes, int32_t* out) {
  const __m256i twos = _mm256_maddubs_epi16(_mm256_set1_epi8(1), _mm256_loadu_si256((const __m256i*)bytes));
  const __m256i fours = _mm256_madd_epi16(twos, _mm256_set1_epi16(1));
  const __m256i eights = _mm256_hadd_epi32(fours, fours), sums = _mm256_hadd_epi32(eights, eights);
  out[0] = _mm_cvtsi128_si32(_mm256_castsi256_si128(sums));
  out[1] = _mm_cvtsi128_si32(_mm256_extracti128_si256(sums, 1));
}

// Steps [kStep, kStep + kSteps) in 16-bit sums, then added to those of 32.
template <class Levels, int kStep, int kSteps, int kRows>
BANTAM_INLINE void BlockSteps(const uint8_t* planes, const uint8_t* x, ptrdiff_t stride,
                              IVec (&sums)[kRows][kPanelVecs]) {
  IVec levels[kSteps][kPanelVecs];
#pragma GCC unroll 2
  for (int v = 0; v < kPanelVecs; ++v) {
    levels[0][v] = Levels::template At<kStep>(planes + 32 * v);
    if (kSteps > 1) levels[kSteps > 1 ? 1 : 0][v] = Levels::template At<kStep + (kSteps > 1)>(planes + 32 * v);
    if (kSteps > 2) {
      levels[kSteps > 2 ? 2 : 0][v] = Levels::template At<kStep + (kSteps > 2 ? 2 : 0)>(planes + 32 * v);
      levels[kSteps > 2 ? 3 : 0][v] = Levels::template At<kStep + (kSteps > 2 ? 3 : 0)>(planes + 32 * v);
    }
    if (Levels::kBits == 8) levels[0][v] = _mm256_xor_si256(levels[0][v], ByteSet((char)0x80));
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    IVec words[kPanelVecs];
#pragma GCC unroll 4
    for (int s = 0; s < kSteps; ++s) {
      int32_t four;
      __builtin_memcpy(&four, x + r * stride + 4 * (kStep + s), sizeof four);
      const IVec a = _mm256_set1_epi32(four);
#pragma GCC unroll 2
      for (int v = 0; v < kPanelVecs; ++v) {
        const IVec w = levels[s][v];
        const IVec product = Levels::kBits == 8 ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w))
                                                : _mm256_maddubs_epi16(w, a);
        words[v] = s == 0 ? product : _mm256_add_epi16(words[v], product);
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < kPanelVecs; ++v) {
      sums[r][v] = _mm256_add_epi32(sums[r][v], _mm256_madd_epi16(words[v], _mm256_set1_epi16(1)));
    }
  }
}

template <class Levels, int kHalf, int kRows>
BANTAM_INLINE void BlockSums(const uint8_t* planes, const uint8_t* x, ptrdiff_t stride,
                             IVec (&sums)[kRows][kPanelVecs]) {
  const int kSteps = Levels::kBits <= 5 ? 4 : Levels::kBits == 6 ? 2 : 1;
  BlockSteps<Levels, 4 * kHalf, kSteps>(planes, x, stride, sums);
  if (kSteps <= 2) BlockSteps<Levels, 4 * kHalf + 2, (kSteps <= 2 ? kSteps : 1)>(planes, x, stride, sums);
  if (kSteps == 1) {
    BlockSteps<Levels, 4 * kHalf + 1, 1>(planes, x, stride, sums);
    BlockSteps<Levels, 4 * kHalf + 3, 1>(planes, x, stride, sums);
  }
}

}  // namespace
}  // namespace bantam
