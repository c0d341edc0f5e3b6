// What the tests of every kernel share: a fixture for each ISA level of this CPU beside the scalar one, and random
// data. Sizes are odd on purpose: tails of every length, panels that are not full, rows that start at any byte. Buffers
// end exactly where the data ends, so that the address sanitizer sees a kernel that reads further.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "kernels/isa.h"

namespace bantam::testing {

inline std::mt19937 Random(int seed) { return std::mt19937(static_cast<unsigned>(seed)); }
std::vector<float> Normal(std::mt19937& random, size_t size, float deviation = 1);
std::vector<uint8_t> Bytes(std::mt19937& random, size_t size);

struct Product {
  int rows, in, out;
};

// The levels by name, and the ways to run avx2vnni on a processor without it.
std::vector<std::string> AllLevels();
inline const char kEmulated[] = "avx2vnni_emulated";  // every step of an int8 product is a signal: slow
Result<KernelTable> TableOf(const std::string& level);

class EveryIsa : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;
  KernelTable isa_{}, scalar_{};
};

}  // namespace bantam::testing

// A suite of TEST_P(NAME, ...) over all levels.
#define BANTAM_EVERY_ISA(NAME)                                                      \
  class NAME : public testing::EveryIsa {};                                         \
  INSTANTIATE_TEST_SUITE_P(Levels, NAME, ::testing::ValuesIn(testing::AllLevels()), \
                           [](const auto& test) { return test.param; })
