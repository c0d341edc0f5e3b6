// AVX2 with AVX-VNNI, from Alder Lake and Zen 5 on. All but the int8 product comes from the avx2 level.
#include "kernels/install.h"
#define BANTAM_VPDPBUSD "%{vex%} vpdpbusd"
// In this order: each file uses what the ones before it define.
// clang-format off
#include "kernels/avx2/vec.inl"
#include "kernels/common/vec_math.inl"
#include "kernels/avx2vnni/int8_products.inl"
#include "kernels/common/gemm_int8.inl"
// clang-format on

namespace bantam {

void InstallAvx2Vnni(struct KernelTable* table) { table->gemm_int8 = GemmInt8; }

}  // namespace bantam
