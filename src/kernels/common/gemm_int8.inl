// int8 products: the loop over tiles and the way back to f32. Each ISA brings
//   IVec, kInt8Rows, kInt8Vecs
//   Int8Products<rows>(x, x_stride, weights, groups, acc): acc[r][v] = the integer sums of 16 or 8 columns each
// with the weights at the first column of a slice of kInt8Vecs * kLanes columns in its panel, and
//   SumsToFloat(IVec, weight_sum): those sums as floats; a level whose products are of shifted activations corrects
//   here

namespace bantam {
namespace {

template <int kRows>
void GemmInt8Tile(const struct GemmInt8Args* args, int row, int panel, int column, int valid, int groups) {
  IVec acc[kRows][kInt8Vecs];
  const int8_t* packed = args->packed + (ptrdiff_t)panel * kPanelColumns * groups * kInt8KGroup +
                         (column - panel * kPanelColumns) * kInt8KGroup;
  Int8Products<kRows>(args->x + row * args->x_stride, args->x_stride, packed, groups, acc);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    float* out = args->out + (row + r) * args->out_stride + column;
    const float* residual = args->residual == NULL ? NULL : args->residual + (row + r) * args->residual_stride + column;
    const Vec scale = Set(args->x_quant[row + r].scale), minimum = Set(args->x_quant[row + r].minimum);
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) {
      // x = minimum + scale q, so the sum of x w is scale * sum(q w) + minimum * sum(w), times the column's scale.
      const int n = column + v * kLanes;
      Vec y = Fma(SumsToFloat(acc[r][v], args->weight_sum + n), scale, Mul(minimum, Load(args->weight_sum + n)));
      y = Fma(y, Load(args->weight_scale + n), Load(args->bias + n));
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
    const int columns = valid < kInt8Vecs * kLanes ? valid : kInt8Vecs * kLanes;
    if (args->activation == kActivationGelu) {
      GeluFastBlock(out, args->out_stride, kRows, columns);
    } else {
      ActivateBlock(out, args->out_stride, kRows, columns, args->activation);
    }
  }
}

void GemmInt8(const struct GemmInt8Args* args) {
  const int groups = (args->in_features + kInt8KGroup - 1) / kInt8KGroup;
  const int tiles = (args->num_rows + kInt8Rows - 1) / kInt8Rows;
  for (int panel = args->panel_begin; panel < args->panel_end; ++panel) {
    for (int tile = 0; tile < tiles; ++tile) {
      const int row = (int)((int64_t)args->num_rows * tile / tiles);
      const int rows = (int)((int64_t)args->num_rows * (tile + 1) / tiles) - row;
      for (int c = 0; c < kPanelColumns; c += kInt8Vecs * kLanes) {
        const int column = panel * kPanelColumns + c, valid = args->out_features - column;
        if (valid <= 0) break;
        switch (rows) {
          case 1:
            GemmInt8Tile<1>(args, row, panel, column, valid, groups);
            break;
#if BANTAM_INT8_ROWS > 2
          case 2:
            GemmInt8Tile<2>(args, row, panel, column, valid, groups);
            break;
          case 3:
            GemmInt8Tile<3>(args, row, panel, column, valid, groups);
            break;
          case 4:
            GemmInt8Tile<4>(args, row, panel, column, valid, groups);
            break;
          case 5:
            GemmInt8Tile<5>(args, row, panel, column, valid, groups);
            break;
#endif
          default:
            GemmInt8Tile<kInt8Rows>(args, row, panel, column, valid, groups);
            break;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bantam
