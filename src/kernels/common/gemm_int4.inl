// int4 products: the loop over tiles and the way to f32. Each ISA brings
//   kInt4Rows, kInt4Vecs, BANTAM_INT4_ROWS, kInt4WeightUnit: what its products are multiples of
//   Int4Products<rows>(x, x_stride, weights, scales, groups, acc): acc[r][v] = kInt4WeightUnit times the sum over
//   groups,
//     in ascending order, of scale * the group's integer sum
// with weights and scales at the first column of a slice of kInt4Vecs * kLanes columns in its panel.

namespace bantam {
namespace {

template <int kRows>
void GemmInt4Tile(const struct GemmInt4Args* args, int row, int panel, int column, int valid, int groups) {
  Vec acc[kRows][kInt4Vecs];
  const int within = column - panel * kPanelColumns;
  const ptrdiff_t first_group = (ptrdiff_t)panel * groups;
  Int4Products<kRows>(args->x + row * args->x_stride, args->x_stride,
                      args->packed + first_group * (kPanelColumns * kInt4Group / 2) + within * 4,
                      args->group_scale + first_group * kPanelColumns + within, groups, acc);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    float* out = args->out + (row + r) * args->out_stride + column;
    const float* residual = args->residual == NULL ? NULL : args->residual + (row + r) * args->residual_stride + column;
    const Vec scale = Set(args->x_quant[row + r].scale / kInt4WeightUnit),
              minimum = Set(args->x_quant[row + r].minimum);
#pragma GCC unroll 4
    for (int v = 0; v < kInt4Vecs; ++v) {
      // x = minimum + scale q, so the sum of x w is scale * sum(q w) + minimum * sum(w).
      const int n = column + v * kLanes;
      Vec y = Fma(acc[r][v], scale, Fma(minimum, Load(args->weight_sum + n), Load(args->bias + n)));
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
    float* out = args->out + row * args->out_stride + column;
    const int columns = valid < kInt4Vecs * kLanes ? valid : kInt4Vecs * kLanes;
    if (args->activation == kActivationGelu) {
      GeluFastBlock(out, args->out_stride, kRows, columns);
    } else {
      ActivateBlock(out, args->out_stride, kRows, columns, args->activation);
    }
  }
}

void GemmInt4(const struct GemmInt4Args* args) {
  const int groups = (args->in_features + kInt4Group - 1) / kInt4Group;
  const int tiles = (args->num_rows + kInt4Rows - 1) / kInt4Rows;
  for (int panel = args->panel_begin; panel < args->panel_end; ++panel) {
    for (int tile = 0; tile < tiles; ++tile) {
      const int row = (int)((int64_t)args->num_rows * tile / tiles);
      const int rows = (int)((int64_t)args->num_rows * (tile + 1) / tiles) - row;
      for (int c = 0; c < kPanelColumns; c += kInt4Vecs * kLanes) {
        const int column = panel * kPanelColumns + c, valid = args->out_features - column;
        if (valid <= 0) break;
        switch (rows) {
          case 1:
            GemmInt4Tile<1>(args, row, panel, column, valid, groups);
            break;
#if BANTAM_INT4_ROWS > 2
          case 2:
            GemmInt4Tile<2>(args, row, panel, column, valid, groups);
            break;
          case 3:
            GemmInt4Tile<3>(args, row, panel, column, valid, groups);
            break;
#endif
#if BANTAM_INT4_ROWS > 4
          case 4:
            GemmInt4Tile<4>(args, row, panel, column, valid, groups);
            break;
          case 5:
            GemmInt4Tile<5>(args, row, panel, column, valid, groups);
            break;
#endif
          default:
            GemmInt4Tile<kInt4Rows>(args, row, panel, column, valid, groups);
            break;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bantam
