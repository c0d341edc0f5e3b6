#include "kernels/testing/every_isa.h"

#include "kernels/install.h"
#if defined(BANTAM_X86_KERNELS)
#include "kernels/testing/avx2vnni.h"
#endif

namespace bantam::testing {

std::vector<float> Normal(std::mt19937& random, size_t size, float deviation) {
  std::normal_distribution<float> distribution(0, deviation);
  std::vector<float> values(size);
  for (float& x : values) x = distribution(random);
  return values;
}

std::vector<uint8_t> Bytes(std::mt19937& random, size_t size) {
  std::vector<uint8_t> values(size);
  for (uint8_t& x : values) x = static_cast<uint8_t>(random());
  return values;
}

[[maybe_unused]] const char kAsEvex[] = "avx2vnni_as_evex";

std::vector<std::string> AllLevels() {
  std::vector<std::string> names;
  for (const IsaInfo& info : ListIsas()) {
    if (info.compiled) names.emplace_back(IsaName(info.isa));
  }
#if defined(BANTAM_X86_KERNELS)
  names.insert(names.end(), {kAsEvex, kEmulated});
#endif
  return names;
}

Result<KernelTable> TableOf(const std::string& level) {
#if defined(BANTAM_X86_KERNELS)
  if (level == kAsEvex || level == kEmulated) {
    BANTAM_TRY(Kernels kernels, KernelsFor(Isa::kAvx2));
    if (level == kAsEvex) {
      BANTAM_TRY([[maybe_unused]] const Kernels needed, KernelsFor(Isa::kAvx512Vnni));
      InstallAvx2VnniAsEvex(&kernels.table);
    } else if (KernelsFor(Isa::kAvx2Vnni)) {
      return Err(ErrorCode::kUnsupported, "this processor has AVX-VNNI itself");
    } else if (!EmulateVexVpdpbusd()) {
      return Err(ErrorCode::kUnsupported, "signals do not hand over the vector registers here");
    } else {
      InstallAvx2Vnni(&kernels.table);
    }
    return kernels.table;
  }
#endif
  BANTAM_TRY(const Isa isa, ParseIsa(level));
  BANTAM_TRY(const Kernels kernels, KernelsFor(isa));
  return kernels.table;
}

void EveryIsa::SetUp() {
  auto table = TableOf(GetParam());
  if (!table && table.error().code == ErrorCode::kUnsupported) GTEST_SKIP() << table.error().message;
  ASSERT_TRUE(table.has_value()) << table.error().message;
  isa_ = *table;
  scalar_ = KernelsFor(Isa::kScalar)->table;
}

}  // namespace bantam::testing
