// AVX-512 with BF16, VNNI and VBMI: vdpbf16ps multiplies pairs of bfloat16 and adds them to a f32 lane, at twice the
// rate of f32. Only attention_approximate uses it: bfloat16 keeps 8 bits, about what the bytes around it keep. All else
// comes from the avx512vnni level.
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
#include "kernels/avx512bf16/attention.inl"
// clang-format on

namespace bantam {

void InstallAvx512Bf16(struct KernelTable* table) { table->attention_approximate = AttentionBf16; }

}  // namespace bantam
