// The greedy texts of golden checkpoints through the loop, many at once: of decoders whose positions change as a text
// grows, and of models with an encoder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/aligned_buffer.h"
#include "base/testing.h"
#include "engine/generation_loop.h"
#include "models/golden_data.h"

namespace bantam {
namespace {

using testing::TensorValues;

constexpr size_t kTokens = 64;

class Text final : public GenerationListener {
 public:
  bool OnToken(const TokenChoice& token) override {
    ids.push_back(token.id);
    return true;
  }
  void OnDone(const Result<GenerationSummary>& summary) override { EXPECT_OK(summary); }
  std::vector<int32_t> ids;
};

class GoldenTexts : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenTexts, AreThoseOfTheReference) {
  const Path folder = Path("src/models/golden") / GetParam();
  ASSERT_OK_AND_ASSIGN(const auto file, SafetensorsFile::Open(folder / "reference.safetensors"));
  const auto ids = TensorValues<int32_t>(*file, "token_ids"), borders = TensorValues<int32_t>(*file, "cu_seqlens"),
             greedy = TensorValues<int32_t>(*file, "greedy");
  ASSERT_OK_AND_ASSIGN(ModelFolder model, OpenModelFolder(folder));
  ASSERT_OK_AND_ASSIGN(const auto decoder,
                       LoadDecoder(model, {.weight_type = WeightType::kF32, .use_packed_files = false}));
  int longest = 0;
  for (size_t i = 0; i + 1 < borders.size(); ++i) longest = std::max(longest, borders[i + 1] - borders[i]);
  // Hardly more than the longest needs.
  const int few = (longest + 1 + static_cast<int>(kTokens)) / kKvBlockTokens + 1;
  for (const LoopOptions& options : {LoopOptions{.num_blocks = 60, .max_batch_tokens = 256},
                                     LoopOptions{.num_blocks = few, .max_batch_tokens = 11, .max_sequences = 4}}) {
    ThreadPool pool(2);
    AlignedBuffer<std::byte> memory(decoder->kv_shape().block_bytes() * static_cast<size_t>(options.num_blocks));
    std::vector<Text> texts(borders.size() - 1);
    GenerationLoop loop(*decoder, pool, {decoder->kv_shape(), memory.data()}, options);
    for (size_t i = 0; i < texts.size(); ++i) {
      const GenerationRequest request{.prompt_ids = {ids.begin() + borders[i], ids.begin() + borders[i + 1]},
                                      .sampling = {.temperature = 0},
                                      .max_tokens = kTokens,
                                      .listener = &texts[i]};
      ASSERT_OK(loop.Check(request));
      loop.Add(i, request);
    }
    while (loop.Step()) {
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_THAT(texts[i].ids, ::testing::ElementsAreArray(std::span(greedy).subspan(i * kTokens, kTokens)))
          << "prompt " << i << ", " << options.num_blocks << " blocks";
    }
    EXPECT_EQ(loop.Stats().free_blocks, options.num_blocks);
    EXPECT_EQ(loop.Stats().preemptions > 0, options.num_blocks == few);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenTexts,
                         ::testing::Values("decoders/llama", "decoders/phi3_longer", "decoders/phi3_longer_gguf",
                                           "t5/t5", "t5/t5_v1_1", "t5/t5_v1_1_gguf", "t5/mt5"));

}  // namespace
}  // namespace bantam
