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

// In rising order: a level may be used where all of its instructions run.
enum class Isa { kScalar, kAvx2, kAvx512, kAvx512Vnni, kAvx512Bf16 };

std::string_view IsaName(Isa isa);  // "scalar", "avx2", "avx512", "avx512vnni", "avx512bf16": the values of BANTAM_ISA

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
