#include "base/json_floats.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "base/json.h"
#include "base/testing.h"

namespace bantam {
namespace {

TEST(JsonFloats, ReadBackAsTheSameBits) {
  std::mt19937 random(1);
  std::vector<float> numbers = {0.0f, 1.0f, 0.1f, 1e-5f, -1.17549435e-38f, 3.40282347e38f, 1e-45f, 16777216.0f};
  while (numbers.size() < 5'000) {
    const auto bits = static_cast<uint32_t>(random());
    const auto number = std::bit_cast<float>(bits);
    if (std::isfinite(number)) numbers.push_back(number);
  }
  std::string text = "x";
  AppendJsonFloats(numbers, text);
  ASSERT_EQ(text[0], 'x');
  ASSERT_OK_AND_ASSIGN(const json::value parsed, ParseJson(std::string_view(text).substr(1), "t"));
  ASSERT_EQ(parsed.as_array().size(), numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(parsed.as_array()[i].to_number<float>()), std::bit_cast<uint32_t>(numbers[i]))
        << i;
  }
  text.clear();
  AppendJsonFloats({}, text);
  EXPECT_EQ(text, "[]");
  text.clear();
  AppendJsonFloats(std::vector<float>{INFINITY, NAN, 0.5f}, text);
  EXPECT_EQ(text, "[null,null,0.5]");
}

}  // namespace
}  // namespace bantam
