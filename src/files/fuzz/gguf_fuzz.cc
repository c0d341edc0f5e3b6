// The fuzz target of the GGUF reader. With clang: cmake -DBANTAM_FUZZ=ON builds it as a libFuzzer program,
//   build/.../gguf_fuzz src/files/fuzz/gguf_corpus
// With any compiler the tests run it over the committed corpus and over seeded mutations (gguf_fuzz_test.cc).
#include "files/fuzz/gguf_fuzz.h"

#include <algorithm>
#include <span>
#include <vector>

#include "base/check.h"
#include "files/fuzz/gguf_mutator.h"
#include "files/gguf.h"
#include "files/gguf_names.h"
#include "files/gguf_vocab.h"

namespace bantam {
namespace {

void UseMetadata(const GgufMetadata& metadata) {
  // Whatever the type is, asking for another is an error and nothing worse.
  for (const auto& [key, value] : metadata.all()) {
    (void)metadata.Int(key, INT64_MIN, INT64_MAX).has_value();
    (void)metadata.Number(key, -1e30, 1e30).has_value();
    (void)metadata.Bool(key).has_value();
    (void)metadata.String(key).has_value();
    (void)metadata.Floats(key).has_value();
    (void)metadata.Ints(key).has_value();
    (void)metadata.Bytes(key).has_value();
    (void)metadata.IntPerLayer(key, 3, 0, 100).has_value();
    uint64_t covered = 0;
    if (const auto strings = metadata.Strings(key)) {
      for (const std::string_view text : *strings) covered += text.size();
    }
    BANTAM_CHECK(covered <= value.bytes.size());
  }
  (void)ReadGgufVocab(metadata).has_value();
}

void UseTensors(std::span<const std::byte> bytes, const GgufHeader& header) {
  uint64_t covered = 0;
  std::vector<float> values;
  for (const GgufTensorEntry& entry : header.tensors) {
    const auto begin = static_cast<size_t>(entry.begin), end = static_cast<size_t>(entry.end);
    const TensorView view{entry.dtype, entry.shape, bytes.subspan(begin, end - begin)};
    covered += view.bytes.size();
    const auto elements = static_cast<size_t>(NumElements(view.shape));
    BANTAM_CHECK(RowBytes(view.dtype, elements) == view.bytes.size());
    for (const bool types : {false, true}) (void)OriginalName(*FindGgufArchitecture("bert", types), entry.name);
    if (!IsReal(view.dtype)) continue;
    values.resize(elements);
    CopyToF32(view, values);
  }
  BANTAM_CHECK(covered <= bytes.size());
}

}  // namespace

int RunGgufFuzz(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto header = ParseGguf(bytes, "fuzz");
  if (!header) return -1;
  UseMetadata(GgufMetadata(header->metadata, "fuzz"));
  UseTensors(bytes, *header);
  return 0;
}

}  // namespace bantam

#ifdef BANTAM_FUZZ_TARGET  // the tests have several of these in one program
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return bantam::RunGgufFuzz(data, size); }

// Half of the time what the bytes mean, else whatever libFuzzer does.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::mt19937 random(seed);
  const std::string changed = bantam::MutateGguf({reinterpret_cast<const char*>(data), size}, random);
  size = std::min(changed.size(), max_size);
  std::copy_n(changed.begin(), size, data);
  return size;
}
#endif
