#include "route/late_answers.h"

#include <gtest/gtest.h>

#include "base/testing.h"

namespace bantam {
namespace {

constexpr int64_t kNow = 1'700'000'000'000'000;

TEST(LateAnswers, AreFoundByWhoAskedAndNobodyElse) {
  testing::TempFolder folder;
  {
    ASSERT_OK_AND_ASSIGN(auto answers, LateAnswers::Open(folder / "answers.db"));
    ASSERT_OK(answers->Keep("ann", "1", {.asked_us = kNow}));
    ASSERT_OK(answers->Keep("ann", "2", {.asked_us = kNow}));
    ASSERT_OK(answers->Keep("ann", "2", {LateAnswer::State::kAnswered, "six moons", "big", "", kNow, kNow + 5}));
  }
  ASSERT_OK_AND_ASSIGN(auto answers, LateAnswers::Open(folder / "answers.db"));
  ASSERT_OK_AND_ASSIGN(const auto waiting, answers->Find("ann", "1"));
  ASSERT_TRUE(waiting);
  EXPECT_EQ(waiting->state, LateAnswer::State::kWaiting);
  ASSERT_OK_AND_ASSIGN(const auto answered, answers->Find("ann", "2"));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->state, LateAnswer::State::kAnswered);
  EXPECT_EQ(answered->text, "six moons");
  EXPECT_EQ(answered->ended_us, kNow + 5);
  ASSERT_OK_AND_ASSIGN(const auto of_another, answers->Find("bob", "2"));
  EXPECT_FALSE(of_another);
  ASSERT_OK_AND_ASSIGN(const auto other, answers->Find("an", "n2"));
  EXPECT_FALSE(other);
}

TEST(LateAnswers, AreForgottenAfterAWeek) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto answers, LateAnswers::Open(folder / "answers.db"));
  ASSERT_OK(answers->Keep("", "old", {LateAnswer::State::kAnswered, "a", "big", "", kNow, kNow}));
  ASSERT_OK(answers->Keep("", "new", {.asked_us = kNow + LateAnswers::kKeptMicros + 1}));
  ASSERT_OK_AND_ASSIGN(const auto old, answers->Find("", "old"));
  EXPECT_FALSE(old);
  ASSERT_OK_AND_ASSIGN(const auto later, answers->Find("", "new"));
  EXPECT_TRUE(later);
}

}  // namespace
}  // namespace bantam
