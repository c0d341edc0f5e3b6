// What models since LLaMA have beside rows.inl: RMSNorm, rotary positions, gated activations.

namespace bantam {
namespace {

void RmsNorm(const struct LayerNormArgs* args) {
  const int columns = args->columns;
  for (int r = 0; r < args->num_rows; ++r) {
    const float* x = args->x + r * args->x_stride;
    float* out = args->out + r * args->out_stride;
    Vec squares = Zero();
    for (int i = 0; i < columns; i += kLanes) {
      const Vec v = LoadPart(x + i, columns - i < kLanes ? columns - i : kLanes, Zero());
      squares = Fma(v, v, squares);
    }
    const Vec inverse = Set(1.0f / __builtin_sqrtf(SumLanes(squares) / (float)columns + args->epsilon));
    for (int i = 0; i < columns; i += kLanes) {
      const int lanes = columns - i < kLanes ? columns - i : kLanes;
      const Vec v = Mul(LoadPart(x + i, lanes, Zero()), inverse);
      StorePart(out + i, lanes, Mul(v, LoadPart(args->gamma + i, lanes, Zero())));
    }
    if (args->quantized == NULL) continue;
    QuantizeRow(out, columns, args->quantized + r * args->quantized_stride, args->quantized_rows + r);
  }
}

void Rope(const struct RopeArgs* args) {
  const int half = args->rotary_dim / 2;
  for (int r = 0; r < args->num_rows; ++r) {
    const float* cosines = args->cosines + (ptrdiff_t)args->position_ids[r] * half;
    const float* sines = args->sines + (ptrdiff_t)args->position_ids[r] * half;
    for (int head = 0; head < args->num_heads; ++head) {
      float* x = args->x + r * args->x_stride + (ptrdiff_t)head * args->head_dim;
      for (int i = 0; i < half; i += kLanes) {
        const int lanes = half - i < kLanes ? half - i : kLanes;
        const Vec a = LoadPart(x + i, lanes, Zero()), b = LoadPart(x + half + i, lanes, Zero());
        const Vec c = LoadPart(cosines + i, lanes, Zero()), s = LoadPart(sines + i, lanes, Zero());
        StorePart(x + i, lanes, Fnma(b, s, Mul(a, c)));
        StorePart(x + half + i, lanes, Fma(a, s, Mul(b, c)));
      }
    }
  }
}

#define BANTAM_GATE_ROW(name, function)                                                  \
  BANTAM_INLINE void name(const float* gate, const float* up, float* out, int columns) { \
    for (int i = 0; i < columns; i += kLanes) {                                          \
      const int lanes = columns - i < kLanes ? columns - i : kLanes;                     \
      const Vec a = function(LoadPart(gate + i, lanes, Zero()));                         \
      StorePart(out + i, lanes, Mul(a, LoadPart(up + i, lanes, Zero())));                \
    }                                                                                    \
  }
BANTAM_INLINE Vec Same(Vec x) { return x; }
BANTAM_GATE_ROW(GateRow, Same)
BANTAM_GATE_ROW(GeluGateRow, Gelu)
BANTAM_GATE_ROW(GeluTanhGateRow, GeluTanh)
BANTAM_GATE_ROW(ReluGateRow, Relu)
BANTAM_GATE_ROW(SiluGateRow, Silu)
#undef BANTAM_GATE_ROW

void Gate(const struct GateArgs* args) {
  for (int r = 0; r < args->num_rows; ++r) {
    const float* gate = args->gate + r * args->gate_stride;
    const float* up = args->up + r * args->up_stride;
    float* out = args->out + r * args->out_stride;
    if (args->activation == kActivationNone) GateRow(gate, up, out, args->columns);
    if (args->activation == kActivationGelu) GeluGateRow(gate, up, out, args->columns);
    if (args->activation == kActivationGeluTanh) GeluTanhGateRow(gate, up, out, args->columns);
    if (args->activation == kActivationRelu) ReluGateRow(gate, up, out, args->columns);
    if (args->activation == kActivationSilu) SiluGateRow(gate, up, out, args->columns);
  }
}

}  // namespace
}  // namespace bantam
