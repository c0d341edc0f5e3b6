// The fuzz target of the weight reader. With clang: cmake -DBANTAM_FUZZ=ON builds it as a libFuzzer program,
//   build/.../safetensors_fuzz src/files/fuzz/corpus
// With any compiler the tests run it over the committed corpus and over seeded mutations (safetensors_fuzz_test.cc).
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.h"
#include "files/safetensors.h"
#include "files/weight_files.h"

namespace {

// What a loader does with an accepted file: reads every byte of every tensor.
void Use(std::span<const std::byte> bytes, const bantam::SafetensorsHeader& header) {
  uint64_t covered = 0;
  for (const auto& entry : header.tensors) {
    const bantam::TensorView view{entry.dtype, entry.shape, bytes.subspan(entry.begin, entry.end - entry.begin)};
    covered += view.bytes.size();
    const auto elements = static_cast<size_t>(bantam::NumElements(view.shape));
    BANTAM_CHECK(elements * bantam::DTypeBytes(view.dtype) == view.bytes.size());
    using enum bantam::DType;
    if (view.dtype == kF32 || view.dtype == kF16 || view.dtype == kBF16 || view.dtype == kF64) {
      std::vector<float> values(elements);
      bantam::CopyToF32(view, values);
    }
  }
  BANTAM_CHECK(covered <= bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto header = bantam::ParseSafetensors(bytes, "fuzz");
  if (header) Use(bytes, *header);
  const auto index = bantam::ParseSafetensorsIndex({reinterpret_cast<const char*>(data), size}, "fuzz");
  return index.has_value() || header.has_value() ? 0 : -1;
}
