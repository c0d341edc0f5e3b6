#include "base/base64.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

TEST(Base64, DecodesWhatItEncodes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string encoded;
    AppendBase64(std::as_bytes(std::span(bytes)), encoded);
    EXPECT_EQ(DecodeBase64(encoded), bytes) << encoded;
    bytes += static_cast<char>(i * 37);
  }
}

TEST(Base64, RefusesWhatIsNot) {
  for (const char* text :
       {"a", "ab", "abc", "ab=c", "a===", "====", "ab==\n", "ab c", "YR==", "YWJ=", "YQ==YQ==", "_w=="}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace bantam
