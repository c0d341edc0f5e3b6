// exp and the activations over Vec. Coefficients: fit_polynomials.py; errors are measured by rows_test.cc.

namespace bantam {
namespace {

// Relative error 1.2e-7 on [-87.3, 88.7]; 0 below -104, and arguments above 88.7 count as 88.7.
BANTAM_INLINE Vec Exp(Vec x) {
  x = Min(Max(x, Set(-104.0f)), Set(88.7f));
  const Vec n = Round(Mul(x, Set(1.44269504f)));
  // ln 2 in two parts: the first has few enough bits that n times it is exact.
  Vec r = Fnma(n, Set(0.693359375f), x);
  r = Fnma(n, Set(-2.12194440e-4f), r);
  Vec p = Set(0.00139504788f);
  p = Fma(p, r, Set(0.00836888235f));
  p = Fma(p, r, Set(0.041666206f));
  p = Fma(p, r, Set(0.166665196f));
  p = Fma(p, r, Set(0.5f));
  p = Fma(p, Mul(r, r), r);
  return ScalePow2(Add(p, Set(1.0f)), n);
}

// gelu(x) = x Phi(x) = max(x, 0) - |x| Q(|x|), Q the upper tail of the normal distribution. Q keeps its relative
// precision, so small results for negative x are right too, where 0.5 x (1 + erf) would cancel.
BANTAM_INLINE Vec Gelu(Vec x) {
  const Vec a = Abs(x);
  const Vec t = Div(Set(1.0f), Fma(a, Set(0.4f), Set(1.0f)));
  Vec p = Set(0.0319654569f);
  p = Fma(p, t, Set(-0.175461859f));
  p = Fma(p, t, Set(0.379125178f));
  p = Fma(p, t, Set(-0.36978963f));
  p = Fma(p, t, Set(0.115964033f));
  p = Fma(p, t, Set(-0.0249578301f));
  p = Fma(p, t, Set(0.0906916261f));
  p = Fma(p, t, Set(0.133274511f));
  p = Fma(p, t, Set(0.159611866f));
  p = Fma(p, t, Set(0.159576654f));
  const Vec tail = Mul(Exp(Mul(Mul(a, a), Set(-0.5f))), Mul(p, t));
  return Fnma(a, tail, Max(x, Zero()));
}

// Within 2e-4 of gelu: Phi - 0.5 as an odd polynomial, exactly 0.5 at the clamp, so that x or 0 comes out beyond it.
BANTAM_INLINE Vec GeluFast(Vec x) {
  const Vec c = ClampAbs(x, Set(4.0f));
  const Vec u = Mul(c, c);
  Vec p = Set(2.25882051e-08f);
  p = Fma(p, u, Set(-1.58882699e-06f));
  p = Fma(p, u, Set(4.7763886e-05f));
  p = Fma(p, u, Set(-0.000812187442f));
  p = Fma(p, u, Set(0.00876369141f));
  p = Fma(p, u, Set(-0.0645544156f));
  p = Fma(p, u, Set(0.397870272f));
  return Mul(x, Fma(p, c, Set(0.5f)));
}

// 0.5 x (1 + tanh z) = x / (1 + exp(-2 z)), z = sqrt(2/pi) (x + 0.044715 x^3)
BANTAM_INLINE Vec GeluTanh(Vec x) {
  const Vec z = Mul(x, Fma(Mul(x, x), Set(0.044715f), Set(1.0f)));
  return Div(x, Add(Set(1.0f), Exp(Mul(z, Set(-2.0f * 0.79788456f)))));
}

BANTAM_INLINE Vec Relu(Vec x) { return Max(x, Zero()); }

// x / (1 + exp(-x)); Exp's upper bound keeps the divisor finite.
BANTAM_INLINE Vec Silu(Vec x) { return Div(x, Add(Set(1.0f), Exp(Sub(Zero(), x)))); }

// `function` over a block of rows in place. Apart from the products' loops, which keep their accumulators in registers.
#define BANTAM_ACTIVATE_BLOCK(name, function)                                                             \
  __attribute__((noinline)) void name(float* x, ptrdiff_t stride, int rows, int columns) {                \
    for (int r = 0; r < rows; ++r) {                                                                      \
      float* row = x + r * stride;                                                                        \
      int i = 0;                                                                                          \
      for (; i + 4 * kLanes <= columns; i += 4 * kLanes) {                                                \
        const Vec a = function(Load(row + i)), b = function(Load(row + i + kLanes));                      \
        const Vec c = function(Load(row + i + 2 * kLanes)), d = function(Load(row + i + 3 * kLanes));     \
        Store(row + i, a);                                                                                \
        Store(row + i + kLanes, b);                                                                       \
        Store(row + i + 2 * kLanes, c);                                                                   \
        Store(row + i + 3 * kLanes, d);                                                                   \
      }                                                                                                   \
      for (; i + kLanes <= columns; i += kLanes) Store(row + i, function(Load(row + i)));                 \
      if (i < columns) StorePart(row + i, columns - i, function(LoadPart(row + i, columns - i, Zero()))); \
    }                                                                                                     \
  }
BANTAM_ACTIVATE_BLOCK(GeluBlock, Gelu)
BANTAM_ACTIVATE_BLOCK(GeluFastBlock, GeluFast)
BANTAM_ACTIVATE_BLOCK(GeluTanhBlock, GeluTanh)
BANTAM_ACTIVATE_BLOCK(ReluBlock, Relu)
BANTAM_ACTIVATE_BLOCK(SiluBlock, Silu)
#undef BANTAM_ACTIVATE_BLOCK

BANTAM_INLINE void ActivateBlock(float* x, ptrdiff_t stride, int rows, int columns, enum Activation activation) {
  if (activation == kActivationGelu) GeluBlock(x, stride, rows, columns);
  if (activation == kActivationGeluTanh) GeluTanhBlock(x, stride, rows, columns);
  if (activation == kActivationRelu) ReluBlock(x, stride, rows, columns);
  if (activation == kActivationSilu) SiluBlock(x, stride, rows, columns);
}

void Activate(const float* x, float* out, int count, enum Activation activation) {
  for (int i = 0; i < count; ++i) out[i] = x[i];
  ActivateBlock(out, count, 1, count, activation);
}

}  // namespace
}  // namespace bantam
