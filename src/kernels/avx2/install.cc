// AVX2 with FMA. Bytes are widened to 16 bits and multiplied in pairs into 32 (vpmaddwd): vpmaddubsw would be quicker
// but saturates at 16 bits.
#include "kernels/install.h"
// In this order: each file uses what the ones before it define.
// clang-format off
#include "kernels/avx2/vec.inl"
#include "kernels/common/vec_math.inl"
#include "kernels/common/rows.inl"
#include "kernels/common/gemm_f32.inl"
#include "kernels/common/transpose_sse.inl"
#include "kernels/common/attention_mask.inl"
#include "kernels/common/attention.inl"
#include "kernels/common/gated.inl"
// clang-format on

namespace bantam {
namespace {

typedef __m256i IVec;
#define BANTAM_INT8_ROWS 2
const int kInt8Rows = BANTAM_INT8_ROWS, kInt8Vecs = 2;  // 8 accumulators of pair sums, 4 weights

BANTAM_INLINE Vec SumsToFloat(IVec sums, const float*) { return _mm256_cvtepi32_ps(sums); }

template <int kRows>
BANTAM_INLINE void Int8Products(const uint8_t* x, ptrdiff_t x_stride, const int8_t* weights, int groups,
                                IVec (&out)[kRows][kInt8Vecs]) {
  // Two neighbouring sums per column: (k0, k1) and (k2, k3) of each group of four.
  __m256i acc[kRows][4];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) acc[r][j] = _mm256_setzero_si256();
  }
  for (int g = 0; g < groups; ++g, weights += kPanelColumns * kInt8KGroup) {
    __m256i w[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) w[j] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(weights + 16 * j)));
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      __builtin_memcpy(&four, x + r * x_stride + g * kInt8KGroup, sizeof four);
      const __m256i a = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) acc[r][j] = _mm256_add_epi32(acc[r][j], _mm256_madd_epi16(a, w[j]));
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kInt8Vecs; ++v) {
      // hadd works within 128-bit halves: columns 0 1 4 5 | 2 3 6 7 come out, the permutation orders them.
      out[r][v] = _mm256_permute4x64_epi64(_mm256_hadd_epi32(acc[r][2 * v], acc[r][2 * v + 1]), 0xd8);
    }
  }
}

}  // namespace
}  // namespace bantam

#include "kernels/common/gemm_int8.inl"

namespace bantam {

void InstallAvx2(struct KernelTable* table) {
  table->gemm_f32 = GemmF32;
  table->gemm_int8 = GemmInt8;
  table->quantize = Quantize;
  table->layer_norm = LayerNorm;
  table->attention = Attention;
  table->attention_approximate = Attention;
  table->embedding = Embedding;
  table->activate = Activate;
  table->softmax = Softmax;
  table->rms_norm = RmsNorm;
  table->rope = Rope;
  table->gate = Gate;
}

}  // namespace bantam
