#include "api/request_head.h"

#include <gtest/gtest.h>

#include <random>

namespace bantam {
namespace {

// The status of the refusal, 0 when accepted.
int StatusOf(std::string_view bytes) {
  RequestHead head;
  const auto problem = ParseRequestHead(bytes, head);
  return problem ? problem->status : 0;
}
int WithHeaders(const std::string& headers) {
  return StatusOf("POST /v1/x HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
}

TEST(RequestHead, ParsesAnOrdinaryRequest) {
  RequestHead head;
  ASSERT_FALSE(
      ParseRequestHead("POST /v1/models/a%2Fb%3Ax?q=1&r HTTP/1.1\r\nHOST: LocalHost:8080\r\nContent-Length: 12\r\n"
                       "X-A:  b c \r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
                       head));
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/v1/models/a/b:x");
  EXPECT_EQ(head.query, "q=1&r");
  EXPECT_EQ(head.host, "localhost");
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_EQ(head.headers[2].second, "b c");
  EXPECT_TRUE(head.expects_continue);
  EXPECT_FALSE(head.keep_alive);
}

TEST(RequestHead, RefusesSmuggling) {  // HOSTILE H-05
  for (const char* length : {"-1", "+5", "0x10", "5, 5", "5 5", "", "99999999999999999999", "5;"}) {
    EXPECT_EQ(WithHeaders(std::string("Content-Length: ") + length + "\r\n"), 400) << length;
  }
  EXPECT_EQ(WithHeaders("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
  EXPECT_EQ(WithHeaders("Content-Length: 5\r\nContent-Length: 6\r\n"), 400);
  EXPECT_EQ(WithHeaders("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400);
  for (const char* coding : {"xchunked", "chunked, identity", "gzip, chunked", "identity", ""}) {
    EXPECT_EQ(WithHeaders(std::string("Transfer-Encoding: ") + coding + "\r\n"), 400) << coding;
  }
  EXPECT_EQ(WithHeaders("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
  EXPECT_EQ(StatusOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(WithHeaders("Transfer-Encoding: Chunked\r\n"), 0);
}

TEST(RequestHead, RefusesMalformedHeaders) {  // HOSTILE H-07
  EXPECT_EQ(WithHeaders("no colon\r\n"), 400);
  EXPECT_EQ(WithHeaders("Name : x\r\n"), 400);
  EXPECT_EQ(WithHeaders(": x\r\n"), 400);
  EXPECT_EQ(WithHeaders("A: b\r\n folded\r\n"), 400);
  EXPECT_EQ(WithHeaders(std::string("A: b\0c\r\n", 8)), 400);
  EXPECT_EQ(WithHeaders("A: b\rc\r\n"), 400);
  EXPECT_EQ(WithHeaders("A: b\nc: d\r\n"), 400);
  EXPECT_EQ(WithHeaders("N\xC3\xA4me: x\r\n"), 400);
  EXPECT_EQ(WithHeaders("Host: other\r\n"), 400);
  EXPECT_EQ(WithHeaders("Authorization: a\r\nAuthorization: b\r\n"), 400);
  EXPECT_EQ(WithHeaders("Content-Encoding: gzip\r\n"), 415);
  EXPECT_EQ(WithHeaders("Expect: something\r\n"), 417);
  std::string many;
  for (int i = 0; i < 63; ++i) many += "X: y\r\n";
  EXPECT_EQ(WithHeaders(many), 0);
  EXPECT_EQ(WithHeaders(many + "X: y\r\n"), 431);
}

TEST(RequestHead, RefusesMalformedRequestLines) {      // HOSTILE H-34, H-38
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\n\r\n"), 400);  // no Host
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(StatusOf("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  for (const char* line :
       {"GET /", "GET  / HTTP/1.1", "GET http://x/ HTTP/1.1", "G(T / HTTP/1.1", "GET /a b HTTP/1.1", " GET / HTTP/1.1",
        "GET /%zz HTTP/1.1", "GET /%00 HTTP/1.1", "GET /%ff HTTP/1.1", "GET * HTTP/1.1", "GET /\x01 HTTP/1.1"}) {
    EXPECT_EQ(StatusOf(std::string(line) + "\r\nHost: a\r\n\r\n"), 400) << line;
  }
  for (const char* host : {"", "x/ignored?", "a b", "[::1", "a:b", "a:1234567", "a@b"}) {
    EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), 400) << host;
  }
  EXPECT_EQ(StatusOf("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
}

TEST(RequestHead, LoopbackHosts) {
  for (const char* host : {"localhost", "127.0.0.1", "127.8.9.1", "::1", "my.name"})
    EXPECT_TRUE(IsLoopbackHost(host, {"my.name"})) << host;
  for (const char* host :
       {"evil.com", "127.0.0.1.evil.com", "127.1", "127.0.0.1.", "127.0.0.256", "foo.local", "", "0.0.0.0"}) {
    EXPECT_FALSE(IsLoopbackHost(host, {})) << host;
  }
}

TEST(RequestHead, SurvivesRandomBytes) {
  std::mt19937 random(7);
  const std::string seed = "POST /v1/x?y HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nA: b\r\n\r\n";
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes = seed;
    for (int edits = 0; edits < 1 + round % 4; ++edits) {
      const size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 3);
          break;
        default:
          bytes.insert(at, 1, static_cast<char>(random()));
      }
    }
    StatusOf(bytes);
  }
}

}  // namespace
}  // namespace bantam
