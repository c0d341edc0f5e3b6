// A window in parts against the golden logits of it as a whole, of a model whose positions depend on its length.
#include "learn/decoder_pass.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "models/golden_data.h"

namespace bantam {
namespace {

TEST(DecoderPass, PartsHaveThePositionsOfTheWholeWindow) {
  const Path folder = "src/models/golden/decoders/phi3_longer";
  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(folder / "reference.safetensors"));
  const auto ids = testing::TensorValues<int32_t>(*file, "token_ids"),
             borders = testing::TensorValues<int32_t>(*file, "cu_seqlens");
  const auto logits = testing::TensorValues<float>(*file, "logits");
  ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModelFolder(folder));
  ASSERT_OK_AND_ASSIGN(const auto decoder,
                       LoadDecoder(model, {.weight_type = WeightType::kF32, .use_packed_files = false}));
  // The last one is longer than the original length.
  const int begin = borders[borders.size() - 2], length = borders.back() - begin;
  ASSERT_GT(length, decoder->original_positions());
  ThreadPool pool(1);
  ASSERT_OK_AND_ASSIGN(DecoderPass pass, DecoderPass::Create(*decoder, pool, length));
  const std::span<const int32_t> window = std::span(ids).subspan(static_cast<size_t>(begin));
  for (int at = 0; at < length;) {
    const int count = std::min(17, length - at);
    const std::span<const float> part =
        pass.Next(window.subspan(static_cast<size_t>(at), static_cast<size_t>(count)), at, count);
    const size_t first = static_cast<size_t>(begin + at) * static_cast<size_t>(decoder->vocab_size());
    for (size_t i = 0; i < part.size(); ++i) ASSERT_NEAR(part[i], logits[first + i], 1e-3) << "at " << at;
    at += count;
  }
}

}  // namespace
}  // namespace bantam
