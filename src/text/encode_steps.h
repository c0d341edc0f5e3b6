// For tests: how much work Encode did, so that they can show it linear without a clock.
#pragma once

#include <cstdint>

namespace bantam::text {

// Steps of this thread's Encode calls since the last call of this function: bytes passed through, table lookups, marks
// sorted.
uint64_t TakeEncodeSteps();

}  // namespace bantam::text
