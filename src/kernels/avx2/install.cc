// AVX2 with FMA. vpmaddubsw adds two products of unsigned and signed bytes in 16 bits, where 255 * 127 * 2 would
// saturate: it gets the activations' distance from 128, at most 128 * 127 * 2 = 32,512 a pair, with the sign moved to
// the weights.
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
#include "kernels/common/kv_cache.inl"
#include "kernels/common/paged_attention.inl"
#include "kernels/common/gated.inl"
#include "kernels/common/install_all.inl"
// clang-format on

namespace bantam {
namespace {

typedef __m256i IVec;
#define BANTAM_INT8_ROWS 3
const int kInt8Rows = BANTAM_INT8_ROWS, kInt8Vecs = 4;  // 12 accumulators, two of activations, a weight and a product

// The products are of activations less 128: 128 times the weights' sum comes back here, still in integers.
BANTAM_INLINE Vec SumsToFloat(IVec sums, const float* weight_sum) {
  const __m256i weights = _mm256_cvtps_epi32(_mm256_loadu_ps(weight_sum));
  return _mm256_cvtepi32_ps(_mm256_add_epi32(sums, _mm256_slli_epi32(weights, 7)));
}

template <int kRows>
BANTAM_INLINE void Int8Products(const uint8_t* x, ptrdiff_t x_stride, const int8_t* weights, int groups,
                                IVec (&acc)[kRows][kInt8Vecs]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kInt8Vecs; ++v) acc[r][v] = _mm256_setzero_si256();
  }
  const __m256i flip = _mm256_set1_epi8(-128), ones = _mm256_set1_epi16(1);
  for (int g = 0; g < groups; ++g, weights += kPanelColumns * kInt8KGroup) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t four;
      __builtin_memcpy(&four, x + r * x_stride + g * kInt8KGroup, sizeof four);
      const __m256i a = _mm256_xor_si256(_mm256_set1_epi32(four), flip);  // less 128
      const __m256i size = _mm256_abs_epi8(a);
#pragma GCC unroll 4
      for (int v = 0; v < kInt8Vecs; ++v) {
        const __m256i w = _mm256_sign_epi8(_mm256_loadu_si256((const __m256i*)(weights + 32 * v)), a);
        acc[r][v] = _mm256_add_epi32(acc[r][v], _mm256_madd_epi16(_mm256_maddubs_epi16(size, w), ones));
      }
    }
  }
}

#define BANTAM_INT4_ROWS 2
const int kInt4Rows = BANTAM_INT4_ROWS, kInt4Vecs = 2;

BANTAM_INLINE Vec WideToFloat(IVec x) { return _mm256_cvtepi32_ps(x); }
BANTAM_INLINE IVec WideLoad(const uint8_t* p) { return _mm256_loadu_si256((const __m256i*)p); }
BANTAM_INLINE IVec WideSet8(char x) { return _mm256_set1_epi8(x); }
BANTAM_INLINE IVec WideSet16(short x) { return _mm256_set1_epi16(x); }
BANTAM_INLINE IVec WideSet32(int32_t x) { return _mm256_set1_epi32(x); }
BANTAM_INLINE IVec WideXor(IVec a, IVec b) { return _mm256_xor_si256(a, b); }
BANTAM_INLINE IVec WideAnd(IVec a, IVec b) { return _mm256_and_si256(a, b); }
BANTAM_INLINE IVec WideSub8(IVec a, IVec b) { return _mm256_sub_epi8(a, b); }
BANTAM_INLINE IVec WideAdd16(IVec a, IVec b) { return _mm256_add_epi16(a, b); }
BANTAM_INLINE IVec WideShiftRight4(IVec a) { return _mm256_srli_epi16(a, 4); }
BANTAM_INLINE IVec WideMaddBytes(IVec a, IVec b) { return _mm256_maddubs_epi16(a, b); }
BANTAM_INLINE IVec WideMadd16(IVec a, IVec b) { return _mm256_madd_epi16(a, b); }

}  // namespace
}  // namespace bantam

#include "kernels/common/int4_products.inl"

// After the products that it calls.
#include "kernels/common/gemm_int4.inl"
#include "kernels/common/gemm_int8.inl"
// clang-format off
#include "kernels/avx2/blocks.inl"
#include "kernels/common/block_levels.inl"
#include "kernels/common/block_scales.inl"
#include "kernels/common/gemm_blocks.inl"
// clang-format on

namespace bantam {

void InstallAvx2(struct KernelTable* table) {
  InstallAllInFloats(table);
  table->gemm_int8 = GemmInt8;
  table->gemm_int4 = GemmInt4;
  table->quantize_blocks = QuantizeBlocks;
  table->gemm_blocks = GemmBlocks;
}

}  // namespace bantam
