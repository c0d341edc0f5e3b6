// One head of one sequence. The keys are transposed once, so that scores for a tile of queries are the same tile
// product as a Linear; the scores of six queries over all keys (12 KB at 512 keys) stay in L1 through softmax and the
// product with v. Scratch grows with the number of keys, never with its square.

namespace bantam {
namespace {

template <int kRows, int kVecs>
void ScoreTile(const float* q, ptrdiff_t q_stride, const float* keys, ptrdiff_t keys_stride, int depth, float* scores,
               ptrdiff_t scores_stride) {
  Vec acc[kRows][kVecs];
  MultiplyTile<kRows, kVecs>(q, q_stride, keys, keys_stride, depth, acc);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) Store(scores + r * scores_stride + v * kLanes, acc[r][v]);
  }
}

template <int kRows, int kVecs>
void ValueTile(const float* scores, ptrdiff_t scores_stride, const float* values, ptrdiff_t values_stride, int depth,
               const float* sums, float* out, ptrdiff_t out_stride, int valid) {
  Vec acc[kRows][kVecs];
  MultiplyTile<kRows, kVecs>(scores, scores_stride, values, values_stride, depth, acc);
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

// kRows queries over the keys that any of them sees.
template <int kRows>
void AttendTile(const struct AttentionArgs* args, int query, const float* keys, ptrdiff_t keys_stride,
                const float* values, ptrdiff_t values_stride, float* scores) {
  const float* q = args->q + query * args->qkv_stride;
  // From a whole register on, so that a key falls into the same lane whatever the tile.
  const int begin = FirstKey(args, query) / kLanes * kLanes, end = LastKey(args, query + kRows - 1);
  for (int j = begin; j < end; j += kTileVecs * kLanes) {
    // Fewer registers where fewer keys are left: 16 keys cost a quarter of 64.
    const int vecs = (end - j + kLanes - 1) / kLanes;
    if (vecs >= kTileVecs) {
      ScoreTile<kRows, kTileVecs>(q, args->qkv_stride, keys + j, keys_stride, args->head_dim, scores + j, keys_stride);
    } else if (vecs == 1) {
      ScoreTile<kRows, 1>(q, args->qkv_stride, keys + j, keys_stride, args->head_dim, scores + j, keys_stride);
    } else if (vecs == 2) {
      ScoreTile<kRows, 2>(q, args->qkv_stride, keys + j, keys_stride, args->head_dim, scores + j, keys_stride);
    } else {
      ScoreTile<kRows, 3>(q, args->qkv_stride, keys + j, keys_stride, args->head_dim, scores + j, keys_stride);
    }
  }
  float sums[kRows];
  for (int r = 0; r < kRows; ++r) {
    float* row = scores + r * keys_stride;
    float scale = args->scale;
    if (args->bias != NULL || args->causal != 0 || args->window > 0) {
      BiasAndMask(args, query + r, begin, end, scale, 1.0f, row);
      scale = 1.0f;
    }
    sums[r] = Softmax(row + begin, row + begin, end - begin, scale);
  }
  for (int d = 0; d < args->head_dim; d += 2 * kLanes) {
    float* out = args->out + query * args->out_stride + d;
    if (args->head_dim - d > kLanes) {
      ValueTile<kRows, 2>(scores + begin, keys_stride, values + begin * values_stride + d, values_stride, end - begin,
                          sums, out, args->out_stride, args->head_dim - d);
    } else {
      ValueTile<kRows, 1>(scores + begin, keys_stride, values + begin * values_stride + d, values_stride, end - begin,
                          sums, out, args->out_stride, args->head_dim - d);
    }
  }
}

// keys[d, j] = k[j, d], zero for j past the last key.
BANTAM_INLINE void TransposeKeys(const struct AttentionArgs* args, float* keys, int padded_keys) {
  const int dim = args->head_dim;
  int j = 0;
  for (; j + 4 <= args->num_keys; j += 4) {
    const float* k = args->k + j * args->qkv_stride;
    const float *k1 = k + args->qkv_stride, *k2 = k1 + args->qkv_stride, *k3 = k2 + args->qkv_stride;
    int d = 0;
    for (; d + 4 <= dim; d += 4) {
      Transpose4x4(k + d, args->qkv_stride, keys + (ptrdiff_t)d * padded_keys + j, padded_keys);
    }
    for (; d < dim; ++d) {
      float* out = keys + (ptrdiff_t)d * padded_keys + j;
      out[0] = k[d];
      out[1] = k1[d];
      out[2] = k2[d];
      out[3] = k3[d];
    }
  }
  for (int d = 0; d < dim; ++d) {
    float* out = keys + (ptrdiff_t)d * padded_keys;
    for (int i = j; i < args->num_keys; ++i) out[i] = args->k[i * args->qkv_stride + d];
    for (int i = args->num_keys; i < padded_keys; ++i) out[i] = 0.0f;
  }
}

void Attention(const struct AttentionArgs* args) {
  const int padded_keys = (args->num_keys + kLanes - 1) / kLanes * kLanes;
  float* keys = args->scratch;
  float* scores = keys + (ptrdiff_t)padded_keys * args->head_dim;
  TransposeKeys(args, keys, padded_keys);
  const float* values = args->v;
  ptrdiff_t values_stride = args->qkv_stride;
  if (args->head_dim % kLanes != 0) {
    // The value tile reads whole registers: a head that does not fill them is copied with padding.
    const int padded_dim = (args->head_dim + 2 * kLanes - 1) / (2 * kLanes) * 2 * kLanes;
    float* copy = scores + (ptrdiff_t)padded_keys * kTileRows;
    for (int j = 0; j < args->num_keys; ++j) {
      for (int d = 0; d < padded_dim; ++d) {
        copy[(ptrdiff_t)j * padded_dim + d] = d < args->head_dim ? args->v[j * args->qkv_stride + d] : 0.0f;
      }
    }
    values = copy;
    values_stride = padded_dim;
  }
  const int tiles = (args->num_queries + kTileRows - 1) / kTileRows;
  for (int tile = 0; tile < tiles; ++tile) {
    const int query = (int)((int64_t)args->num_queries * tile / tiles);
    const int rows = (int)((int64_t)args->num_queries * (tile + 1) / tiles) - query;
    switch (rows) {
      case 1:
        AttendTile<1>(args, query, keys, padded_keys, values, values_stride, scores);
        break;
      case 2:
        AttendTile<2>(args, query, keys, padded_keys, values, values_stride, scores);
        break;
      case 3:
        AttendTile<3>(args, query, keys, padded_keys, values, values_stride, scores);
        break;
      case 4:
        AttendTile<4>(args, query, keys, padded_keys, values, values_stride, scores);
        break;
      case 5:
        AttendTile<5>(args, query, keys, padded_keys, values, values_stride, scores);
        break;
      default:
        AttendTile<6>(args, query, keys, padded_keys, values, values_stride, scores);
        break;
    }
  }
}

}  // namespace
}  // namespace bantam
