// What a model is said to need before it is loaded, beside what it takes then.
#include "tasks/memory_need.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing.h"
#include "files/gguf_builder.h"
#include "files/model_store.h"
#include "tasks/loaded_model.h"
#include "tasks/stories_model.h"

namespace bantam {
namespace {

using testing::TempFolder;

// What matrices are padded with is not counted, which is most of a model as small as the one of the data sets.
void ExpectNear(const MemoryNeed& estimate, const MemoryNeed& actual) {
  constexpr double kPadding = 128 << 10;
  const auto weights = static_cast<double>(actual.weights);
  EXPECT_NEAR(static_cast<double>(estimate.weights), weights, weights * 0.02 + kPadding) << actual.ToString();
  EXPECT_EQ(estimate.cache, actual.cache);
  EXPECT_EQ(estimate.rest, actual.rest);
}

TEST(MemoryNeed, OfADecoderInEveryWeightTypeAndCacheType) {
  BANTAM_REQUIRE_DATA(folder, "weights-stories260k");
  const TempFolder temp;
  ASSERT_OK_AND_ASSIGN(const std::string bytes, testing::StoriesGguf(folder));
  const Path path = temp.path() / "stories.gguf";
  std::ofstream(path, std::ios::binary) << bytes;
  for (const WeightType type : {WeightType::kF32, WeightType::kInt8, WeightType::kBlocks}) {
    for (const std::optional<KvType> kv : {std::optional<KvType>(), std::optional(kKvF32), std::optional(kKvQ8)}) {
      for (const int tokens : {0, 100}) {
        GeneratorOptions options{.weight_type = type};
        options.engine.kv_type = kv;
        options.engine.cache_tokens = tokens;
        ASSERT_OK_AND_ASSIGN(const ModelFolder opened, OpenModel(path.string()));
        const MemoryNeed estimate = EstimateMemory(opened, WeightType::kInt8, options);
        ASSERT_OK_AND_ASSIGN(const auto generator, Generator::Load(path.string(), options));
        SCOPED_TRACE(::testing::Message() << WeightTypeName(type) << ", " << tokens << " tokens");
        ExpectNear(estimate, MemoryOf(*generator));
      }
    }
  }
}

TEST(MemoryNeed, OfTheDefaultDecoder) {
  const auto found = FindModel("smollm2");
  if (!found) GTEST_SKIP() << found.error().message;
  for (const WeightType type : {WeightType::kBlocks, WeightType::kInt8}) {
    const GeneratorOptions options{.weight_type = type};
    ASSERT_OK_AND_ASSIGN(const ModelFolder opened, OpenModel("smollm2"));
    const MemoryNeed estimate = EstimateMemory(opened, WeightType::kInt8, options);
    ASSERT_OK_AND_ASSIGN(const auto generator, Generator::Load("smollm2", options));
    SCOPED_TRACE(WeightTypeName(type));
    ExpectNear(estimate, MemoryOf(*generator));
  }
}

TEST(MemoryNeed, OfAnEncoder) {
  const auto found = FindModel("all-MiniLM-L6-v2");
  if (!found) GTEST_SKIP() << found.error().message;
  for (const WeightType type : {WeightType::kF32, WeightType::kInt8, WeightType::kInt4}) {
    ASSERT_OK_AND_ASSIGN(const ModelFolder opened, OpenModel("all-MiniLM-L6-v2"));
    const MemoryNeed estimate = EstimateMemory(opened, type, {});
    ASSERT_OK_AND_ASSIGN(const LoadedModel model, LoadModel("all-MiniLM-L6-v2", {.weight_type = type}));
    SCOPED_TRACE(WeightTypeName(type));
    ExpectNear(estimate, MemoryOf(model.encoder()));
  }
}

TEST(MemoryNeed, ConfigsThatMakeNoSenseGiveSomeNumber) {
  constexpr std::string_view kConfig =
      R"({"model_type": "llama", "vocab_size": -5, "num_hidden_layers": 9223372036854775807, "head_dim": 2147483647,
          "num_key_value_heads": 2147483647, "num_attention_heads": 0, "max_position_embeddings": -1})";
  ModelFolder model;
  model.architecture = "llama";
  ASSERT_OK_AND_ASSIGN(model.config, ParseJson(kConfig, "config.json"));
  struct None final : WeightSource {
    Result<TensorView> Get(std::string_view, const Shape&) override { return Err(ErrorCode::kNotFound, "none"); }
    const TensorView* Find(std::string_view) const override { return nullptr; }
    std::vector<std::string> Names() const override { return {}; }
    std::vector<std::string> Leftovers() const override { return {}; }
  };
  model.weights = std::make_shared<None>();
  EXPECT_GE(EstimateMemory(model, WeightType::kInt8, {}).total(), uint64_t{8} << 20);
}

}  // namespace
}  // namespace bantam
