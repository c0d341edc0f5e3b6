#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace bantam {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Err(ErrorCode::kInvalidArgument, "{} is odd", n);
  return n / 2;
}
Result<int> Quarter(int n) {
  BANTAM_TRY(const int half, Half(n));
  return Half(half);
}
Status OnlyEven(int n) {
  BANTAM_RETURN_IF_ERROR(Half(n));
  return Ok();
}

TEST(Result, ValueTravels) {
  ASSERT_TRUE(Quarter(8).has_value());
  EXPECT_EQ(*Quarter(8), 2);
}

TEST(Result, ErrorTravelsWithItsPlace) {
  const Result<int> r = Quarter(6);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(r.error().message, "3 is odd");
  EXPECT_NE(std::string_view(r.error().where.file_name()).find("result_test.cc"), std::string_view::npos);
}

TEST(Result, Void) {
  EXPECT_TRUE(OnlyEven(2));
  EXPECT_EQ(OnlyEven(3).error().message, "3 is odd");
}

TEST(Result, ConvertsToBase) {
  struct Base {
    virtual ~Base() = default;
  };
  struct Derived : Base {};
  const auto make = []() -> Result<std::unique_ptr<Base>> { return std::make_unique<Derived>(); };
  EXPECT_NE(*make(), nullptr);
}

TEST(ResultDeathTest, ValueOfErrorAborts) { EXPECT_DEATH((void)Half(3).value(), "3 is odd"); }

}  // namespace
}  // namespace bantam
