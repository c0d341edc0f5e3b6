#include "api/engine_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bantam {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

TEST(EngineWatch, WorkThatNobodyDoesIsAStall) {
  EngineWatch watch(60s);
  const MonotonicTime start = MonotonicNow();
  const auto look = [&](std::chrono::seconds at, uint64_t steps, bool has_work) {
    return watch.Look({{"writer", steps, has_work}, {"encoder", 7, false}}, start + at);
  };
  EXPECT_THAT(look(0s, 1, true), IsEmpty());
  EXPECT_THAT(look(59s, 1, true), IsEmpty());
  EXPECT_THAT(look(60s, 1, true), ElementsAre("writer"));
  EXPECT_THAT(look(61s, 2, true), IsEmpty());  // it goes on
  EXPECT_THAT(look(120s, 2, true), IsEmpty());
  EXPECT_THAT(look(121s, 2, false), IsEmpty());  // it has done all
  EXPECT_THAT(look(200s, 2, true), IsEmpty());   // and work came again, nobody knows when
  EXPECT_THAT(look(260s, 2, true), ElementsAre("writer"));
}

TEST(EngineWatch, AModelThatComesAgainBeginsAnew) {
  EngineWatch watch(60s);
  const MonotonicTime start = MonotonicNow();
  EXPECT_THAT(watch.Look({{"m", 0, true}}, start), IsEmpty());
  EXPECT_THAT(watch.Look({}, start + 30s), IsEmpty());
  EXPECT_THAT(watch.Look({{"m", 0, true}}, start + 70s), IsEmpty());
}

}  // namespace
}  // namespace bantam
