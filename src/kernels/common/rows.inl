// Kernels that work on one row at a time: quantise, LayerNorm, softmax, embedding sums.

namespace bantam {
namespace {

#ifndef BANTAM_HAS_STORE_BYTES4
// Four registers' bytes; a level may bring a better one.
BANTAM_INLINE void StoreBytes4(uint8_t* p, Vec a, Vec b, Vec c, Vec d) {
  StoreBytes(p, a);
  StoreBytes(p + kLanes, b);
  StoreBytes(p + 2 * kLanes, c);
  StoreBytes(p + 3 * kLanes, d);
}
#endif

// The loops below go four registers at a time with a sum for each: one chain of additions would take three cycles for
// each register, four times as long as the rest.
const int kRowStep = 4 * kLanes;

// Same operations in the same order as the scalar level, so the same bytes: no fused multiply-add here.
BANTAM_INLINE void WriteBytes(const float* x, int columns, float minimum, float maximum, uint8_t* out,
                              struct RowQuant* quant) {
  const float range = maximum - minimum;
  const float inverse = range > 1e-30f ? 255.0f / range : 0.0f;
  const Vec base = Set(minimum), factor = Set(inverse);
  int i = 0;
  for (; i + kRowStep <= columns; i += kRowStep) {
    StoreBytes4(out + i, Mul(Sub(Load(x + i), base), factor), Mul(Sub(Load(x + i + kLanes), base), factor),
                Mul(Sub(Load(x + i + 2 * kLanes), base), factor), Mul(Sub(Load(x + i + 3 * kLanes), base), factor));
  }
  for (; i + kLanes <= columns; i += kLanes) StoreBytes(out + i, Mul(Sub(Load(x + i), base), factor));
  if (i < columns) StoreBytesPart(out + i, columns - i, Mul(Sub(LoadPart(x + i, columns - i, base), base), factor));
  quant->scale = range / 255.0f;
  quant->minimum = minimum;
}

BANTAM_INLINE void QuantizeRow(const float* x, int columns, uint8_t* out, struct RowQuant* quant) {
  const Vec first = Set(x[0]);
  Vec low[4] = {first, first, first, first}, high[4] = {first, first, first, first};
  int i = 0;
  for (; i + kRowStep <= columns; i += kRowStep) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const Vec v = Load(x + i + j * kLanes);
      low[j] = Min(low[j], v);
      high[j] = Max(high[j], v);
    }
  }
  for (; i < columns; i += kLanes) {
    const Vec v = LoadPart(x + i, columns - i, first);
    low[0] = Min(low[0], v);
    high[0] = Max(high[0], v);
  }
  const float minimum = MinLanes(Min(Min(low[0], low[1]), Min(low[2], low[3])));
  const float maximum = MaxLanes(Max(Max(high[0], high[1]), Max(high[2], high[3])));
  WriteBytes(x, columns, minimum, maximum, out, quant);
}

void Quantize(const struct QuantizeArgs* args) {
  for (int r = 0; r < args->num_rows; ++r) {
    QuantizeRow(args->x + r * args->x_stride, args->columns, args->out + r * args->out_stride, args->out_quant + r);
  }
}

// Two passes over the row, which lies in L1: the variance of x - mean does not cancel. The bytes' range is found while
// the result is written.
void LayerNorm(const struct LayerNormArgs* args) {
  const int columns = args->columns;
  for (int r = 0; r < args->num_rows; ++r) {
    const float* x = args->x + r * args->x_stride;
    float* out = args->out + r * args->out_stride;
    Vec sum[4] = {Zero(), Zero(), Zero(), Zero()};
    int i = 0;
    for (; i + kRowStep <= columns; i += kRowStep) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) sum[j] = Add(sum[j], Load(x + i + j * kLanes));
    }
    for (; i < columns; i += kLanes) sum[0] = Add(sum[0], LoadPart(x + i, columns - i, Zero()));
    const Vec mean = Set(SumLanes(Add(Add(sum[0], sum[1]), Add(sum[2], sum[3]))) / (float)columns);

    Vec squares[4] = {Zero(), Zero(), Zero(), Zero()};
    for (i = 0; i + kRowStep <= columns; i += kRowStep) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const Vec d = Sub(Load(x + i + j * kLanes), mean);
        squares[j] = Fma(d, d, squares[j]);
      }
    }
    for (; i < columns; i += kLanes) {
      const Vec d = Sub(LoadPart(x + i, columns - i, mean), mean);
      squares[0] = Fma(d, d, squares[0]);
    }
    const float variance = SumLanes(Add(Add(squares[0], squares[1]), Add(squares[2], squares[3]))) / (float)columns;
    const Vec inverse = Set(1.0f / __builtin_sqrtf(variance + args->epsilon));

    Vec low[4], high[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      low[j] = Set(__builtin_inff());
      high[j] = Set(-__builtin_inff());
    }
    for (i = 0; i + kRowStep <= columns; i += kRowStep) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const int at = i + j * kLanes;
        const Vec d = Mul(Sub(Load(x + at), mean), inverse);
        const Vec y = Fma(d, Load(args->gamma + at), Load(args->beta + at));
        Store(out + at, y);
        low[j] = Min(low[j], y);
        high[j] = Max(high[j], y);
      }
    }
    for (; i < columns; i += kLanes) {
      const int rest = columns - i;
      const Vec d = Mul(Sub(LoadPart(x + i, rest, mean), mean), inverse);
      StorePart(out + i, rest, Fma(d, LoadPart(args->gamma + i, rest, Zero()), LoadPart(args->beta + i, rest, Zero())));
      low[0] = Min(low[0], LoadPart(out + i, rest, Set(out[i])));
      high[0] = Max(high[0], LoadPart(out + i, rest, Set(out[i])));
    }
    if (args->quantized == NULL) continue;
    WriteBytes(out, columns, MinLanes(Min(Min(low[0], low[1]), Min(low[2], low[3]))),
               MaxLanes(Max(Max(high[0], high[1]), Max(high[2], high[3]))),
               args->quantized + r * args->quantized_stride, args->quantized_rows + r);
  }
}

float Softmax(const float* x, float* out, int count, float scale) {
  const int whole = count / kLanes * kLanes, rest = count - whole;
  Vec top = Set(x[0]);
  for (int i = 0; i < whole; i += kLanes) top = Max(top, Load(x + i));
  if (rest > 0) top = Max(top, LoadPart(x + whole, rest, top));
  const Vec largest = Set(MaxLanes(top)), factor = Set(scale);
  Vec sum = Zero();
  for (int i = 0; i < whole; i += kLanes) {
    const Vec e = Exp(Mul(Sub(Load(x + i), largest), factor));
    Store(out + i, e);
    sum = Add(sum, e);
  }
  if (rest > 0) {
    const Vec e = Exp(Mul(Sub(LoadPart(x + whole, rest, largest), largest), factor));
    StorePart(out + whole, rest, e);
    sum = Add(sum, LoadPart(out + whole, rest, Zero()));
  }
  return SumLanes(sum);
}

void Embedding(const struct EmbeddingArgs* args) {
  const int columns = args->columns, whole = columns / kLanes * kLanes, rest = columns - whole;
  for (int r = 0; r < args->num_rows; ++r) {
    const ptrdiff_t word_row = (ptrdiff_t)args->word_ids[r] * columns;
    const float* position = args->positions + (ptrdiff_t)args->position_ids[r] * columns;
    const float* type = args->types + (args->type_ids == NULL ? 0 : (ptrdiff_t)args->type_ids[r] * columns);
    float* out = args->out + r * args->out_stride;
    if (args->words_int8 != NULL) {
      const int8_t* word = args->words_int8 + word_row;
      const Vec scale = Set(args->word_scales[args->word_ids[r]]);
      for (int i = 0; i < whole; i += kLanes) {
        Store(out + i, Add(Add(Mul(LoadInt8(word + i), scale), Load(type + i)), Load(position + i)));
      }
      if (rest > 0) {
        const Vec part = Mul(LoadInt8Part(word + whole, rest), scale);
        StorePart(out + whole, rest,
                  Add(Add(part, LoadPart(type + whole, rest, Zero())), LoadPart(position + whole, rest, Zero())));
      }
    } else {
      const float* word = args->words + word_row;
      for (int i = 0; i < whole; i += kLanes) {
        Store(out + i, Add(Add(Load(word + i), Load(type + i)), Load(position + i)));
      }
      if (rest > 0) {
        const Vec part = LoadPart(word + whole, rest, Zero());
        StorePart(out + whole, rest,
                  Add(Add(part, LoadPart(type + whole, rest, Zero())), LoadPart(position + whole, rest, Zero())));
      }
    }
  }
}

}  // namespace
}  // namespace bantam
