#include "store/remote_path.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

TEST(RemotePath, TakesWhatStaysInTheFolder) {
  for (const std::string_view path : {"config.json", "1_Pooling/config.json", "a b/ü.gguf", "..a", "a..b/c...d"}) {
    EXPECT_TRUE(CheckRemotePath(path, "x")) << path;
  }
}

TEST(RemotePath, RefusesWhatLeavesItOrIsOurs) {
  const std::string long_part(256, 'a');
  for (const std::string& path :
       {std::string(""), std::string("/etc/passwd"), std::string("../x"), std::string("a/../../x"), std::string("a//b"),
        std::string("a/"), std::string("."), std::string("a/./b"), std::string("a\\..\\b"), std::string("a\nb"),
        std::string("a\0b", 3), std::string("\xFF\xFE"), long_part, std::string("bantam.json"),
        std::string("packed/x.bin")}) {
    const Status status = CheckRemotePath(path, "OWNER/REPO");
    ASSERT_FALSE(status) << path;
    EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
    EXPECT_TRUE(status.error().message.starts_with("OWNER/REPO: the file name")) << status.error().message;
  }
}

TEST(RemotePath, ResolvesLocations) {
  const std::string_view base = "https://a.example/x/y?q=1";
  EXPECT_EQ(ResolveUrl(base, "https://b.example/z"), "https://b.example/z");
  EXPECT_EQ(ResolveUrl(base, "//b.example/z"), "https://b.example/z");
  EXPECT_EQ(ResolveUrl(base, "/z?w=/..://"), "https://a.example/z?w=/..://");
  EXPECT_EQ(ResolveUrl(base, "z#part"), "https://a.example/x/z");
  EXPECT_EQ(ResolveUrl(base, "?w=2"), "https://a.example/x/y?w=2");
  EXPECT_EQ(ResolveUrl("https://a.example", "z"), "https://a.example/z");
}

TEST(RemotePath, EncodesAndShows) {
  EXPECT_EQ(PercentEncode("refs/pr/1", false), "refs%2Fpr%2F1");
  EXPECT_EQ(PercentEncode("a b/ü?.gguf", true), "a%20b/%C3%BC%3F.gguf");
  EXPECT_EQ(ShownUrl("https://a.example/x?X-Amz-Signature=secret"), "https://a.example/x");
}

TEST(RemotePath, KnowsThisMachineInEveryNotation) {
  EXPECT_EQ(HostOf("https://User.Example:8443/x"), "user.example");
  EXPECT_EQ(HostOf("http://[::1]:80/x"), "::1");
  for (const char* host :
       {"localhost", "localhost.", "a.localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0.0.0.0",
        "169.254.169.254", "::1", "::", "fe80::1%eth0", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IsLocalHost(host)) << host;
  }
  for (const char* host : {"example.com", "10.0.0.1", "128.0.0.1", "169.253.1.1", "2001:db8::1", "localhost.com"}) {
    EXPECT_FALSE(IsLocalHost(host)) << host;
  }
}

}  // namespace
}  // namespace bantam
