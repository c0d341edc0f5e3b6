// What this CPU can run and the operating system keeps across a context switch.
#pragma once

namespace bantam {

struct CpuFeatures {
  bool avx2_fma = false;     // AVX2 and FMA, ymm state saved
  bool avx2_vnni = false;    // and VNNI in its VEX encoding (AVX-VNNI)
  bool avx512 = false;       // AVX-512 F, BW, VL and DQ, zmm state saved
  bool avx512_vnni = false;  // AVX-512 as above and VNNI
  bool avx512_bf16 = false;  // and BF16 and VBMI
  bool neon = false;         // what every aarch64 processor has
  bool neon_dot = false;     // and sdot, udot
  bool neon_i8mm = false;    // and smmla, usmmla
};

CpuFeatures DetectCpuFeatures();

}  // namespace bantam
