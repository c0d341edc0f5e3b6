// Attention over a cache in blocks. Keys lie transposed in their block, so that the scores of a few queries with it are
// the same tile product as a Linear's, and values row by row; nothing is copied or turned for a call. Every output
// element is one chain over ascending keys, whatever the tile: a token gets the same bits alone, in a chunk of a prompt
// or beside other heads.

namespace bantam {
namespace {

// Scores of one block in one tile: 32 keys are two registers of AVX-512, four of AVX2.
const int kBlockVecs = kKvBlockTokens / kLanes < kTileVecs ? kKvBlockTokens / kLanes : kTileVecs;

BANTAM_INLINE int FirstPagedKey(const struct PagedAttentionArgs* args, int row) {
  const int position = args->position + row * args->position_step;
  return args->window > 0 && position >= args->window ? position - args->window + 1 : 0;
}

// cap * tanh(x / cap), tanh z = 1 - 2 / (1 + exp(2 z))
BANTAM_INLINE void CapScores(float* scores, int count, float scale, float cap) {
  const Vec factor = Set(2.0f * scale / cap), one = Set(1.0f), two = Set(2.0f), by = Set(cap);
  for (int j = 0; j < count; j += kLanes) {
    const Vec tanh = Sub(one, Div(two, Add(one, Exp(Mul(Load(scores + j), factor)))));
    Store(scores + j, Mul(tanh, by));
  }
}

// acc[r][v] += sum_k a[r, k] * b[k, lanes of v]. `next`: the same of the next block, which is brought into the cache
// meanwhile: blocks of one sequence lie megabytes apart, where no hardware prefetcher follows. A full tile is part of a
// prompt, whose tiles before have read the block: there it would only cost.
template <int kRows, int kVecs>
BANTAM_INLINE void AddProducts(const float* a, ptrdiff_t a_stride, const float* b, ptrdiff_t b_stride, int depth,
                               const float* next, Vec (&acc)[kRows][kVecs]) {
  for (int k = 0; k < depth; ++k, b += b_stride, next += b_stride) {
    Vec w[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      w[v] = Load(b + v * kLanes);
      if (kRows < kTileRows && v * kLanes % 16 == 0) __builtin_prefetch(next + v * kLanes, 0, 2);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec x = Set(a[r * a_stride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) acc[r][v] = Fma(x, w[v], acc[r][v]);
    }
  }
}

template <int kRows, int kVecs>
BANTAM_INLINE void ClearTile(Vec (&acc)[kRows][kVecs]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) acc[r][v] = Zero();
  }
}

// Where the block after that of key j begins, counted from block 0; the last one's own.
BANTAM_INLINE ptrdiff_t NextBlock(const struct PagedAttentionArgs* args, int j, int end) {
  const int next = j + kKvBlockTokens < end ? j + kKvBlockTokens : j;
  return args->block_table[next / kKvBlockTokens] * args->block_stride;
}

template <int kRows, int kVecs>
BANTAM_INLINE void PagedValues(const struct PagedAttentionArgs* args, const float* weights, ptrdiff_t weights_stride,
                               int begin, int end, int column, const float* sums, float* out) {
  Vec acc[kRows][kVecs];
  ClearTile(acc);
  for (int j = begin; j < end; j += kKvBlockTokens) {
    const float* values = args->values + args->block_table[j / kKvBlockTokens] * args->block_stride + column;
    const int depth = end - j < kKvBlockTokens ? end - j : kKvBlockTokens;
    AddProducts<kRows, kVecs>(weights + (j - begin), weights_stride, values, args->value_stride, depth,
                              args->values + NextBlock(args, j, end) + column, acc);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const Vec inverse = Set(1.0f / sums[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const int lanes = args->head_dim - column - v * kLanes;
      float* to = out + r * args->out_stride + column + v * kLanes;
      if (lanes >= kLanes) {
        Store(to, Mul(acc[r][v], inverse));
      } else if (lanes > 0) {
        StorePart(to, lanes, Mul(acc[r][v], inverse));
      }
    }
  }
}

// Rows [row, row + kRows) over the keys that any of them sees.
template <int kRows>
void PagedTile(const struct PagedAttentionArgs* args, int row) {
  const float* q = args->q + row * args->q_stride;
  // From a whole block on, so that a key falls into the same lane whatever the tile.
  const int begin = FirstPagedKey(args, row) / kKvBlockTokens * kKvBlockTokens;
  const int end = args->position + (row + kRows - 1) * args->position_step + 1;
  const ptrdiff_t stride = (end - begin + kKvBlockTokens - 1) / kKvBlockTokens * kKvBlockTokens;
  float* scores = args->scratch;
  for (int j = begin; j < end; j += kKvBlockTokens) {
    const float* keys = args->keys + args->block_table[j / kKvBlockTokens] * args->block_stride;
    for (int i = 0; i < kKvBlockTokens; i += kBlockVecs * kLanes) {
      Vec acc[kRows][kBlockVecs];
      ClearTile(acc);
      AddProducts<kRows, kBlockVecs>(q, args->q_stride, keys + i, kKvBlockTokens, args->head_dim,
                                     args->keys + NextBlock(args, j, end) + i, acc);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kBlockVecs; ++v) Store(scores + r * stride + (j - begin) + i + v * kLanes, acc[r][v]);
      }
    }
  }
  float sums[kRows];
  for (int r = 0; r < kRows; ++r) {
    float* of = scores + r * stride;
    float scale = args->scale;
    if (args->softcap > 0) {
      CapScores(of, (int)stride, scale, args->softcap);
      scale = 1.0f;
    }
    // Weights of what a row does not see are exactly zero, so that its sums do not depend on the tile's range.
    const int first = FirstPagedKey(args, row + r), last = args->position + (row + r) * args->position_step + 1;
    for (int j = begin; j < first; ++j) of[j - begin] = -__builtin_inff();
    for (int j = last; j < end; ++j) of[j - begin] = -__builtin_inff();
    sums[r] = Softmax(of, of, end - begin, scale);
  }
  float* out = args->out + row * args->out_stride;
  // As many columns at once as registers allow: whole rows of a head of 64 in AVX-512.
  int d = 0;
  for (; args->head_dim - d > (kTileVecs - 1) * kLanes; d += kTileVecs * kLanes) {
    PagedValues<kRows, kTileVecs>(args, scores, stride, begin, end, d, sums, out);
  }
  for (; d < args->head_dim; d += kLanes) PagedValues<kRows, 1>(args, scores, stride, begin, end, d, sums, out);
}

void PagedAttention(const struct PagedAttentionArgs* args) {
  const int tiles = (args->num_rows + kTileRows - 1) / kTileRows;
  for (int tile = 0; tile < tiles; ++tile) {
    const int row = (int)((int64_t)args->num_rows * tile / tiles);
    const int rows = (int)((int64_t)args->num_rows * (tile + 1) / tiles) - row;
    switch (rows) {
      case 1:
        PagedTile<1>(args, row);
        break;
      case 2:
        PagedTile<2>(args, row);
        break;
      case 3:
        PagedTile<3>(args, row);
        break;
      case 4:
        PagedTile<4>(args, row);
        break;
      case 5:
        PagedTile<5>(args, row);
        break;
      default:
        PagedTile<6>(args, row);
        break;
    }
  }
}

}  // namespace
}  // namespace bantam
