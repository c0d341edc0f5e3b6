#include "learn/head_vectors.h"

#include <cmath>
#include <numeric>

#include "base/testing.h"
#include "learn/vector_math.h"

namespace bantam {
namespace {

TEST(VectorScale, PutsEachDimensionOnOneScaleAndTheVectorOnLengthOne) {
  const EmbeddingMatrix vectors{4, 3, {1, 10, 5, 3, 30, 5, 1, 30, 5, 100, 100, 100}};
  const VectorScale scale = FitScale(vectors, 3, std::vector<int>{0, 1, 2});
  EXPECT_FLOAT_EQ(scale.mean[0], 5.0f / 3);
  EXPECT_NEAR(scale.inverse_deviation[0], 1 / std::sqrt(8.0 / 9), 1e-6);
  EXPECT_NEAR(scale.inverse_deviation[1], 0.1 / std::sqrt(8.0 / 9), 1e-6);
  std::vector<float> x(3);
  Standardize(scale, vectors.row(1), x);
  EXPECT_FLOAT_EQ(DotF(x, x), 1);
  EXPECT_FLOAT_EQ(x[0], 2 * x[1]);
  EXPECT_EQ(x[2], 0) << "a dimension that never differs";
  Standardize(scale, scale.mean, x);
  EXPECT_EQ(x, std::vector<float>(3)) << "no direction, but numbers";
}

TEST(HeadVectors, OfManyTextsAreThoseOfEach) {
  BANTAM_REQUIRE_MODEL(model, "all-MiniLM-L6-v2");
  ASSERT_OK_AND_ASSIGN(const auto embedder, Embedder::Load("all-MiniLM-L6-v2", {.weight_type = WeightType::kF32}));
  ASSERT_EQ(embedder->middle_layer(), 3);
  const std::vector<std::string> texts = {"where is my parcel", "", "cancel the order please, I changed my mind"};
  ASSERT_OK_AND_ASSIGN(const std::vector<Embedding> batch, embedder->EmbedBatch(texts, CallForHead()));
  for (const std::vector<int>& layers : {std::vector<int>{}, {3}, {1, 4}, {1, 3, 5}}) {
    ASSERT_OK_AND_ASSIGN(const HeadVectors all, EmbedForHead(*embedder, texts, layers, {}));
    ASSERT_EQ(all.vectors.rows, texts.size());
    ASSERT_EQ(all.vectors.columns, 2u * 384);
    ASSERT_EQ(all.layers.size(), layers.size());
    for (size_t i = 0; i < layers.size(); ++i) EXPECT_EQ(all.layers[i].layer, layers[i]);
    for (size_t i = 0; i < texts.size(); ++i) {
      ASSERT_OK_AND_ASSIGN(const Embedding plain, embedder->Embed(texts[i]));
      ASSERT_OK_AND_ASSIGN(const Embedding both, embedder->Embed(texts[i], CallForHead()));
      const auto last = std::span(both.vector).last(384);
      EXPECT_TRUE(std::ranges::equal(last, plain.vector));
      EXPECT_FALSE(std::ranges::equal(last, std::span(both.vector).first(384)));
      for (size_t j = 0; j < both.vector.size(); ++j) {
        EXPECT_NEAR(both.vector[j], all.vectors.row(i)[j], 1e-5);
        EXPECT_NEAR(both.vector[j], batch[i].vector[j], 1e-5);
      }
      for (const LayerVectors& layer : all.layers) {
        const auto middle = std::span(both.vector).first(384);
        for (size_t j = 0; layer.layer == 3 && j < middle.size(); ++j)
          EXPECT_NEAR(layer.vectors.row(i)[j], middle[j], 1e-5);
      }
    }
  }
}

// The two kinds of vectors of one text must not be taken for each other.
TEST(HeadVectors, LieInTheCacheBesidePlainOnes) {
  BANTAM_REQUIRE_MODEL(model, "all-MiniLM-L6-v2");
  ASSERT_OK_AND_ASSIGN(const auto embedder,
                       Embedder::Load("all-MiniLM-L6-v2", {.cache = std::make_shared<EmbeddingCache>(1 << 20)}));
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const Embedding plain, embedder->Embed("where is my parcel"));
    ASSERT_OK_AND_ASSIGN(const Embedding both, embedder->Embed("where is my parcel", CallForHead()));
    EXPECT_EQ(plain.vector.size(), 384u);
    ASSERT_EQ(both.vector.size(), 2u * 384);
    EXPECT_TRUE(std::ranges::equal(std::span(both.vector).last(384), plain.vector));
  }
  EXPECT_EQ(embedder->cache()->Stats().hits, 2u);
}

}  // namespace
}  // namespace bantam
