// bfloat16 in pairs: what vdpbf16ps multiplies, the way into it, and a softmax whose weights are such pairs.

namespace bantam {
namespace {

typedef __m512i Pairs;  // sixteen pairs of bfloat16

// Through asm because gcc 12 stores the accumulators of the intrinsic to the stack (see avx512vnni/install.cc).
BANTAM_INLINE Vec DotPairs(Vec acc, Pairs a, Pairs b) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  return acc;
}

// Low half: the bfloat16 of `low`; high half: those of `high`.
BANTAM_INLINE Pairs ToBf16(Vec low, Vec high) { return (Pairs)_mm512_cvtne2ps_pbh(high, low); }

// A row of f32 as pairs, times `factor`, zeros past `dim`; writes whole registers, so up to 15 pairs too many.
BANTAM_INLINE void PackRow(const float* x, int dim, Vec factor, uint32_t* out) {
  for (int d = 0; d < dim; d += 2 * kLanes) {
    const int rest = dim - d;
    const Vec low = rest >= kLanes ? Load(x + d) : LoadPart(x + d, rest, Zero());
    const Vec high = rest >= 2 * kLanes ? Load(x + d + kLanes)
                     : rest > kLanes    ? LoadPart(x + d + kLanes, rest - kLanes, Zero())
                                        : Zero();
    _mm512_storeu_si512(out + d / 2, ToBf16(Mul(low, factor), Mul(high, factor)));
  }
}

// Scores count in 128ths of powers of two, as SoftmaxPairs wants them: the queries are multiplied by this.
const float kScoreUnit = 128 * 1.44269504f;

// The mantissa of 2^(i / 128) in bfloat16's seven bits.
const uint8_t kPow2Mantissa[128] = {
    0,   1,   1,   2,   3,   4,   4,   5,   6,   6,   7,   8,   9,   9,   10,  11,  12,  12, 13, 14,  15,  15,
    16,  17,  18,  19,  19,  20,  21,  22,  23,  23,  24,  25,  26,  27,  28,  28,  29,  30, 31, 32,  33,  34,
    34,  35,  36,  37,  38,  39,  40,  41,  42,  43,  43,  44,  45,  46,  47,  48,  49,  50, 51, 52,  53,  54,
    55,  56,  57,  58,  59,  60,  61,  62,  63,  64,  65,  66,  67,  68,  69,  70,  72,  73, 74, 75,  76,  77,
    78,  79,  80,  82,  83,  84,  85,  86,  87,  88,  90,  91,  92,  93,  94,  96,  97,  98, 99, 100, 102, 103,
    104, 105, 107, 108, 109, 111, 112, 113, 115, 116, 117, 118, 120, 121, 123, 124, 125, 127};

// weights = 2^((scores[j] - max) / 128) in bfloat16, zero past the last key; returns their sum. A whole number of
// 128ths is a bfloat16's exponent and the index of its mantissa: a rounding of 2^-9, as much as bfloat16's own. The sum
// is that of the rounded weights, so that they still add up to one. Pairs lie as packing leaves them: KeyOfPair has
// their keys; or, with kInOrder, in the order of the keys.
template <int kInOrder>
BANTAM_INLINE float SoftmaxPairs(float* scores, uint32_t* weights, int count, int padded) {
  for (int j = count; j < padded; ++j) scores[j] = -__builtin_inff();
  Vec top = Load(scores), second = Load(scores + kLanes);
  for (int j = 2 * kLanes; j < padded; j += 2 * kLanes) {
    top = Max(top, Load(scores + j));
    second = Max(second, Load(scores + j + kLanes));
  }
  const Vec shift = Set(127 * 128 - MaxLanes(Max(top, second)));
  const __m512i low = _mm512_loadu_si512(kPow2Mantissa), high = _mm512_loadu_si512(kPow2Mantissa + 64);
  const __m512i exponent = _mm512_set1_epi16((short)0xff80), ones = _mm512_set1_epi16(0x3f80);
  const __m512i in_order = _mm512_setr_epi32(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
  Vec sum = Zero();
  for (int j = 0; j < padded; j += 2 * kLanes) {
    const __m512i a = _mm512_cvtps_epi32(Add(Load(scores + j), shift));
    const __m512i b = _mm512_cvtps_epi32(Add(Load(scores + j + kLanes), shift));
    const __m512i bits = _mm512_packus_epi32(a, b);  // what is too small becomes 0, as is minus infinity
    const __m512i mantissa = _mm512_maskz_permutex2var_epi8(0x5555555555555555, low, bits, high);
    const Pairs pairs = _mm512_ternarylogic_epi32(bits, mantissa, exponent, 0xec);  // bits & exponent | mantissa
    sum = DotPairs(sum, pairs, ones);
    _mm512_storeu_si512(weights + j / 2, kInOrder != 0 ? _mm512_permutexvar_epi32(in_order, pairs) : pairs);
  }
  return SumLanes(sum);
}

// The first key of a pair of weights: packing to 16 bits works within 128-bit lanes, so four keys of the first sixteen
// alternate with four of the next.
BANTAM_INLINE int KeyOfPair(int pair) {
  const int in_block = pair % kLanes;
  return (pair - in_block) * 2 + in_block / 4 * 4 + in_block % 2 * 2 + in_block / 2 % 2 * kLanes;
}

}  // namespace
}  // namespace bantam
