// Like avx2vnni/install.cc but for the encoding.
#include "kernels/install.h"
#define BANTAM_VPDPBUSD "%{evex%} vpdpbusd"
// In this order: each file uses what the ones before it define.
// clang-format off
#include "kernels/avx2/vec.inl"
#include "kernels/common/vec_math.inl"
#include "kernels/avx2vnni/int8_products.inl"
#include "kernels/common/gemm_int8.inl"
// clang-format on

namespace bantam::testing {

void InstallAvx2VnniAsEvex(struct KernelTable* table);  // testing/avx2vnni.h
void InstallAvx2VnniAsEvex(struct KernelTable* table) { table->gemm_int8 = GemmInt8; }

}  // namespace bantam::testing
