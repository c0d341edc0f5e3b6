#include "tasks/embedding_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

namespace bantam {
namespace {

constexpr size_t kColumns = 32;

// A vector that only these ids of this space have.
std::vector<float> VectorOf(uint32_t space, const std::vector<int32_t>& ids) {
  std::vector<float> vector(kColumns, static_cast<float>(space));
  for (size_t i = 0; i < ids.size(); ++i) vector[1 + i % (kColumns - 1)] += static_cast<float>(ids[i]);
  return vector;
}

TEST(EmbeddingCache, FindsWhatWasInsertedAndNothingElse) {
  EmbeddingCache cache(1 << 20);
  const uint32_t a = cache.SpaceOf("model a"), b = cache.SpaceOf("model b");
  EXPECT_NE(a, b);
  EXPECT_EQ(cache.SpaceOf("model a"), a);
  const std::vector<int32_t> ids = {101, 7, 102}, prefix = {101, 7}, other = {101, 7, 103};
  std::vector<float> out(kColumns);
  EXPECT_FALSE(cache.Find(a, ids, out));
  cache.Insert(a, ids, VectorOf(a, ids));
  cache.Insert(a, ids, VectorOf(a, other));  // the first one stays
  ASSERT_TRUE(cache.Find(a, ids, out));
  EXPECT_EQ(out, VectorOf(a, ids));
  EXPECT_FALSE(cache.Find(b, ids, out));
  EXPECT_FALSE(cache.Find(a, prefix, out));
  EXPECT_FALSE(cache.Find(a, other, out));
  EXPECT_EQ(cache.Stats().hits, 1u);
  EXPECT_EQ(cache.Stats().misses, 4u);
  EXPECT_EQ(cache.Stats().entries, 1u);
}

TEST(EmbeddingCache, StaysWithinItsBytesAndDropsTheLeastRecentlyUsed) {
  EmbeddingCache cache(64 * 1024);
  const uint32_t space = cache.SpaceOf("m");
  std::vector<float> out(kColumns);
  const std::vector<int32_t> favourite = {-1};
  cache.Insert(space, favourite, VectorOf(space, favourite));
  for (int32_t i = 0; i < 5'000; ++i) {
    const std::vector<int32_t> ids = {i, i + 1, i + 2};
    cache.Insert(space, ids, VectorOf(space, ids));
    ASSERT_LE(cache.Stats().bytes, 64u * 1024);
    ASSERT_TRUE(cache.Find(space, favourite, out)) << i;
    ASSERT_TRUE(cache.Find(space, ids, out)) << i;
    ASSERT_EQ(out, VectorOf(space, ids));
  }
  const EmbeddingCacheStats stats = cache.Stats();
  EXPECT_GT(stats.evictions, 4'000u);
  EXPECT_EQ(stats.entries + stats.evictions, 5'001u);
  EXPECT_FALSE(cache.Find(space, std::vector<int32_t>{0, 1, 2}, out));
  cache.Insert(space, std::vector<int32_t>(100'000, 1), VectorOf(space, {1}));  // larger than all of it
  EXPECT_EQ(cache.Stats().entries, stats.entries);
}

TEST(EmbeddingCache, ManyThreadsSeeOnlyWholeVectorsOfTheirOwnKeys) {
  EmbeddingCache cache(256 * 1024);
  const uint32_t spaces[] = {cache.SpaceOf("a"), cache.SpaceOf("b")};
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<float> out(kColumns);
      for (int i = 0; i < 20'000; ++i) {
        const uint32_t space = spaces[random() % 2];
        const std::vector<int32_t> ids(1 + random() % 5, static_cast<int32_t>(random() % 400));
        if (cache.Find(space, ids, out)) {
          wrong += out != VectorOf(space, ids);
        } else {
          cache.Insert(space, ids, VectorOf(space, ids));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  const EmbeddingCacheStats stats = cache.Stats();
  EXPECT_EQ(stats.hits + stats.misses, 80'000u);
  EXPECT_GT(stats.hits, 0u);
  EXPECT_LE(stats.bytes, 256u * 1024);
}

}  // namespace
}  // namespace bantam
