#include "api/local_caller.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

bool Local(std::string peer, std::string host, std::vector<std::pair<std::string, std::string>> more = {}) {
  HttpRequest request;
  request.peer = std::move(peer);
  request.headers = std::move(more);
  if (!host.empty()) request.headers.emplace_back("host", std::move(host));
  return IsLocalCaller(request);
}

TEST(LocalCaller, ProgramsOnThisMachine) {
  EXPECT_TRUE(Local("127.0.0.1", "localhost:8080"));
  EXPECT_TRUE(Local("127.3.2.1", "127.0.0.1"));
  EXPECT_TRUE(Local("::1", "[::1]:8080"));
  EXPECT_TRUE(Local("::ffff:127.0.0.1", "localhost"));
  EXPECT_TRUE(Local("127.0.0.1", ""));  // HTTP/1.0
}

TEST(LocalCaller, OthersAndWhoeverStandsBehindAProxy) {
  EXPECT_FALSE(Local("192.168.1.7", "localhost:8080"));
  EXPECT_FALSE(Local("fe80::1", "localhost"));
  EXPECT_FALSE(Local("127.0.0.1", "models.example"));
  EXPECT_FALSE(Local("127.0.0.1", "127.0.0.1.evil.example"));
  for (const char* header : {"x-forwarded-for", "forwarded", "x-real-ip", "via"}) {
    EXPECT_FALSE(Local("127.0.0.1", "localhost", {{header, "127.0.0.1"}})) << header;
  }
}

}  // namespace
}  // namespace bantam
