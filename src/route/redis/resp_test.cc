#include "route/redis/resp.h"

#include <gtest/gtest.h>

#include <random>

#include "base/testing.h"

namespace bantam {
namespace {

// What a reader makes of bytes that come in pieces of `piece`: the replies, and whether it gave up.
std::pair<std::vector<RedisReply>, bool> Read(std::string_view bytes, size_t piece) {
  RedisReplyReader reader;
  std::vector<RedisReply> replies;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    reader.Feed(bytes.substr(at, piece));
    while (true) {
      auto reply = reader.Next();
      if (!reply) return {std::move(replies), true};
      if (!*reply) break;
      replies.push_back(**std::move(reply));
    }
  }
  return {std::move(replies), false};
}

TEST(RedisReplies, AreReadHoweverTheyAreCut) {
  const std::string bytes =
      "+OK\r\n-ERR no\r\n:-42\r\n$5\r\na\r\nbc\r\n$-1\r\n*-1\r\n$0\r\n\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    const auto [replies, gave_up] = Read(bytes, piece);
    ASSERT_FALSE(gave_up) << piece;
    ASSERT_EQ(replies.size(), 8u) << piece;
    EXPECT_TRUE(replies[0].IsStatus("OK"));
    EXPECT_EQ(replies[1].kind, RedisReply::kError);
    EXPECT_EQ(replies[1].text, "ERR no");
    EXPECT_EQ(replies[2].integer, -42);
    EXPECT_EQ(replies[3].text, "a\r\nbc");
    EXPECT_EQ(replies[4].kind, RedisReply::kNull);
    EXPECT_EQ(replies[5].kind, RedisReply::kNull);
    EXPECT_EQ(replies[6].kind, RedisReply::kText);
    ASSERT_EQ(replies[7].elements.size(), 2u);
    EXPECT_EQ(replies[7].elements[1].elements[0].text, "x");
  }
}

TEST(RedisReplies, NonsenseIsRefused) {
  for (const std::string bytes :
       {"HTTP/1.1 400 Bad Request\r\n", "$5\r\nabcdefg\r\n", "$-2\r\n", ":12a\r\n", ":\r\n",
        "$99999999999999999999\r\n", "$9000000\r\n", "*100001\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "\r\n", "$ 1\r\nx\r\n", "*2\r\n:1\r\nx"})
    EXPECT_TRUE(Read(bytes, 7).second) << bytes;
  EXPECT_TRUE(Read("+" + std::string(100'000, 'x'), 1'000).second);
}

TEST(RedisReplies, RandomBytesNeverHurt) {
  std::mt19937 random(3);
  constexpr std::string_view kLetters = "+-:$*0123456789\r\n\r\n\r\nab";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (size_t i = random() % 60; i > 0; --i) bytes += kLetters[random() % kLetters.size()];
    Read(bytes, 1 + random() % 9);
  }
}

TEST(RedisCommands, CarryAnyBytes) {
  EXPECT_EQ(EncodeRedisCommand({"SET", std::string_view("a\r\n\0", 4), ""}),
            std::string("*3\r\n$3\r\nSET\r\n$4\r\na\r\n\0\r\n$0\r\n\r\n", 29));
}

}  // namespace
}  // namespace bantam
