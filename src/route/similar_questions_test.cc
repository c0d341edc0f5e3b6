#include "route/similar_questions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

namespace bantam {
namespace {

Sha256Digest Digest(int n) { return Sha256Of(std::to_string(n)); }

std::vector<float> RandomVector(std::mt19937& random, size_t dimensions) {
  std::normal_distribution<float> normal;
  std::vector<float> vector(dimensions);
  for (float& x : vector) x = normal(random);
  return vector;
}

double Exact(std::span<const float> a, std::span<const float> b) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) dot += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
  return dot / std::sqrt(aa * bb);
}

// Adds, replacements and removals in random order, over panels and what lies behind them, against all pairs in f32.
TEST(SimilarQuestions, FindsWhatAnExactSearchFinds) {
  std::mt19937 random(7);
  for (const size_t dimensions : {size_t{384}, size_t{30}, size_t{1}}) {
    SimilarQuestions index(10'000);
    std::map<int, std::vector<float>> kept[2];  // of two partitions
    for (int step = 0; step < 1'200; ++step) {
      const int id = static_cast<int>(random() % 300), part = id % 2;
      if (random() % 4 == 0) {
        index.Remove(Digest(id));
        kept[part].erase(id);
      } else {
        kept[part][id] = RandomVector(random, dimensions);
        index.Add(Digest(1'000 + part), {Digest(id), std::to_string(id), "r"}, SimilarQuestions::Pack(kept[part][id]));
      }
    }
    EXPECT_EQ(index.size(), kept[0].size() + kept[1].size());
    for (int query = 0; query < 50; ++query) {
      const int part = query % 2;
      const std::vector<float> vector = RandomVector(random, dimensions);
      const auto found = index.Find(Digest(1'000 + part), vector, -1);
      ASSERT_EQ(found.size(), ResultCache::kMostSimilar);
      double best = -1;
      for (const auto& [id, other] : kept[part]) best = std::max(best, Exact(vector, other));
      EXPECT_NEAR(found[0].similarity, best, 0.02);
      for (const SimilarQuestion& near : found) {
        const int id = std::stoi(near.question);
        EXPECT_EQ(id % 2, part) << "another partition's";
        ASSERT_TRUE(kept[part].contains(id));
        EXPECT_NEAR(near.similarity, Exact(vector, kept[part][id]), 0.02);
        EXPECT_EQ(near.key, Digest(id));
      }
      EXPECT_TRUE(index.Find(Digest(1'000 + part), vector, 1.01f).empty());
    }
    for (int id = 0; id < 300; ++id) index.Remove(Digest(id));
    EXPECT_EQ(index.size(), 0u);
    EXPECT_TRUE(index.Find(Digest(1'000), RandomVector(random, dimensions), -1).empty());
  }
}

TEST(SimilarQuestions, IsBoundedAndTakesNoNonsense) {
  std::mt19937 random(1);
  SimilarQuestions index(100);
  for (int i = 0; i < 500; ++i)
    index.Add(Digest(-1), {Digest(i), "", ""}, SimilarQuestions::Pack(RandomVector(random, 16)));
  EXPECT_EQ(index.size(), 100u);
  index.Clear();
  EXPECT_EQ(SimilarQuestions::Pack(std::vector<float>(16)), "");
  EXPECT_EQ(SimilarQuestions::Pack(std::vector<float>(16, std::nanf(""))), "");
  for (const char* bad : {"", "abc", "\xFF\xFF\xFF\xFFzzz"}) index.Add(Digest(-1), {Digest(1), "", ""}, bad);
  EXPECT_EQ(index.size(), 0u);
  index.Add(Digest(-1), {Digest(1), "", ""}, SimilarQuestions::Pack(RandomVector(random, 16)));
  index.Add(Digest(-1), {Digest(2), "", ""}, SimilarQuestions::Pack(RandomVector(random, 17)));
  EXPECT_EQ(index.size(), 1u);
  EXPECT_TRUE(index.Find(Digest(-1), RandomVector(random, 17), -1).empty());
  EXPECT_TRUE(index.Find(Digest(-1), std::vector<float>(16, INFINITY), -1).empty());
}

}  // namespace
}  // namespace bantam
