// Kernels that work on one row at a time: quantise, LayerNorm, softmax, embedding sums.

namespace bantam {
namespace {

// Same operations in the same order as the scalar level, so the same bytes: no fused multiply-add here.
BANTAM_INLINE void QuantizeRow(const float* x, int columns, uint8_t* out, struct RowQuant* quant) {
  const int whole = columns / kLanes * kLanes, rest = columns - whole;
  Vec low = Set(x[0]), high = low;
  for (int i = 0; i < whole; i += kLanes) {
    const Vec v = Load(x + i);
    low = Min(low, v);
    high = Max(high, v);
  }
  if (rest > 0) {
    const Vec v = LoadPart(x + whole, rest, Set(x[0]));
    low = Min(low, v);
    high = Max(high, v);
  }
  const float minimum = MinLanes(low), range = MaxLanes(high) - minimum;
  const float inverse = range > 1e-30f ? 255.0f / range : 0.0f;
  const Vec base = Set(minimum), factor = Set(inverse);
  for (int i = 0; i < whole; i += kLanes) StoreBytes(out + i, Mul(Sub(Load(x + i), base), factor));
  if (rest > 0) StoreBytesPart(out + whole, rest, Mul(Sub(LoadPart(x + whole, rest, base), base), factor));
  quant->scale = range / 255.0f;
  quant->minimum = minimum;
}

void Quantize(const struct QuantizeArgs* args) {
  for (int r = 0; r < args->num_rows; ++r) {
    QuantizeRow(args->x + r * args->x_stride, args->columns, args->out + r * args->out_stride, args->out_quant + r);
  }
}

// Two passes over the row, which lies in L1: the variance of x - mean does not cancel.
void LayerNorm(const struct LayerNormArgs* args) {
  const int columns = args->columns, whole = columns / kLanes * kLanes, rest = columns - whole;
  for (int r = 0; r < args->num_rows; ++r) {
    const float* x = args->x + r * args->x_stride;
    float* out = args->out + r * args->out_stride;
    Vec sum = Zero();
    for (int i = 0; i < whole; i += kLanes) sum = Add(sum, Load(x + i));
    if (rest > 0) sum = Add(sum, LoadPart(x + whole, rest, Zero()));
    const Vec mean = Set(SumLanes(sum) / (float)columns);
    Vec squares = Zero();
    for (int i = 0; i < whole; i += kLanes) {
      const Vec d = Sub(Load(x + i), mean);
      squares = Fma(d, d, squares);
    }
    if (rest > 0) {
      const Vec d = Sub(LoadPart(x + whole, rest, mean), mean);
      squares = Fma(d, d, squares);
    }
    const float variance = SumLanes(squares) / (float)columns;
    const Vec inverse = Set(1.0f / __builtin_sqrtf(variance + args->epsilon));
    for (int i = 0; i < whole; i += kLanes) {
      const Vec d = Mul(Sub(Load(x + i), mean), inverse);
      Store(out + i, Fma(d, Load(args->gamma + i), Load(args->beta + i)));
    }
    if (rest > 0) {
      const Vec d = Mul(Sub(LoadPart(x + whole, rest, mean), mean), inverse);
      StorePart(out + whole, rest,
                Fma(d, LoadPart(args->gamma + whole, rest, Zero()), LoadPart(args->beta + whole, rest, Zero())));
    }
    if (args->quantized == NULL) continue;
    QuantizeRow(out, columns, args->quantized + r * args->quantized_stride, args->quantized_rows + r);
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
