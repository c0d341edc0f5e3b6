#include "base/svg.h"

#include <gtest/gtest.h>

#include <vector>

namespace bantam {
namespace {

TEST(SvgPicture, HoldsWhatItIsGivenAndEscapesTexts) {
  SvgPicture picture(100, 50, "a < b");
  picture.Line("grid", 0, 1, 2, 3.14159);
  picture.Rect("right", 1, 2, 3, 4);
  picture.Dot("bad", 5, 6, 7, "\"x\" & y");
  const std::vector<SvgPoint> points = {{0, 0}, {1.25, 2}};
  picture.Polyline("curve", points);
  picture.TurnedText("label", 8, 9, "<up>");
  const std::string svg = picture.Finish();
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 50\""));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  for (const char* part : {"<title>a &lt; b</title>", "y2=\"3.1\"", "height=\"4.0\"></rect>",
                           "<title>&quot;x&quot; &amp; y</title>", "points=\"0.0,0.0 1.2,2.0\"", ">&lt;up&gt;</text>"})
    EXPECT_NE(svg.find(part), std::string::npos) << part;
}

TEST(ShortCount, FitsABar) {
  EXPECT_EQ(ShortCount(0), "0");
  EXPECT_EQ(ShortCount(999), "999");
  EXPECT_EQ(ShortCount(3912), "3.9k");
  EXPECT_EQ(ShortCount(39120), "39k");
  EXPECT_EQ(ShortCount(3.9e6), "3.9M");
}

}  // namespace
}  // namespace bantam
