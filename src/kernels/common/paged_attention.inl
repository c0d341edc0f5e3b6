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
// prompt, whose tiles before have read the block: there it would only cost. Of row k the lanes count by_lane[v] times,
// the whole row by_row[k * by_row_stride + v * kLanes / kKvGroup] times, where these are given.
template <class Kv, int kRows, int kVecs>
BANTAM_INLINE void AddProducts(const float* a, ptrdiff_t a_stride, const typename Kv::Element* b, ptrdiff_t b_stride,
                               int depth, const typename Kv::Element* next, const Vec* by_lane, const float* by_row,
                               ptrdiff_t by_row_stride, Vec (&acc)[kRows][kVecs]) {
  const int kLine = 64 / (int)sizeof(typename Kv::Element);  // elements in a line of the cache
  for (int k = 0; k < depth; ++k, next += b_stride) {
    Vec w[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      w[v] = Kv::At(b + v * kLanes * Kv::kTogether, b_stride, k);
      if (by_lane != NULL) w[v] = Mul(w[v], by_lane[v]);
      if (by_row != NULL) w[v] = Mul(w[v], Set(by_row[k * by_row_stride + v * kLanes / kKvGroup]));
      if (kRows < kTileRows && v * kLanes % kLine == 0) __builtin_prefetch(next + v * kLanes, 0, 2);
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

template <class T>
BANTAM_INLINE const T* InBlock(const T* in_block_0, const struct PagedAttentionArgs* args, int block) {
  return (const T*)((const uint8_t*)in_block_0 + args->block_table[block] * args->head.block_stride);
}
template <class Kv>
BANTAM_INLINE const typename Kv::Element* ElementsOf(const uint8_t* in_block_0, const struct PagedAttentionArgs* args,
                                                     int block) {
  return (const typename Kv::Element*)InBlock(in_block_0, args, block);
}

// The block after that of key j; the last one's own.
BANTAM_INLINE int NextBlock(int j, int end) {
  return (j + kKvBlockTokens < end ? j + kKvBlockTokens : j) / kKvBlockTokens;
}

// Keys [i, i + kVecs * kLanes) of block `block`, against the queries.
template <class Kv, int kRows, int kVecs>
BANTAM_INLINE void PagedScores(const struct PagedAttentionArgs* args, const float* q, int block, int next_block, int i,
                               Vec (&acc)[kRows][kVecs]) {
  const typename Kv::Element* keys = ElementsOf<Kv>(args->head.keys, args, block) + i * Kv::kTogether;
  const typename Kv::Element* next = ElementsOf<Kv>(args->head.keys, args, next_block) + i;
  const int dim = args->head.head_dim;
  if (Kv::kScaled == 0) {
    return AddProducts<Kv, kRows, kVecs>(q, args->q_stride, keys, kKvBlockTokens, dim, next, NULL, NULL, 0, acc);
  }
  const float* scales = InBlock(args->head.key_scales, args, block) + i;
  for (int d = 0; d < dim; d += kKvGroup) {
    Vec by_lane[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) by_lane[v] = Load(scales + d / kKvGroup * kKvBlockTokens + v * kLanes);
    const int depth = dim - d < kKvGroup ? dim - d : kKvGroup;
    AddProducts<Kv, kRows, kVecs>(q + d, args->q_stride, keys + d * kKvBlockTokens, kKvBlockTokens, depth,
                                  next + d * kKvBlockTokens, by_lane, NULL, 0, acc);
  }
}

template <class Kv, int kRows, int kVecs>
BANTAM_INLINE void PagedValues(const struct PagedAttentionArgs* args, const float* weights, ptrdiff_t weights_stride,
                               int begin, int end, int column, const float* sums, float* out) {
  Vec acc[kRows][kVecs];
  ClearTile(acc);
  const ptrdiff_t groups = (args->head.head_dim + kKvGroup - 1) / kKvGroup;
  for (int j = begin; j < end; j += kKvBlockTokens) {
    const int block = j / kKvBlockTokens, depth = end - j < kKvBlockTokens ? end - j : kKvBlockTokens;
    const float* by_row = Kv::kScaled == 0 ? NULL : InBlock(args->head.value_scales, args, block) + column / kKvGroup;
    AddProducts<Kv, kRows, kVecs>(
        weights + (j - begin), weights_stride, ElementsOf<Kv>(args->head.values, args, block) + column * Kv::kTogether,
        args->head.value_stride, depth, ElementsOf<Kv>(args->head.values, args, NextBlock(j, end)) + column, NULL,
        by_row, groups, acc);
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

// Rows [row, row + kRows) over the keys that any of them sees.
template <class Kv, int kRows>
void PagedTile(const struct PagedAttentionArgs* args, int row) {
  const float* q = args->q + row * args->q_stride;
  // From a whole block on, so that a key falls into the same lane whatever the tile.
  const int begin = FirstPagedKey(args, row) / kKvBlockTokens * kKvBlockTokens;
  const int end = args->position + (row + kRows - 1) * args->position_step + 1;
  const ptrdiff_t stride = (end - begin + kKvBlockTokens - 1) / kKvBlockTokens * kKvBlockTokens;
  float* scores = args->scratch;
  for (int j = begin; j < end; j += kKvBlockTokens) {
    for (int i = 0; i < kKvBlockTokens; i += kBlockVecs * kLanes) {
      Vec acc[kRows][kBlockVecs];
      ClearTile(acc);
      PagedScores<Kv, kRows, kBlockVecs>(args, q, j / kKvBlockTokens, NextBlock(j, end), i, acc);
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
  const int dim = args->head.head_dim;
  int d = 0;
  for (; dim - d > (kTileVecs - 1) * kLanes; d += kTileVecs * kLanes) {
    PagedValues<Kv, kRows, kTileVecs>(args, scores, stride, begin, end, d, sums, out);
  }
  for (; d < dim; d += kLanes) PagedValues<Kv, kRows, 1>(args, scores, stride, begin, end, d, sums, out);
}

template <class Kv>
void PagedAttentionOver(const struct PagedAttentionArgs* args) {
  const int tiles = (args->num_rows + kTileRows - 1) / kTileRows;
  for (int tile = 0; tile < tiles; ++tile) {
    const int row = (int)((int64_t)args->num_rows * tile / tiles);
    const int rows = (int)((int64_t)args->num_rows * (tile + 1) / tiles) - row;
    switch (rows) {
      case 1:
        PagedTile<Kv, 1>(args, row);
        break;
      case 2:
        PagedTile<Kv, 2>(args, row);
        break;
      case 3:
        PagedTile<Kv, 3>(args, row);
        break;
      case 4:
        PagedTile<Kv, 4>(args, row);
        break;
      case 5:
        PagedTile<Kv, 5>(args, row);
        break;
      default:
        PagedTile<Kv, 6>(args, row);
        break;
    }
  }
}

void PagedAttention(const struct PagedAttentionArgs* args) {
  if (args->head.type == kKvF32) return PagedAttentionOver<KvFloats>(args);
  if (args->head.type == kKvF16) return PagedAttentionOver<KvHalves>(args);
  if (args->head.type == kKvBf16) return PagedAttentionOver<KvPairs>(args);
  PagedAttentionOver<KvBytes>(args);
}

}  // namespace
}  // namespace bantam
