#include "api/memory_watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace bantam {
namespace {

using namespace std::chrono_literals;

TEST(MemoryWatch, TellsHowMuchOfTheLimitIsTaken) {
  uint64_t used = 0;
  MemoryWatch watch(1000, [&] { return used; });
  MonotonicTime now = MonotonicNow();
  const auto look = [&](uint64_t bytes) {
    used = bytes;
    return watch.Look(now += 1s);
  };
  EXPECT_EQ(look(919), MemoryPressure::kNone);
  EXPECT_EQ(look(920), MemoryPressure::kSome);
  EXPECT_EQ(look(949), MemoryPressure::kSome);
  EXPECT_EQ(look(950), MemoryPressure::kHard);
  EXPECT_EQ(look(5000), MemoryPressure::kHard);
  EXPECT_EQ(look(100), MemoryPressure::kNone);  // by itself
}

TEST(MemoryWatch, ReadsNoMoreThanTenTimesASecond) {
  int readings = 0;
  MemoryWatch watch(1000, [&] { return ++readings, uint64_t{960}; });
  const MonotonicTime now = MonotonicNow();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(watch.Look(now + i * 1ms), MemoryPressure::kHard);
  EXPECT_EQ(readings, 11);  // and once more after the allocator gave back what it could
}

TEST(MemoryWatch, TheLimitHasRoomForWhatNobodyCounts) { EXPECT_EQ(MemoryWatch::LimitFor(600, 7), 667u); }

TEST(MemoryWatch, ReadsItsOwnProcess) {
  const uint64_t before = OwnMemoryBytes();
  ASSERT_GT(before, 0u);
  const std::vector<char> more(size_t{32} << 20, 'x');
  const uint64_t grown = OwnMemoryBytes() - before;
  EXPECT_GT(grown, uint64_t{30} << 20);
  EXPECT_LT(grown, uint64_t{40} << 20) << more.size();
}

}  // namespace
}  // namespace bantam
