#include "engine/packed_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace bantam {
namespace {

TEST(PackedBatch, HoldsEqualSequencesOnce) {
  std::mt19937 random(1);
  PackedBatch batch;
  for (int round = 0; round < 20; ++round) {
    batch.Clear();
    std::map<std::vector<int32_t>, size_t> expected;
    std::vector<int32_t> packed;
    for (int i = 0; i < 500; ++i) {
      std::vector<int32_t> ids(1 + random() % 4);
      for (int32_t& id : ids) id = static_cast<int32_t>(random() % 5);
      const bool fresh = expected.emplace(ids, expected.size()).second;
      if (fresh) packed.insert(packed.end(), ids.begin(), ids.end());
      ASSERT_EQ(batch.Add(ids), expected[ids]);
      ASSERT_EQ(batch.num_sequences(), expected.size());
    }
    for (const auto& [ids, number] : expected) {
      const auto sequence = batch.sequence(number);
      EXPECT_EQ(std::vector<int32_t>(sequence.begin(), sequence.end()), ids);
    }
    EXPECT_EQ(std::vector<int32_t>(batch.token_ids().begin(), batch.token_ids().end()), packed);
    EXPECT_EQ(batch.cu_seqlens().front(), 0);
    EXPECT_EQ(static_cast<size_t>(batch.cu_seqlens().back()), packed.size());
  }
}

TEST(PackedBatch, WhatIsAddedAloneIsNeverFound) {
  PackedBatch batch;
  std::vector<size_t> shared;
  // Enough for the table to grow a few times.
  for (int32_t i = 0; i < 300; ++i) {
    const size_t alone = batch.AddAlone(std::vector<int32_t>{i});
    shared.push_back(batch.Add(std::vector<int32_t>{i}));
    ASSERT_NE(shared.back(), alone);
    ASSERT_EQ(batch.num_sequences(), 2 * static_cast<size_t>(i + 1));
  }
  for (int32_t i = 0; i < 300; ++i) EXPECT_EQ(batch.Add(std::vector<int32_t>{i}), shared[static_cast<size_t>(i)]);
  EXPECT_EQ(batch.num_sequences(), 600u);
  EXPECT_TRUE(batch.Fits(std::vector<int32_t>{7}, 600));
  EXPECT_FALSE(batch.FitsAlone(std::vector<int32_t>{7}, 600));
}

TEST(PackedBatch, TypesTellSequencesApart) {
  std::mt19937 random(2);
  PackedBatch batch;
  using Sequence = std::pair<std::vector<int32_t>, std::vector<int32_t>>;
  for (int round = 0; round < 20; ++round) {
    batch.Clear();
    std::map<Sequence, size_t> expected;
    std::vector<int32_t> ids, types;
    for (int i = 0; i < 500; ++i) {
      Sequence sequence{std::vector<int32_t>(1 + random() % 3), {}};
      sequence.second.resize(sequence.first.size());
      for (int32_t& id : sequence.first) id = static_cast<int32_t>(random() % 4);
      // Only zeros in the first rounds, and at first in the others.
      for (int32_t& type : sequence.second) type = round > 2 && i > 50 ? static_cast<int32_t>(random() % 2) : 0;
      const bool fresh = expected.emplace(sequence, expected.size()).second;
      if (fresh) {
        ids.insert(ids.end(), sequence.first.begin(), sequence.first.end());
        types.insert(types.end(), sequence.second.begin(), sequence.second.end());
      }
      const bool left_out = std::ranges::count(sequence.second, 0) == std::ssize(sequence.second) && i % 2 == 0;
      const auto given = left_out ? PackedBatch::Ids() : PackedBatch::Ids(sequence.second);
      ASSERT_EQ(batch.Fits(sequence.first, given, 0), !fresh || batch.num_sequences() == 0);
      ASSERT_EQ(batch.Add(sequence.first, given), expected[sequence]);
    }
    EXPECT_EQ(std::vector<int32_t>(batch.token_ids().begin(), batch.token_ids().end()), ids);
    if (round <= 2) {
      EXPECT_TRUE(batch.token_type_ids().empty());
    } else {
      EXPECT_EQ(std::vector<int32_t>(batch.token_type_ids().begin(), batch.token_type_ids().end()), types);
    }
  }
  batch.Clear();
  batch.Add(std::vector<int32_t>{1, 2}, std::vector<int32_t>{0, 1});
  EXPECT_EQ(batch.AddAlone(std::vector<int32_t>{1, 2}, std::vector<int32_t>{0, 1}), 1u);
  EXPECT_EQ(std::vector<int32_t>(batch.token_type_ids().begin(), batch.token_type_ids().end()),
            (std::vector<int32_t>{0, 1, 0, 1}));
}

TEST(PackedBatch, FitsTheFirstTheKnownAndWhatIsWithinTheBudget) {
  PackedBatch batch;
  const std::vector<int32_t> long_one(30, 1), short_one = {1, 2}, other = {2, 1};
  EXPECT_TRUE(batch.Fits(long_one, 10));
  batch.Add(short_one);
  EXPECT_FALSE(batch.Fits(long_one, 10));
  EXPECT_TRUE(batch.Fits(other, 4));
  EXPECT_FALSE(batch.Fits(other, 3));
  EXPECT_TRUE(batch.Fits(short_one, 2));
}

}  // namespace
}  // namespace bantam
