// One head of one sequence in bfloat16 with f32 sums. Keys lie transposed in pairs of dimensions, values in pairs of
// keys, so that both products are tiles of broadcast pairs times registers of sixteen columns, as in
// common/attention.inl.

namespace bantam {
namespace {

const int kQueryRows = 6, kKeyVecs = 4, kDimVecs = 2;

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

template <int kRows>
void AttendPairs(const struct AttentionArgs* args, const struct Bf16Head* head, int query) {
  const Vec factor = Set(args->scale * kScoreUnit);
  for (int r = 0; r < kRows; ++r) {
    PackRow(args->q + (query + r) * args->qkv_stride, args->head_dim, factor, head->queries + r * head->dim_pairs);
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
  for (int r = 0; r < kRows; ++r) {
    if (masked) BiasAndMask(args, query + r, 0, args->num_keys, 1.0f, kScoreUnit, head->scores + r * head->padded_keys);
    sums[r] = SoftmaxPairs<0>(head->scores + r * head->padded_keys, head->weights + r * (head->padded_keys / 2),
                              args->num_keys, head->padded_keys);
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
        PackRow(args->k + (j + i) * args->qkv_stride, args->head_dim, Set(1.0f), rows + i * row_stride);
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

// values[p, d] = (v[j, d], v[j + 1, d]) with j = KeyOfPair(p), zero past the last key and dimension.
BANTAM_INLINE void PackValues(const struct AttentionArgs* args, uint32_t* values, int padded_keys, int padded_dim) {
  for (int p = 0; p < padded_keys / 2; ++p) {
    const int key = KeyOfPair(p);
    const float* even = args->v + key * args->qkv_stride;
    uint32_t* out = values + (ptrdiff_t)p * padded_dim;
    if (key + 1 < args->num_keys && args->head_dim == padded_dim) {
      for (int d = 0; d < padded_dim; d += kLanes) {
        _mm512_storeu_si512(out + d, Interleave(Load(even + d), Load(even + args->qkv_stride + d)));
      }
      continue;
    }
    for (int d = 0; d < padded_dim; d += kLanes) {
      const int lanes = args->head_dim - d;
      // Past the last row may be a page that does not exist: a masked load of no lanes is slow there.
      const Vec a =
          key < args->num_keys && lanes > 0 ? LoadPart(even + d, lanes < kLanes ? lanes : kLanes, Zero()) : Zero();
      const Vec b = key + 1 < args->num_keys && lanes > 0
                        ? LoadPart(even + args->qkv_stride + d, lanes < kLanes ? lanes : kLanes, Zero())
                        : Zero();
      _mm512_storeu_si512(out + d, Interleave(a, b));
    }
  }
}

void AttentionBf16(const struct AttentionArgs* args) {
  // So few keys fit one register: in f32 they are done before they would be packed.
  if (args->num_keys <= kLanes) {
    Attention(args);
    return;
  }
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
