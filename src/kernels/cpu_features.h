// What this CPU can run and the operating system keeps across a context switch.
#pragma once

namespace bantam {

struct CpuFeatures {
  bool avx2_fma = false;     // AVX2 and FMA, ymm state saved
  bool avx512 = false;       // AVX-512 F, BW, VL and DQ, zmm state saved
  bool avx512_vnni = false;  // and VNNI
  bool avx512_bf16 = false;  // and BF16 and VBMI
};

CpuFeatures DetectCpuFeatures();

}  // namespace bantam
