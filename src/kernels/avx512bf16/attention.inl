// One head of one sequence in bfloat16 with f32 sums. Keys lie transposed in pairs of dimensions, values in pairs of
// keys, so that both products are tiles of broadcast pairs times registers of sixteen columns, as in
// common/attention.inl.

namespace bantam {
namespace {

typedef __m512i Pairs;  // sixteen pairs of bfloat16

const int kQueryRows = 6, kKeyVecs = 4, kDimVecs = 2;

// Through asm because gcc 12 stores the accumulators of the intrinsic to the stack (see avx512vnni/install.cc).
BANTAM_INLINE Vec DotPairs(Vec acc, Pairs a, Pairs b) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
  return acc;
}

// Low half: the bfloat16 of `low`; high half: those of `high`.
BANTAM_INLINE Pairs ToBf16(Vec low, Vec high) { return (Pairs)_mm512_cvtne2ps_pbh(high, low); }

// Pair i: (a[i], b[i]).
BANTAM_INLINE Pairs Interleave(Vec a, Vec b) {
  static const uint16_t kOrder[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_loadu_si512(kOrder), ToBf16(a, b));
}

// acc[r][v] = sum over pairs p of a[r, p] . b[p, lanes of v]; a and b in 32-bit pairs.
template <int kRows, int kVecs>
BANTAM_INLINE void MultiplyPairs(const uint32_t* a, ptrdiff_t a_stride, const uint32_t* b, ptrdiff_t b_stride,
                                 int pairs, Vec (&acc)[kRows][kVecs]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) acc[r][v] = Zero();
  }
  for (int p = 0; p < pairs; ++p, b += b_stride) {
    Pairs w[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) w[v] = _mm512_loadu_si512(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Pairs x = _mm512_set1_epi32((int)a[r * a_stride + p]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) acc[r][v] = DotPairs(acc[r][v], x, w[v]);
    }
  }
}

struct Bf16Head {
  const uint32_t* keys;    // [pairs of dimensions, padded_keys]
  const uint32_t* values;  // [pairs of keys, padded_dim]
  float* scores;           // [kQueryRows, padded_keys]
  uint32_t* weights;       // [kQueryRows, padded_keys / 2]
  uint32_t* queries;       // [kQueryRows, dim_pairs]
  int padded_keys, padded_dim, dim_pairs;
};

template <int kRows, int kVecs>
void ScorePairs(const struct Bf16Head* head, int key) {
  Vec acc[kRows][kVecs];
  MultiplyPairs<kRows, kVecs>(head->queries, head->dim_pairs, head->keys + key, head->padded_keys, head->dim_pairs,
                              acc);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) Store(head->scores + r * head->padded_keys + key + v * kLanes, acc[r][v]);
  }
}

// weights[j] = 2^(factor (scores[j] - max)) in bfloat16, zero past the last key; returns their sum. 2^f for |f| <= 1/2
// by a polynomial of relative error 7.5e-5, a fiftieth of what bfloat16 rounds away.
BANTAM_INLINE float SoftmaxPairs(float* scores, uint32_t* weights, int count, int padded, float factor) {
  for (int j = count; j < padded; ++j) scores[j] = -__builtin_inff();
  Vec top = Load(scores);
  for (int j = kLanes; j < padded; j += kLanes) top = Max(top, Load(scores + j));
  const Vec scale = Set(factor), shift = Set(-factor * MaxLanes(top));
  Vec sum = Zero();
  for (int j = 0; j < padded; j += 2 * kLanes) {
    Vec e[2];
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const Vec t = Max(Fma(Load(scores + j + half * kLanes), scale, shift), Set(-1000.0f));
      const Vec n = Round(t), f = Sub(t, n);
      Vec p = Set(0.0551717747f);
      p = Fma(p, f, Set(0.242611378f));
      p = Fma(p, f, Set(0.693260968f));
      p = Fma(p, f, Set(0.999928f));
      e[half] = ScalePow2(p, n);
      sum = Add(sum, e[half]);
    }
    _mm512_storeu_si512(weights + j / 2, ToBf16(e[0], e[1]));
  }
  return SumLanes(sum);
}

template <int kRows, int kVecs>
void ValuePairs(const struct Bf16Head* head, int column, const float* sums, float* out, ptrdiff_t out_stride,
                int valid) {
  Vec acc[kRows][kVecs];
  MultiplyPairs<kRows, kVecs>(head->weights, head->padded_keys / 2, head->values + column, head->padded_dim,
                              head->padded_keys / 2, acc);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const Vec inverse = Set(1.0f / sums[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const int lanes = valid - v * kLanes;
      const Vec y = Mul(acc[r][v], inverse);
      if (lanes >= kLanes) {
        Store(out + r * out_stride + v * kLanes, y);
      } else if (lanes > 0) {
        StorePart(out + r * out_stride + v * kLanes, lanes, y);
      }
    }
  }
}

// A row of f32 as pairs, zeros past `dim`; writes whole registers, so up to 15 pairs too many.
BANTAM_INLINE void PackRow(const float* x, int dim, uint32_t* out) {
  for (int d = 0; d < dim; d += 2 * kLanes) {
    const int rest = dim - d;
    const Vec low = rest >= kLanes ? Load(x + d) : LoadPart(x + d, rest, Zero());
    const Vec high = rest >= 2 * kLanes ? Load(x + d + kLanes)
                     : rest > kLanes    ? LoadPart(x + d + kLanes, rest - kLanes, Zero())
                                        : Zero();
    _mm512_storeu_si512(out + d / 2, ToBf16(low, high));
  }
}

template <int kRows>
void AttendPairs(const struct AttentionArgs* args, const struct Bf16Head* head, int query) {
  for (int r = 0; r < kRows; ++r) {
    PackRow(args->q + (query + r) * args->qkv_stride, args->head_dim, head->queries + r * head->dim_pairs);
  }
  for (int j = 0; j < head->padded_keys; j += kKeyVecs * kLanes) {
    // padded_keys is a multiple of two registers.
    if (head->padded_keys - j >= kKeyVecs * kLanes) {
      ScorePairs<kRows, kKeyVecs>(head, j);
    } else {
      ScorePairs<kRows, 2>(head, j);
    }
  }
  float sums[kRows];
  const bool masked = args->bias != NULL || args->causal != 0 || args->window > 0;
  const float factor = (masked ? 1.0f : args->scale) * 1.44269504f;
  for (int r = 0; r < kRows; ++r) {
    if (masked) BiasAndMask(args, query + r, 0, args->num_keys, head->scores + r * head->padded_keys);
    sums[r] = SoftmaxPairs(head->scores + r * head->padded_keys, head->weights + r * (head->padded_keys / 2),
                           args->num_keys, head->padded_keys, factor);
  }
  for (int d = 0; d < args->head_dim; d += kDimVecs * kLanes) {
    ValuePairs<kRows, kDimVecs>(head, d, sums, args->out + query * args->out_stride + d, args->out_stride,
                                args->head_dim - d);
  }
}

// keys[p, j] = (k[j, 2p], k[j, 2p + 1]), zero for j past the last key. rows: scratch for four packed rows.
BANTAM_INLINE void PackKeys(const struct AttentionArgs* args, uint32_t* keys, int padded_keys, int dim_pairs,
                            uint32_t* rows, int row_stride) {
  for (int j = 0; j < padded_keys; j += 4) {
    for (int i = 0; i < 4; ++i) {
      if (j + i < args->num_keys) {
        PackRow(args->k + (j + i) * args->qkv_stride, args->head_dim, rows + i * row_stride);
      } else {
        for (int p = 0; p < row_stride; ++p) rows[i * row_stride + p] = 0;
      }
    }
    for (int p = 0; p < dim_pairs; p += 4) {
      __m128 a = _mm_loadu_ps((const float*)(rows + p)), b = _mm_loadu_ps((const float*)(rows + row_stride + p));
      __m128 c = _mm_loadu_ps((const float*)(rows + 2 * row_stride + p)),
             e = _mm_loadu_ps((const float*)(rows + 3 * row_stride + p));
      _MM_TRANSPOSE4_PS(a, b, c, e);
      float* out = (float*)(keys + (ptrdiff_t)p * padded_keys + j);
      _mm_storeu_ps(out, a);
      _mm_storeu_ps(out + padded_keys, b);
      _mm_storeu_ps(out + 2 * padded_keys, c);
      _mm_storeu_ps(out + 3 * padded_keys, e);
    }
  }
}

// values[p, d] = (v[2p, d], v[2p + 1, d]), zero past the last key and dimension.
BANTAM_INLINE void PackValues(const struct AttentionArgs* args, uint32_t* values, int padded_keys, int padded_dim) {
  for (int p = 0; p < padded_keys / 2; ++p) {
    const float* even = args->v + 2 * p * args->qkv_stride;
    const int have_even = 2 * p < args->num_keys ? args->head_dim : 0,
              have_odd = 2 * p + 1 < args->num_keys ? args->head_dim : 0;
    for (int d = 0; d < padded_dim; d += kLanes) {
      // No lanes, no access: the pointer may lie past the last row.
      const Vec a = LoadPart(even + d, have_even - d < kLanes ? have_even - d : kLanes, Zero());
      const Vec b = LoadPart(even + args->qkv_stride + d, have_odd - d < kLanes ? have_odd - d : kLanes, Zero());
      _mm512_storeu_si512(values + (ptrdiff_t)p * padded_dim + d, Interleave(a, b));
    }
  }
}

void AttentionBf16(const struct AttentionArgs* args) {
  const int kPad = 2 * kLanes;
  const int padded_keys = (args->num_keys + kPad - 1) / kPad * kPad,
            padded_dim = (args->head_dim + kPad - 1) / kPad * kPad;
  const int dim_pairs = padded_dim / 2;
  uint32_t* keys = (uint32_t*)args->scratch;
  uint32_t* values = keys + (ptrdiff_t)dim_pairs * padded_keys;
  uint32_t* queries = values + (ptrdiff_t)padded_dim * padded_keys / 2;
  float* scores = (float*)(queries + kQueryRows * dim_pairs);
  uint32_t* weights = (uint32_t*)(scores + kQueryRows * padded_keys);
  PackKeys(args, keys, padded_keys, dim_pairs, queries, dim_pairs);
  PackValues(args, values, padded_keys, padded_dim);
  const struct Bf16Head head = {keys, values, scores, weights, queries, padded_keys, padded_dim, dim_pairs};
  const int tiles = (args->num_queries + kQueryRows - 1) / kQueryRows;
  for (int tile = 0; tile < tiles; ++tile) {
    const int query = (int)((int64_t)args->num_queries * tile / tiles);
    switch ((int)((int64_t)args->num_queries * (tile + 1) / tiles) - query) {
      case 1:
        AttendPairs<1>(args, &head, query);
        break;
      case 2:
        AttendPairs<2>(args, &head, query);
        break;
      case 3:
        AttendPairs<3>(args, &head, query);
        break;
      case 4:
        AttendPairs<4>(args, &head, query);
        break;
      case 5:
        AttendPairs<5>(args, &head, query);
        break;
      default:
        AttendPairs<6>(args, &head, query);
        break;
    }
  }
}

}  // namespace
}  // namespace bantam
