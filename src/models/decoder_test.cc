// Every golden decoder against transformers' logits and greedy text, and a token's bits in every company.
#include "models/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing.h"
#include "models/golden_data.h"
#include "models/testing_cache.h"

namespace bantam {
namespace {

using testing::TensorValues;
using testing::TestCache;

const Path kGolden = "src/models/golden/decoders";
constexpr int kGreedyTokens = 64;

struct Reference {
  std::vector<int32_t> token_ids, cu_seqlens, greedy;
  std::vector<float> logits;
  int num_sequences() const { return static_cast<int>(cu_seqlens.size()) - 1; }
  std::vector<int32_t> Sequence(int i) const {
    return {token_ids.begin() + cu_seqlens[i], token_ids.begin() + cu_seqlens[i + 1]};
  }
};

Result<Reference> ReadReference(const Path& path) {
  BANTAM_TRY(const auto file, SafetensorsFile::Open(path));
  return Reference{TensorValues<int32_t>(*file, "token_ids"), TensorValues<int32_t>(*file, "cu_seqlens"),
                   TensorValues<int32_t>(*file, "greedy"), TensorValues<float>(*file, "logits")};
}

std::unique_ptr<Decoder> LoadGolden(const Path& folder, WeightType type) {
  auto model = OpenModelFolder(folder);
  EXPECT_OK(model);
  if (!model) return nullptr;
  auto decoder = LoadDecoder(*model, {.weight_type = type, .use_packed_files = false});
  EXPECT_OK(decoder);
  return decoder ? std::move(*decoder) : nullptr;
}

std::vector<std::string> GoldenDecoders() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The longest golden text.
constexpr int kBlocks = (66 + kGreedyTokens + kKvBlockTokens - 1) / kKvBlockTokens;

class GoldenDecoder : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (auto kernels = SelectKernels(); !kernels && kernels.error().code == ErrorCode::kUnsupported) {
      GTEST_SKIP() << kernels.error().message;
    }
    auto reference = ReadReference(kGolden / GetParam() / "reference.safetensors");
    ASSERT_OK(reference);
    reference_ = *std::move(reference);
  }

  std::vector<TestCache::Part> AllSequences() const {
    std::vector<TestCache::Part> parts;
    for (int i = 0; i < reference_.num_sequences(); ++i) parts.push_back({i, reference_.Sequence(i)});
    return parts;
  }

  Reference reference_;
};

TEST_P(GoldenDecoder, LogitsEqualTheReference) {
  const auto decoder = LoadGolden(kGolden / GetParam(), WeightType::kF32);
  ASSERT_NE(decoder, nullptr);
  ThreadPool pool(1);
  const auto workspace = decoder->NewWorkspace();
  TestCache cache(decoder->kv_shape(), reference_.num_sequences(), kBlocks);
  const std::vector<float> logits = cache.Run(*decoder, AllSequences(), *workspace, pool);
  ASSERT_EQ(logits.size(), reference_.logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    ASSERT_NEAR(logits[i], reference_.logits[i], 1e-4 + 1e-4 * std::abs(reference_.logits[i])) << "at " << i;
  }
}

TEST_P(GoldenDecoder, GreedyTextEqualsTheReference) {
  const auto decoder = LoadGolden(kGolden / GetParam(), WeightType::kF32);
  ASSERT_NE(decoder, nullptr);
  ThreadPool pool(2);
  const auto workspace = decoder->NewWorkspace();
  const int num_sequences = reference_.num_sequences();
  TestCache cache(decoder->kv_shape(), num_sequences, kBlocks);
  std::vector<TestCache::Part> parts = AllSequences();
  std::vector<std::vector<int32_t>> texts(static_cast<size_t>(num_sequences));
  const auto width = static_cast<size_t>(decoder->vocab_size());
  for (int step = 0; step < kGreedyTokens; ++step) {
    const std::vector<float> logits = cache.Run(*decoder, parts, *workspace, pool);
    size_t row = 0;
    for (TestCache::Part& part : parts) {
      row += part.ids.size();
      const auto last = logits.begin() + static_cast<ptrdiff_t>((row - 1) * width);
      const auto best = static_cast<int32_t>(std::max_element(last, last + static_cast<ptrdiff_t>(width)) - last);
      texts[static_cast<size_t>(part.sequence)].push_back(best);
      part.ids = {best};
    }
  }
  for (int i = 0; i < num_sequences; ++i) {
    const std::span<const int32_t> expected = std::span(reference_.greedy).subspan(i * kGreedyTokens, kGreedyTokens);
    EXPECT_THAT(texts[static_cast<size_t>(i)], ::testing::ElementsAreArray(expected)) << "sequence " << i;
  }
}

// The promise of decoder.h: nothing but the same bits will do.
TEST_P(GoldenDecoder, AloneInABatchAndInChunksGivesTheSameBits) {
  for (const WeightType type : {WeightType::kF32, WeightType::kInt8}) {
    const auto decoder = LoadGolden(kGolden / GetParam(), type);
    ASSERT_NE(decoder, nullptr);
    const auto workspace = decoder->NewWorkspace();
    ThreadPool one(1);
    TestCache cache(decoder->kv_shape(), reference_.num_sequences(), kBlocks);
    const std::vector<float> together = cache.Run(*decoder, AllSequences(), *workspace, one);
    const auto width = static_cast<size_t>(decoder->vocab_size());
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      for (const int chunk : {1, 7, 33, 1000}) {
        for (int i = 0; i < reference_.num_sequences(); ++i) {
          TestCache own(decoder->kv_shape(), 1, kBlocks);
          const std::vector<int32_t> ids = reference_.Sequence(i);
          std::vector<float> logits;
          for (size_t at = 0; at < ids.size(); at += static_cast<size_t>(chunk)) {
            const auto begin = ids.begin() + static_cast<ptrdiff_t>(at);
            const auto count = std::min<size_t>(ids.size() - at, static_cast<size_t>(chunk));
            const auto part =
                own.Run(*decoder, {{0, {begin, begin + static_cast<ptrdiff_t>(count)}}}, *workspace, pool);
            logits.insert(logits.end(), part.begin(), part.end());
          }
          const float* expected = together.data() + static_cast<size_t>(reference_.cu_seqlens[i]) * width;
          ASSERT_EQ(0, std::memcmp(logits.data(), expected, logits.size() * sizeof(float)))
              << WeightTypeName(type) << " sequence " << i << " in chunks of " << chunk << ", " << threads
              << " threads";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenDecoder, ::testing::ValuesIn(GoldenDecoders()),
                         [](const auto& test) { return test.param; });

TEST(DecoderLoading, SaysWhatItKnows) {
  auto model = OpenModelFolder("src/models/golden/bert");
  ASSERT_OK(model);
  const auto decoder = LoadDecoder(*model, {});
  ASSERT_FALSE(decoder);
  EXPECT_EQ(decoder.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(decoder.error().message, ::testing::HasSubstr("known: llama, mistral, qwen2"));
}

}  // namespace
}  // namespace bantam
