// What counts as passed; the help desk's own tests are played in helpdesk_test.cc.
#include "route/route_tests.h"

#include "route/testing/desk.h"

namespace bantam {
namespace {

using testing::Desk;

// The mismatches of each test, joined.
std::vector<std::string> Mismatched(std::string_view tests) {
  const std::string yaml = ReadFile(testing::kDeskFile).value() + std::string(tests);
  Desk desk([&](RouterParts& parts) {
    parts.file = ParseRouteFile(yaml, testing::kDeskFile).value();
    parts.offline = true;
  });
  const Result<TestReport> report = RunRouteTests(*desk.router, {});
  EXPECT_OK(report);
  std::vector<std::string> out;
  for (const TestResult& test : report->tests) {
    std::string& text = out.emplace_back();
    for (const TurnResult& turn : test.turns) {
      for (const std::string& mismatch : turn.mismatches) text += mismatch + ";";
    }
    EXPECT_EQ(text.empty(), test.passed());
  }
  return out;
}

TEST(RouteTests, WhatMustNotBeAnsweredHere) {
  const std::vector<std::string> results = Mismatched(R"(
tests:
  - must_escalate: ["do fish sleep", "i will sue you", "opening hours", "rent a locker for one week please"]
  - {must_escalate: "tell me a story"}
)");
  ASSERT_EQ(results.size(), 5u);
  EXPECT_EQ(results[0], "") << "unsure is not answered here";
  EXPECT_EQ(results[1], "");
  EXPECT_EQ(results[2], "must_escalate: answered here by route \"hours\" (1.00, threshold 0.60);");
  EXPECT_NE(results[3].find("must_escalate: asked back"), std::string::npos) << results[3];
  EXPECT_EQ(results[4], "");
}

TEST(RouteTests, PairsThatMayNotShareAnAnswer) {
  const std::vector<std::string> results = Mismatched(R"(
tests:
  - {cache_pair: ["how do I enable 2FA", "how do I disable 2FA"], expect: miss}
  - {cache_pair: ["When are you open?", "when are you  open"], expect: hit}
  - {cache_pair: ["When are you open?", "when are you  open"], expect: miss}
  - {cache_pair: ["a", "b"], expect: hit}
)");
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0], "");
  EXPECT_EQ(results[1], "");
  EXPECT_EQ(results[2], "cache_pair: expected a miss, but the answer to \"When are you open?\" would be given;");
  EXPECT_EQ(results[3],
            "cache_pair: expected a hit, but the answer to \"a\" would not be given (they are other words, and the "
            "cache's mode is exact);");
}

TEST(RouteTests, PairsOfTheSemanticCache) {
  const std::vector<std::string> results = Mismatched(R"(
cache: {mode: exact_then_semantic}
tests:
  - {cache_pair: ["how do I enable 2FA", "how do I disable 2FA"], expect: miss}
  - {cache_pair: ["how do I change my garden password", "how can I change my garden password"], expect: hit}
  - {cache_pair: ["how do I change 2 garden passwords", "how can I change 3 garden passwords"], expect: hit}
)");
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0], "");
  EXPECT_EQ(results[1], "");
  EXPECT_EQ(results[2],
            "cache_pair: expected a hit, but the answer to \"how do I change 2 garden passwords\" would not be given "
            "(numbers: \"2\" "
            "and \"3\");");
}

TEST(RouteTests, AQuestionBackAndItsReply) {
  const std::vector<std::string> results = Mismatched(R"(
tests:
  - conversation:
      - {say: "rent a locker for one week please", expect: {decision: clarify}}
      - {say: "the small one", expect: {route: locker_small, decision: answer, text: free}}
  - {say: "rent a locker for one week please", expect: {decision: answer}}
)");
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0], "");
  EXPECT_NE(results[1].find("decision: expected \"answer\", got \"clarify\""), std::string::npos) << results[1];
}

}  // namespace
}  // namespace bantam
