#include "engine/kv_blocks.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace bantam {
namespace {

std::array<int32_t, kKvBlockTokens> Tokens(int32_t first) {
  std::array<int32_t, kKvBlockTokens> tokens{};
  for (int i = 0; i < kKvBlockTokens; ++i) tokens[static_cast<size_t>(i)] = first + i;
  return tokens;
}

TEST(KvBlocks, AFullBlockIsFoundUntilItIsTaken) {
  KvBlocks blocks(3);
  const int32_t first = blocks.Take(), second = blocks.Take();
  const uint64_t a = blocks.Publish(first, KvBlocks::kStart, Tokens(1));
  const uint64_t b = blocks.Publish(second, a, Tokens(2));
  EXPECT_NE(a, b);
  EXPECT_FALSE(blocks.Find(KvBlocks::kStart, Tokens(2)));  // the same tokens after something else
  blocks.Release(second);
  blocks.Release(first);
  EXPECT_EQ(blocks.num_free(), 3);

  const auto found = blocks.Find(KvBlocks::kStart, Tokens(1));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->block, first);
  EXPECT_EQ(found->content, a);
  EXPECT_EQ(blocks.num_free(), 2);
  // The one without content goes first, then the longest unused.
  EXPECT_NE(blocks.Take(), second);
  EXPECT_EQ(blocks.Take(), second);
  EXPECT_FALSE(blocks.Find(a, Tokens(2)));
  EXPECT_EQ(blocks.Take(), -1);
  blocks.Release(first);
  EXPECT_EQ(blocks.Take(), first);
  EXPECT_FALSE(blocks.Find(KvBlocks::kStart, Tokens(1)));
}

TEST(KvBlocks, TheSameContentHasOneNameAndTheNameOfWhatIsGoneFindsNothing) {
  KvBlocks blocks(4);
  const int32_t first = blocks.Take(), twin = blocks.Take(), child = blocks.Take();
  const uint64_t name = blocks.Publish(first, KvBlocks::kStart, Tokens(1));
  EXPECT_EQ(blocks.Publish(twin, KvBlocks::kStart, Tokens(1)), name);
  blocks.Publish(child, name, Tokens(5));
  blocks.Release(twin);
  blocks.Release(first);
  blocks.Release(child);
  while (blocks.num_free() > 1) blocks.Take();  // the child alone is left
  EXPECT_FALSE(blocks.Find(KvBlocks::kStart, Tokens(1)));
  ASSERT_TRUE(blocks.Find(name, Tokens(5)));
}

// Against a plain model of it, whatever the order of calls.
TEST(KvBlocks, OwnersAreCountedThroughAnyHistory) {
  std::mt19937 random(1);
  KvBlocks blocks(16);
  std::multiset<int32_t> owned;
  std::map<int32_t, bool> published;
  for (int step = 0; step < 20'000; ++step) {
    switch (random() % 4) {
      case 0: {
        const int32_t block = blocks.Take();
        EXPECT_EQ(block < 0, std::set(owned.begin(), owned.end()).size() == 16);
        if (block < 0) break;
        EXPECT_FALSE(owned.contains(block));
        owned.insert(block);
        published[block] = false;
        break;
      }
      case 1:
        if (owned.empty()) break;
        {
          const auto one = std::next(owned.begin(), static_cast<ptrdiff_t>(random() % owned.size()));
          blocks.Release(*one);
          owned.erase(one);
        }
        break;
      case 2:
        if (const auto found = blocks.Find(KvBlocks::kStart, Tokens(static_cast<int32_t>(random() % 9)))) {
          EXPECT_TRUE(published[found->block]);
          owned.insert(found->block);
        }
        break;
      default:
        for (const int32_t block : owned) {
          if (published[block]) continue;
          blocks.Publish(block, KvBlocks::kStart, Tokens(static_cast<int32_t>(random() % 9)));
          published[block] = true;
          // A twin is never found itself; Publish twice is a bug of the caller either way.
          break;
        }
    }
    ASSERT_EQ(blocks.num_free(), 16 - static_cast<int>(std::set(owned.begin(), owned.end()).size()));
  }
}

}  // namespace
}  // namespace bantam
