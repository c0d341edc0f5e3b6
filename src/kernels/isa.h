// Which instruction set the kernels use. Detected once from the CPU and the operating system; BANTAM_ISA forces a
// level.
//
//   BANTAM_TRY(const Kernels* kernels, SelectKernels());
//   kernels->table.gemm_f32(&args);
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernels/kernel_table.h"

namespace bantam {

// In rising order for each architecture: a level may be used where all of its instructions run.
enum class Isa { kScalar, kAvx2, kAvx2Vnni, kAvx512, kAvx512Vnni, kAvx512Bf16, kNeon, kNeonDot, kNeonI8mm };

// The values of BANTAM_ISA: "scalar"; on x86-64 "avx2", "avx2vnni", "avx512", "avx512vnni", "avx512bf16"; on aarch64
// "neon", "neondot", "neoni8mm".
std::string_view IsaName(Isa isa);

struct IsaInfo {
  Isa isa;
  bool compiled;   // in this binary
  bool supported;  // by this CPU and its operating system
};
std::vector<IsaInfo> ListIsas();

struct Kernels {
  Isa isa = Isa::kScalar;
  KernelTable table{};
};

// The best level, or the one that BANTAM_ISA names. Chosen at the first call, the same for the whole process; any
// thread. kInvalidArgument for an unknown name, kUnsupported for a level that cannot run here; both list what can.
Result<const Kernels*> SelectKernels();

// One level by name or value, without looking at the environment: for tests and benchmarks.
Result<Isa> ParseIsa(std::string_view name);
Result<Kernels> KernelsFor(Isa isa);

}  // namespace bantam
