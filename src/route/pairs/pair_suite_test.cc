// The figures of docs/howto/audit-and-cache.md: what the semantic cache takes for the same, with the default encoder.
#include "route/pairs/pair_suite.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/testing.h"

namespace bantam {
namespace {

class PairSuite : public ::testing::Test {
 protected:
  void Judge(const std::vector<CachePair>& pairs, PairReport& report) {
    BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
    ASSERT_OK_AND_ASSIGN(const auto embedder, Embedder::Load(folder.string(), {.num_threads = 1}));
    ASSERT_OK_AND_ASSIGN(const auto verifier, PairVerifier::Create({}, {}, {}));
    ASSERT_OK_AND_ASSIGN(report, JudgePairs(pairs, *embedder, *verifier));
    for (const PairVerdict& verdict : report.verdicts) {
      EXPECT_FALSE(verdict.wrong()) << verdict.pair->kind << ", " << verdict.similarity << ": " << verdict.pair->cached
                                    << " | " << verdict.pair->asked;
    }
    std::printf("%zu wrong hits of %zu, %zu hits of %zu paraphrases\n", report.wrong_hits, report.must_miss,
                report.right_hits, report.may_hit);
  }
};

TEST_F(PairSuite, NoWrongHitAndMostParaphrases) {
  const std::vector<CachePair> pairs = BuiltInPairs();
  PairReport report;
  Judge(pairs, report);
  if (report.verdicts.empty()) return;  // skipped
  EXPECT_GE(report.must_miss, 400u);
  EXPECT_GE(report.may_hit, 150u);
  EXPECT_GE(report.hit_rate(), 0.6);
}

TEST_F(PairSuite, NoWrongHitOnWhatWasHeldOut) {
  const std::vector<CachePair> pairs = HeldOutPairs();
  PairReport report;
  Judge(pairs, report);
  if (report.verdicts.empty()) return;
  EXPECT_GE(report.hit_rate(), 0.5);
}

TEST(PairFiles, NoPairStandsTwice) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& pairs : {BuiltInPairs(), HeldOutPairs()}) {
    for (const CachePair& pair : pairs) {
      EXPECT_TRUE(seen.insert(std::minmax(pair.cached, pair.asked)).second) << pair.cached << " | " << pair.asked;
    }
  }
}

TEST(PairFiles, WhatIsWrongWithALine) {
  const testing::TempFolder folder;
  const auto problem = [&](std::string_view text) {
    std::ofstream(folder / "pairs.jsonl") << text << "\n";
    const auto pairs = ReadPairs(folder / "pairs.jsonl");
    return pairs ? fmt::format("{} pairs", pairs->size())
                 : pairs.error().message.substr(folder.path().string().size() + 1);
  };
  EXPECT_EQ(problem(R"({"pair": ["a", "b"], "expect": "hit"})"), "1 pairs");
  EXPECT_EQ(problem(R"({"pair": ["a"], "expect": "hit"})"),
            "pairs.jsonl:1: \"pair\" must hold two questions: [\"...\", \"...\"]");
  EXPECT_EQ(problem(R"({"pair": ["a", " "], "expect": "hit"})"),
            "pairs.jsonl:1: \"pair\" holds an empty question; remove the line");
  EXPECT_EQ(problem(R"({"pair": ["a", "b"], "expect": "yes"})"),
            "pairs.jsonl:1: \"expect\" is \"yes\", expected \"hit\" or \"miss\"");
  EXPECT_EQ(problem(""), "pairs.jsonl holds no pair");
}

}  // namespace
}  // namespace bantam
