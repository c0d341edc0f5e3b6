#include "base/xml.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

TEST(EscapeXml, LeavesNothingThatAParserWouldRead) {
  EXPECT_EQ(EscapeXml("a < b && \"c\" > d"), "a &lt; b &amp;&amp; &quot;c&quot; &gt; d");
  EXPECT_EQ(EscapeXml("one\n\ttwo \xC3\xA9"), "one\n\ttwo \xC3\xA9");
  EXPECT_EQ(EscapeXml(std::string_view("bell\x07 nul\0.", 11)), "bell? nul?.");
  EXPECT_EQ(EscapeXml("\xFF"), "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace bantam
