#include "kernels/cpu_features.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace bantam {

#if defined(__x86_64__)

namespace {

// XCR0: which register states the operating system saves. Only valid when CPUID says OSXSAVE.
uint64_t ReadXcr0() {
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

}  // namespace

CpuFeatures DetectCpuFeatures() {
  CpuFeatures features;
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return features;
  const bool osxsave = (ecx & bit_OSXSAVE) != 0, avx = (ecx & bit_AVX) != 0, fma = (ecx & bit_FMA) != 0,
             f16c = (ecx & bit_F16C) != 0;
  if (!osxsave || !avx) return features;
  const uint64_t xcr0 = ReadXcr0();
  const bool ymm_saved = (xcr0 & 0x6) == 0x6;    // SSE and AVX state
  const bool zmm_saved = (xcr0 & 0xe6) == 0xe6;  // and opmask, upper halves, upper registers
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return features;
  features.avx2_fma = ymm_saved && fma && f16c && (ebx & bit_AVX2) != 0;
  constexpr uint32_t kAvx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
  features.avx512 = features.avx2_fma && zmm_saved && (ebx & kAvx512) == kAvx512;
  features.avx512_vnni = features.avx512 && (ecx & bit_AVX512VNNI) != 0;
  const bool vbmi = (ecx & bit_AVX512VBMI) != 0;
  if (eax >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) {
    features.avx2_vnni = features.avx2_fma && (eax & bit_AVXVNNI) != 0;
    features.avx512_bf16 = features.avx512_vnni && vbmi && (eax & bit_AVX512BF16) != 0;
  }
  return features;
}

#elif defined(__aarch64__)

CpuFeatures DetectCpuFeatures() {
  CpuFeatures features;
  features.neon = true;
#if defined(__linux__)
  // The kernel's word: user space may not read the identification registers everywhere.
  features.neon_dot = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  features.neon_i8mm = features.neon_dot && (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
#endif
  return features;
}

#else

CpuFeatures DetectCpuFeatures() { return {}; }

#endif

}  // namespace bantam
