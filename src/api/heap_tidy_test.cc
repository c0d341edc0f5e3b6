#include "api/heap_tidy.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

using std::chrono::seconds;

TEST(HeapTidy, OnceWhenTheWorkHasEnded) {
  HeapTidy tidy;
  const MonotonicTime start = MonotonicNow();
  EXPECT_FALSE(tidy.IsDue(start, true)) << "nothing was done yet";
  tidy.Worked();
  EXPECT_TRUE(tidy.IsDue(start + seconds(1), true));
  EXPECT_FALSE(tidy.IsDue(start + seconds(100), true));
  tidy.Worked();
  EXPECT_TRUE(tidy.IsDue(start + seconds(101), true));
}

TEST(HeapTidy, NowAndThenWhileItGoesOn) {
  HeapTidy tidy;
  const MonotonicTime start = MonotonicNow();
  int times = 0;
  for (int second = 0; second < 60; ++second) {
    tidy.Worked();
    times += tidy.IsDue(start + seconds(second), false);
  }
  EXPECT_EQ(times, 6);
}

}  // namespace
}  // namespace bantam
