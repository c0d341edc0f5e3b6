// A folder written as a GGUF file is the same model: the reference's logits, read back from the file.
#include "files/gguf_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/testing.h"
#include "models/decoder.h"
#include "models/golden_data.h"
#include "models/testing_cache.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using testing::TensorValues;
using testing::TestCache;

const Path kGolden = "src/models/golden/decoders";
constexpr int kBlocks = 3;

Status WriteAsGguf(const ModelFolder& model, const Path& path) {
  GgufWriter gguf;
  BANTAM_TRY(const std::vector<ExportedTensor> tensors, ExportToGguf(model, gguf));
  for (const ExportedTensor& tensor : tensors) gguf.Tensor(tensor.name, tensor.view.dtype, tensor.view.shape);
  return gguf.Write(path, [&](size_t i, std::span<std::byte> out) -> Status {
    std::memcpy(out.data(), tensors[i].view.bytes.data(), out.size());
    return Ok();
  });
}

class ExportedDecoder : public ::testing::TestWithParam<const char*> {};

TEST_P(ExportedDecoder, GivesTheReferencesLogits) {
  if (auto kernels = SelectKernels(); !kernels && kernels.error().code == ErrorCode::kUnsupported) {
    GTEST_SKIP() << kernels.error().message;
  }
  const Path folder = kGolden / GetParam();
  const testing::TempFolder temp;
  const Path path = temp / "exported.gguf";
  ASSERT_OK_AND_ASSIGN(const ModelFolder original, OpenModelFolder(folder));
  ASSERT_OK(WriteAsGguf(original, path));
  ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModelFolder(path));
  ASSERT_OK_AND_ASSIGN(const auto decoder, LoadDecoder(model, {.weight_type = WeightType::kF32}));

  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(folder / "reference.safetensors"));
  const auto ids = TensorValues<int32_t>(*file, "token_ids"), borders = TensorValues<int32_t>(*file, "cu_seqlens");
  const auto expected = TensorValues<float>(*file, "logits");
  std::vector<TestCache::Part> parts;
  for (size_t i = 0; i + 1 < borders.size(); ++i) {
    parts.push_back({static_cast<int>(i), {ids.begin() + borders[i], ids.begin() + borders[i + 1]}});
  }
  ThreadPool pool(1);
  TestCache cache(decoder->kv_shape(), static_cast<int>(parts.size()), kBlocks);
  const std::vector<float> logits = cache.Run(*decoder, parts, *decoder->NewWorkspace(), pool);
  ASSERT_EQ(logits.size(), expected.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    ASSERT_NEAR(logits[i], expected[i], 1e-4 + 1e-4 * std::abs(expected[i])) << "at " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExportedDecoder,
                         ::testing::Values("llama", "llama_wide", "qwen2_wide", "qwen3", "smollm3", "gemma", "gemma2",
                                           "olmo2", "granite"),
                         [](const auto& test) { return std::string(test.param); });

TEST(GgufExport, WhatAFileCannotSayIsRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {{"llama_tied", "llama3"},
                                                       {"qwen2", "yarn"},
                                                       {"mistral", "sliding_window"},
                                                       {"gpt2", "\"gpt2\" is not written"},
                                                       {"gemma3", "differ by layer"}};
  for (const auto& [name, why] : cases) {
    SCOPED_TRACE(name);
    ASSERT_OK_AND_ASSIGN(const ModelFolder model, OpenModelFolder(kGolden / name));
    GgufWriter gguf;
    const auto exported = ExportToGguf(model, gguf);
    ASSERT_FALSE(exported);
    EXPECT_THAT(exported.error().message, HasSubstr(why));
  }
}

}  // namespace
}  // namespace bantam
