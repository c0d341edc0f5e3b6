#include <cstdlib>

#include "base/text_util.h"
#include "kernels/cpu_features.h"
#include "kernels/install.h"
#include "kernels/isa.h"

namespace bantam {
namespace {

struct Level {
  Isa isa;
  std::string_view name;
  bool CpuFeatures::* needs;             // null: runs everywhere
  void (*install)(struct KernelTable*);  // null: not in this binary
};

#if defined(BANTAM_X86_KERNELS)
#define BANTAM_IF_X86(function) function
#else
#define BANTAM_IF_X86(function) nullptr
#endif
#if defined(BANTAM_AARCH64_KERNELS)
#define BANTAM_IF_AARCH64(function) function
#else
#define BANTAM_IF_AARCH64(function) nullptr
#endif

// In rising order: each level starts from the table of the levels before it that run here too.
constexpr Level kLevels[] = {
    {Isa::kScalar, "scalar", nullptr, InstallScalar},
    {Isa::kAvx2, "avx2", &CpuFeatures::avx2_fma, BANTAM_IF_X86(InstallAvx2)},
    {Isa::kAvx2Vnni, "avx2vnni", &CpuFeatures::avx2_vnni, BANTAM_IF_X86(InstallAvx2Vnni)},
    {Isa::kAvx512, "avx512", &CpuFeatures::avx512, BANTAM_IF_X86(InstallAvx512)},
    {Isa::kAvx512Vnni, "avx512vnni", &CpuFeatures::avx512_vnni, BANTAM_IF_X86(InstallAvx512Vnni)},
    {Isa::kAvx512Bf16, "avx512bf16", &CpuFeatures::avx512_bf16, BANTAM_IF_X86(InstallAvx512Bf16)},
    {Isa::kNeon, "neon", &CpuFeatures::neon, BANTAM_IF_AARCH64(InstallNeon)},
    {Isa::kNeonDot, "neondot", &CpuFeatures::neon_dot, BANTAM_IF_AARCH64(InstallNeonDot)},
    {Isa::kNeonI8mm, "neoni8mm", &CpuFeatures::neon_i8mm, BANTAM_IF_AARCH64(InstallNeonI8mm)},
};

bool Supported(const Level& level) {
  static const CpuFeatures features = DetectCpuFeatures();
  return level.needs == nullptr || features.*level.needs;
}

bool Usable(const Level& level) { return level.install != nullptr && Supported(level); }

std::string JoinNames(bool usable_only) {
  std::string names;
  for (const Level& level : kLevels) {
    if (usable_only && !Usable(level)) continue;
    if (!names.empty()) names += ", ";
    names += level.name;
  }
  return names;
}

Result<Kernels> Select() {
  const char* forced = std::getenv("BANTAM_ISA");
  if (forced != nullptr && *forced != '\0') {
    auto isa = ParseIsa(forced);
    if (!isa) {
      return Err(isa.error().code, "BANTAM_ISA: {}", isa.error().message);
    }
    auto kernels = KernelsFor(*isa);
    if (!kernels) return Err(kernels.error().code, "BANTAM_ISA: {}", kernels.error().message);
    return kernels;
  }
  Isa best = Isa::kScalar;
  for (const Level& level : kLevels) {
    if (Usable(level)) best = level.isa;
  }
  return KernelsFor(best);
}

}  // namespace

std::string_view IsaName(Isa isa) { return kLevels[static_cast<int>(isa)].name; }

std::vector<IsaInfo> ListIsas() {
  std::vector<IsaInfo> infos;
  for (const Level& level : kLevels) infos.push_back({level.isa, level.install != nullptr, Supported(level)});
  return infos;
}

Result<Isa> ParseIsa(std::string_view name) {
  for (const Level& level : kLevels) {
    if (level.name == name) return level.isa;
  }
  return Err(ErrorCode::kInvalidArgument, "unknown ISA level \"{}\"; known: {}; usable here: {}",
             EscapeForTerminal(name), JoinNames(false), JoinNames(true));
}

Result<Kernels> KernelsFor(Isa isa) {
  const Level& wanted = kLevels[static_cast<int>(isa)];
  if (wanted.install == nullptr) {
    return Err(ErrorCode::kUnsupported, "ISA level \"{}\" was not compiled into this binary; usable here: {}",
               wanted.name, JoinNames(true));
  }
  if (!Supported(wanted)) {
    return Err(ErrorCode::kUnsupported, "ISA level \"{}\" does not run on this processor; usable here: {}", wanted.name,
               JoinNames(true));
  }
  Kernels kernels;
  kernels.isa = isa;
  for (const Level& level : kLevels) {
    if (level.isa <= isa && Usable(level)) level.install(&kernels.table);
  }
  return kernels;
}

Result<const Kernels*> SelectKernels() {
  static Result<Kernels> selected = Select();  // not const: encoder_bench puts clocks around the kernels
  if (!selected) return Error(selected.error());
  return &*selected;
}

}  // namespace bantam
