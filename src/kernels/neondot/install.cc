// NEON with dot products: sdot multiplies four signed bytes by four and adds them to a 32-bit lane. The mixed-sign form
// comes with i8mm only, so the activations are made signed. All else comes from the neon level.
#include "kernels/install.h"
// In this order: each file uses what the ones before it define.
// clang-format off
#include "kernels/neon/vec.inl"
#include "kernels/common/vec_math.inl"
#include "kernels/neon/signed_bytes.inl"
// clang-format on

namespace bantam {
namespace {

#define BANTAM_INT8_ROWS 6
const int kInt8Rows = BANTAM_INT8_ROWS, kInt8Vecs = 2;  // 12 accumulators, 2 weights, 6 rows of 16 activations

// One group of four k for kInt8Vecs vectors of columns; the activations lie in lane kLane of a[r].
template <int kLane, int kRows>
BANTAM_INLINE void DotGroup(const int8x16_t (&a)[kRows], const int8_t* weights, IVec (&acc)[kRows][kInt8Vecs]) {
  int8x16_t w[kInt8Vecs];
#pragma GCC unroll 2
  for (int v = 0; v < kInt8Vecs; ++v) w[v] = vld1q_s8(weights + 16 * v);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = vdotq_laneq_s32(acc[r][v], w[v], a[r], kLane);
  }
}

// Four groups at once: one load and one change of sign serve four steps, whose activations sdot takes by lane.
template <int kRows>
BANTAM_INLINE void Int8Products(const uint8_t* x, ptrdiff_t x_stride, const int8_t* weights, int groups,
                                IVec (&acc)[kRows][kInt8Vecs]) {
  const int kStep = kPanelColumns * kInt8KGroup;
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = vdupq_n_s32(0);
  }
  int g = 0;
  for (; g + 4 <= groups; g += 4, weights += 4 * kStep) {
    int8x16_t a[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) a[r] = ToSigned(vld1q_u8(x + r * x_stride + g * kInt8KGroup));
    DotGroup<0>(a, weights, acc);
    DotGroup<1>(a, weights + kStep, acc);
    DotGroup<2>(a, weights + 2 * kStep, acc);
    DotGroup<3>(a, weights + 3 * kStep, acc);
  }
  for (; g < groups; ++g, weights += kStep) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      uint32_t four;
      __builtin_memcpy(&four, x + r * x_stride + g * kInt8KGroup, sizeof four);
      const int8x16_t a = ToSigned(vreinterpretq_u8_u32(vdupq_n_u32(four)));
#pragma GCC unroll 2
      for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = vdotq_s32(acc[r][v], vld1q_s8(weights + 16 * v), a);
    }
  }
}

}  // namespace
}  // namespace bantam

#include "kernels/common/gemm_int8.inl"

namespace bantam {

void InstallNeonDot(struct KernelTable* table) { table->gemm_int8 = GemmInt8; }

}  // namespace bantam
