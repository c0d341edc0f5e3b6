// AVX-512 with BF16, VNNI and VBMI: vdpbf16ps multiplies pairs of bfloat16 and adds them to a f32 lane, at twice the
// rate of f32. attention_approximate uses it, and paged_attention over a cache that holds bfloat16: it keeps 8 bits,
// about what the bytes around it keep. All else comes from the avx512vnni level.
#include "kernels/install.h"
// In this order: each file uses what the ones before it define.
// clang-format off
#include "kernels/avx512/vec.inl"
#include "kernels/common/vec_math.inl"
#include "kernels/common/rows.inl"
#include "kernels/common/gemm_f32.inl"
#include "kernels/common/transpose_sse.inl"
#include "kernels/common/attention_mask.inl"
#include "kernels/common/attention.inl"
#include "kernels/common/kv_cache.inl"
#include "kernels/common/paged_attention.inl"
#include "kernels/avx512bf16/pairs.inl"
#include "kernels/avx512bf16/attention.inl"
#include "kernels/avx512bf16/paged_attention.inl"
// clang-format on

namespace bantam {

void InstallAvx512Bf16(struct KernelTable* table) {
  table->attention_approximate = AttentionBf16;
  table->paged_attention = PagedAttentionBf16;
}

}  // namespace bantam
