// What attention.inl needs beside Vec, for every x86 level.

namespace bantam {
namespace {

// out[j, i] = x[i, j] for i, j < 4.
BANTAM_INLINE void Transpose4x4(const float* x, ptrdiff_t x_stride, float* out, ptrdiff_t out_stride) {
  __m128 a = _mm_loadu_ps(x), b = _mm_loadu_ps(x + x_stride);
  __m128 c = _mm_loadu_ps(x + 2 * x_stride), d = _mm_loadu_ps(x + 3 * x_stride);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(out, a);
  _mm_storeu_ps(out + out_stride, b);
  _mm_storeu_ps(out + 2 * out_stride, c);
  _mm_storeu_ps(out + 3 * out_stride, d);
}

}  // namespace
}  // namespace bantam
