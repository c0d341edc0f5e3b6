#include "net/retry_after.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

TEST(RetryAfter, SecondsOrADate) {
  constexpr int64_t kNow = 784111777'000000;  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(ParseRetryAfter("3", kNow), std::chrono::milliseconds(3000));
  EXPECT_EQ(ParseRetryAfter("0.5", kNow), std::chrono::milliseconds(500));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:47 GMT", kNow), std::chrono::milliseconds(10'000));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", kNow), std::chrono::milliseconds(0));
  for (const char* wrong : {"", "soon", "-1", "nan", "inf", "1e9", "3 s", "99999999999"})
    EXPECT_EQ(ParseRetryAfter(wrong, kNow), std::nullopt) << wrong;
}

}  // namespace
}  // namespace bantam
