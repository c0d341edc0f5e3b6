// Attention over a cache in bfloat16, which lies in it as vdpbf16ps reads it: queries and weights are rounded to pairs
// too. As in common/paged_attention.inl every output element is one chain over ascending keys, whatever the tile.

namespace bantam {
namespace {

const int kPagedRows = 6, kPagedVecs = 4;  // 24 accumulators, 4 of the cache and a broadcast

// acc[r][v] += sum over pairs p of a[r, p] . b[p, lanes of v]. `next`: as AddProducts has it.
template <int kRows, int kVecs>
BANTAM_INLINE void AddPairs(const uint32_t* a, ptrdiff_t a_stride, const uint32_t* b, ptrdiff_t b_stride, int pairs,
                            const uint32_t* next, Vec (&acc)[kRows][kVecs]) {
  for (int p = 0; p < pairs; ++p, b += b_stride, next += b_stride) {
    Pairs w[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      w[v] = _mm512_loadu_si512(b + v * kLanes);
      if (kRows < kPagedRows) __builtin_prefetch(next + v * kLanes, 0, 2);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Pairs x = _mm512_set1_epi32((int)a[r * a_stride + p]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) acc[r][v] = DotPairs(acc[r][v], x, w[v]);
    }
  }
}

BANTAM_INLINE const uint32_t* PairsOf(const uint8_t* in_block_0, const struct PagedAttentionArgs* args, int block) {
  return (const uint32_t*)InBlock(in_block_0, args, block);
}

template <int kRows, int kVecs>
BANTAM_INLINE void PagedValuePairs(const struct PagedAttentionArgs* args, const uint32_t* weights, ptrdiff_t stride,
                                   int begin, int end, int column, const float* sums, float* out) {
  Vec acc[kRows][kVecs];
  ClearTile(acc);
  for (int j = begin; j < end; j += kKvBlockTokens) {
    const int left = end - j, pairs = left < kKvBlockTokens ? (left + 1) / 2 : kKvBlockTokens / 2;
    AddPairs<kRows, kVecs>(weights + (j - begin) / 2, stride,
                           PairsOf(args->head.values, args, j / kKvBlockTokens) + column, args->head.value_stride,
                           pairs, PairsOf(args->head.values, args, NextBlock(j, end)) + column, acc);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const Vec inverse = Set(1.0f / sums[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const int lanes = args->head.head_dim - column - v * kLanes;
      float* to = out + r * args->out_stride + column + v * kLanes;
      if (lanes >= kLanes) {
        Store(to, Mul(acc[r][v], inverse));
      } else if (lanes > 0) {
        StorePart(to, lanes, Mul(acc[r][v], inverse));
      }
    }
  }
}

template <int kRows>
void PagedTilePairs(const struct PagedAttentionArgs* args, int row) {
  const int dim = args->head.head_dim, dim_pairs = (dim + 1) / 2;
  const int begin = FirstPagedKey(args, row) / kKvBlockTokens * kKvBlockTokens;
  const int end = args->position + (row + kRows - 1) * args->position_step + 1;
  const ptrdiff_t stride = (end - begin + kKvBlockTokens - 1) / kKvBlockTokens * kKvBlockTokens;
  const ptrdiff_t query_stride = (dim + 2 * kLanes - 1) / (2 * kLanes) * kLanes;
  float* scores = args->scratch;
  uint32_t* queries = (uint32_t*)(scores + kRows * stride);
  // Capped scores need their own size first.
  const float unit = args->softcap > 0 ? 1.0f : args->scale * kScoreUnit;
  for (int r = 0; r < kRows; ++r) {
    PackRow(args->q + (row + r) * args->q_stride, dim, Set(unit), queries + r * query_stride);
  }
  for (int j = begin; j < end; j += kKvBlockTokens) {
    Vec acc[kRows][2];
    ClearTile(acc);
    AddPairs<kRows, 2>(queries, query_stride, PairsOf(args->head.keys, args, j / kKvBlockTokens), kKvBlockTokens,
                       dim_pairs, PairsOf(args->head.keys, args, NextBlock(j, end)), acc);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      Store(scores + r * stride + (j - begin), acc[r][0]);
      Store(scores + r * stride + (j - begin) + kLanes, acc[r][1]);
    }
  }
  float sums[kRows];
  for (int r = 0; r < kRows; ++r) {
    float* of = scores + r * stride;
    if (args->softcap > 0) {
      CapScores(of, (int)stride, args->scale, args->softcap);
      for (int j = 0; j < stride; j += kLanes) Store(of + j, Mul(Load(of + j), Set(kScoreUnit)));
    }
    const int first = FirstPagedKey(args, row + r), last = args->position + (row + r) * args->position_step + 1;
    for (int j = begin; j < first; ++j) of[j - begin] = -__builtin_inff();
    // Pairs take half the room of the scores they come from, which are read before.
    sums[r] = SoftmaxPairs<1>(of, (uint32_t*)of, last - begin, (int)stride);
  }
  float* out = args->out + row * args->out_stride;
  const uint32_t* weights = (const uint32_t*)scores;
  int d = 0;
  for (; dim - d > (kPagedVecs - 1) * kLanes; d += kPagedVecs * kLanes) {
    PagedValuePairs<kRows, kPagedVecs>(args, weights, stride, begin, end, d, sums, out);
  }
  for (; d < dim; d += kLanes) PagedValuePairs<kRows, 1>(args, weights, stride, begin, end, d, sums, out);
}

void PagedAttentionBf16(const struct PagedAttentionArgs* args) {
  if (args->head.type != kKvBf16) return PagedAttention(args);
  const int tiles = (args->num_rows + kPagedRows - 1) / kPagedRows;
  for (int tile = 0; tile < tiles; ++tile) {
    const int row = (int)((int64_t)args->num_rows * tile / tiles);
    switch ((int)((int64_t)args->num_rows * (tile + 1) / tiles) - row) {
      case 1:
        PagedTilePairs<1>(args, row);
        break;
      case 2:
        PagedTilePairs<2>(args, row);
        break;
      case 3:
        PagedTilePairs<3>(args, row);
        break;
      case 4:
        PagedTilePairs<4>(args, row);
        break;
      case 5:
        PagedTilePairs<5>(args, row);
        break;
      default:
        PagedTilePairs<kPagedRows>(args, row);
        break;
    }
  }
}

}  // namespace
}  // namespace bantam
