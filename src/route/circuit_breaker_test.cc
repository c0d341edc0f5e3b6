#include "route/circuit_breaker.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

using std::chrono::milliseconds;

TEST(CircuitBreaker, ClosesAfterFailuresInARowAndTriesOnce) {
  CircuitBreaker breaker(3, milliseconds(100));
  MonotonicTime now{};
  const auto fail = [&](int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(breaker.Admit(now));
      breaker.Failure(now);
    }
  };
  fail(2);
  ASSERT_TRUE(breaker.Admit(now));
  breaker.Success();  // not in a row
  fail(3);
  EXPECT_FALSE(breaker.Admit(now));
  EXPECT_FALSE(breaker.Admit(now + milliseconds(99)));
  now += milliseconds(100);
  EXPECT_TRUE(breaker.Admit(now));   // the trial
  EXPECT_FALSE(breaker.Admit(now));  // nobody beside it
  breaker.Failure(now);
  EXPECT_FALSE(breaker.Admit(now + milliseconds(99)));
  now += milliseconds(100);
  EXPECT_TRUE(breaker.Admit(now));
  breaker.Abandon(now);
  EXPECT_TRUE(breaker.Admit(now));  // said nothing: another trial at once
  breaker.Success();
  EXPECT_TRUE(breaker.Admit(now));
  EXPECT_TRUE(breaker.Admit(now));
}

TEST(CircuitBreaker, ATrialThatNeverReportsDoesNotCloseItForever) {
  CircuitBreaker breaker(1, milliseconds(100));
  MonotonicTime now{};
  ASSERT_TRUE(breaker.Admit(now));
  breaker.Failure(now);
  now += milliseconds(100);
  ASSERT_TRUE(breaker.Admit(now));
  EXPECT_TRUE(breaker.Admit(now + milliseconds(100)));
}

}  // namespace
}  // namespace bantam
