#include "net/url_encode.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

TEST(UrlEncode, LeavesOnlyWhatIsUnreserved) {
  EXPECT_EQ(UrlEncode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(UrlEncode("a b/c?d=%&#+:@"), "a%20b%2Fc%3Fd%3D%25%26%23%2B%3A%40");
  EXPECT_EQ(UrlEncode("Gen\xc3\xa8ve\n"), "Gen%C3%A8ve%0A");
  EXPECT_EQ(UrlEncode(std::string_view("\0", 1)), "%00");
  EXPECT_EQ(UrlEncode(""), "");
}

}  // namespace
}  // namespace bantam
