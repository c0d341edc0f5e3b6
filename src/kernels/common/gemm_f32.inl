// f32 products by tiles of kTileRows x kTileVecs registers, over all of K at once: every output element is one FMA
// chain in ascending k whatever tile it lies in, which is what makes a token's bits independent of its batch.

namespace bantam {
namespace {

// Weights to be brought into the second-level cache meanwhile: at each step of k a line or two of the next panel, which
// a few rows would otherwise wait for.
struct Ahead {
  uintptr_t first, second;
};
const uintptr_t kAheadStep = 256;  // bytes of one step of k in a panel of either type

BANTAM_INLINE void Prefetch(const struct Ahead& ahead, int step) {
  __builtin_prefetch((const void*)(ahead.first + step * kAheadStep), 0, 2);
  __builtin_prefetch((const void*)(ahead.second + step * kAheadStep), 0, 2);
}

// What call number `call` of `calls` over the panel at `panel` asks for: the calls share the four lines of each step.
// Past the last panel that is what lies behind the matrix, usually the next one; a prefetch cannot fault.
BANTAM_INLINE struct Ahead AheadOf(const void* panel, uintptr_t panel_bytes, int call, int calls) {
  const uintptr_t next = (uintptr_t)panel + panel_bytes;
  if (calls >= 4) {
    const uintptr_t line = call < 4 ? next + 64 * call : (uintptr_t)panel;
    const struct Ahead one = {line, line};
    return one;
  }
  const uintptr_t base = calls == 1 ? (uintptr_t)panel : next + call % 2 * 128;
  const struct Ahead two = {base, base + 64};
  return two;
}

// acc[r][v] = sum_k a[r, k] * b[k, lanes of v]
template <int kRows, int kVecs>
BANTAM_INLINE void MultiplyTile(const float* a, ptrdiff_t a_stride, const float* b, ptrdiff_t b_stride, int depth,
                                Vec (&acc)[kRows][kVecs], const struct Ahead* ahead = NULL) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) acc[r][v] = Zero();
  }
  for (int k = 0; k < depth; ++k, b += b_stride) {
    if (ahead != NULL) Prefetch(*ahead, k);
    Vec w[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) w[v] = Load(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec x = Set(a[r * a_stride + k]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) acc[r][v] = Fma(x, w[v], acc[r][v]);
    }
  }
}

// Rows [row, row + kRows) and the columns from `column` on, of which `valid` exist.
template <int kRows>
void GemmTile(const struct GemmF32Args* args, int row, int panel, int column, int valid, struct Ahead ahead) {
  Vec acc[kRows][kTileVecs];
  const float* packed = args->packed + (ptrdiff_t)panel * kPanelColumns * args->in_features;
  MultiplyTile<kRows, kTileVecs>(args->x + row * args->x_stride, args->x_stride,
                                 packed + (column - panel * kPanelColumns), kPanelColumns, args->in_features, acc,
                                 &ahead);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    float* out = args->out + (row + r) * args->out_stride + column;
    const float* residual = args->residual == NULL ? NULL : args->residual + (row + r) * args->residual_stride + column;
#pragma GCC unroll 4
    for (int v = 0; v < kTileVecs; ++v) {
      Vec y = Add(acc[r][v], Load(args->bias + column + v * kLanes));
      const int lanes = valid - v * kLanes;
      if (lanes >= kLanes) {
        if (residual != NULL) y = Add(y, Load(residual + v * kLanes));
        Store(out + v * kLanes, y);
      } else if (lanes > 0) {
        if (residual != NULL) y = Add(y, LoadPart(residual + v * kLanes, lanes, Zero()));
        StorePart(out + v * kLanes, lanes, y);
      }
    }
  }
  if (args->activation != kActivationNone) {
    const int columns = valid < kTileVecs * kLanes ? valid : kTileVecs * kLanes;
    ActivateBlock(args->out + row * args->out_stride + column, args->out_stride, kRows, columns, args->activation);
  }
}

void GemmF32(const struct GemmF32Args* args) {
  // Equal tiles: 32 rows are 6+6+5+5+5+5 rather than 5 x 6 + 2.
  const int tiles = (args->num_rows + kTileRows - 1) / kTileRows, slices = kPanelColumns / (kTileVecs * kLanes);
  const ptrdiff_t panel_size = (ptrdiff_t)kPanelColumns * args->in_features;
  for (int panel = args->panel_begin; panel < args->panel_end; ++panel) {
    for (int tile = 0; tile < tiles; ++tile) {
      const int row = (int)((int64_t)args->num_rows * tile / tiles);
      const int rows = (int)((int64_t)args->num_rows * (tile + 1) / tiles) - row;
      for (int c = 0; c < kPanelColumns; c += kTileVecs * kLanes) {
        const int column = panel * kPanelColumns + c, valid = args->out_features - column;
        if (valid <= 0) break;
        const struct Ahead ahead = AheadOf(args->packed + panel * panel_size, panel_size * sizeof(float),
                                           tile * slices + c / (kTileVecs * kLanes), tiles * slices);
        switch (rows) {
          case 1:
            GemmTile<1>(args, row, panel, column, valid, ahead);
            break;
          case 2:
            GemmTile<2>(args, row, panel, column, valid, ahead);
            break;
          case 3:
            GemmTile<3>(args, row, panel, column, valid, ahead);
            break;
          case 4:
            GemmTile<4>(args, row, panel, column, valid, ahead);
            break;
          case 5:
            GemmTile<5>(args, row, panel, column, valid, ahead);
            break;
          default:
            GemmTile<6>(args, row, panel, column, valid, ahead);
            break;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bantam
