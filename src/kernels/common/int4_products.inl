// int4 products without VNNI: vpmaddubsw cannot saturate on weights of -8 to 7, and its 16-bit sums hold a whole group:
// 255 * 8 * 2 * 8 steps = 32,640. The ISA brings the Wide... functions on its integer vector IVec and
// kInt4Rows, kInt4Vecs.

namespace bantam {
namespace {

const float kInt4WeightUnit = 1;

template <int kRows>
BANTAM_INLINE void Int4Products(const uint8_t* x, ptrdiff_t x_stride, const uint8_t* weights, const uint16_t* scales,
                                int groups, Vec (&acc)[kRows][kInt4Vecs]) {
  const IVec nibble = WideSet8(0x0f), eight = WideSet8(8), signs = WideSet8((char)0x88), ones = WideSet16(1);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) acc[r][v] = Zero();
  }
  for (int g = 0; g < groups; ++g, x += kInt4Group, scales += kPanelColumns) {
    IVec sums[kRows][kInt4Vecs];  // of 16 bits
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kInt4Vecs; ++v) sums[r][v] = WideSet16(0);
    }
#pragma GCC unroll 4
    for (int step = 0; step < kInt4Group / 8; ++step, weights += kPanelColumns * 4) {
      IVec low[kInt4Vecs], high[kInt4Vecs];
#pragma GCC unroll 2
      for (int v = 0; v < kInt4Vecs; ++v) {
        // With its sign bit turned over a nibble is the weight plus 8.
        const IVec both = WideXor(WideLoad(weights + 4 * kLanes * v), signs);
        low[v] = WideSub8(WideAnd(both, nibble), eight);
        high[v] = WideSub8(WideAnd(WideShiftRight4(both), nibble), eight);
      }
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        int32_t four[2];
        __builtin_memcpy(four, x + r * x_stride + step * 8, sizeof four);
        const IVec a = WideSet32(four[0]), b = WideSet32(four[1]);
#pragma GCC unroll 2
        for (int v = 0; v < kInt4Vecs; ++v) {
          sums[r][v] = WideAdd16(sums[r][v], WideAdd16(WideMaddBytes(a, low[v]), WideMaddBytes(b, high[v])));
        }
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < kInt4Vecs; ++v) {
      const Vec scale = LoadBf16(scales + v * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        acc[r][v] = Fma(WideToFloat(WideMadd16(sums[r][v], ones)), scale, acc[r][v]);
      }
    }
  }
}

}  // namespace
}  // namespace bantam
