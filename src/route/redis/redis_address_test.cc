#include <gtest/gtest.h>

#include "base/testing.h"
#include "route/redis/redis_connection.h"

namespace bantam {
namespace {

TEST(RedisUrl, SaysWhereAndAsWhom) {
  ASSERT_OK_AND_ASSIGN(const RedisAddress plain, ParseRedisUrl("redis://cache.internal"));
  EXPECT_EQ(plain.stream.host, "cache.internal");
  EXPECT_EQ(plain.stream.port, 6379);
  EXPECT_EQ(plain.database, 0);
  EXPECT_FALSE(plain.stream.tls);
  EXPECT_EQ(plain.shown, "redis://cache.internal:6379/0");
  ASSERT_OK_AND_ASSIGN(const RedisAddress full, ParseRedisUrl("rediss://ann:p%40ss%3a@[::1]:7000/3"));
  EXPECT_TRUE(full.stream.tls);
  EXPECT_EQ(full.stream.host, "[::1]");
  EXPECT_EQ(full.stream.port, 7000);
  EXPECT_EQ(full.user, "ann");
  EXPECT_EQ(full.password, "p@ss:");
  EXPECT_EQ(full.database, 3);
  EXPECT_EQ(full.shown, "rediss://[::1]:7000/3");
  ASSERT_OK_AND_ASSIGN(const RedisAddress local, ParseRedisUrl("unix://:secret@/run/redis.sock?db=2"));
  EXPECT_EQ(local.stream.unix_path, "/run/redis.sock");
  EXPECT_EQ(local.password, "secret");
  EXPECT_EQ(local.database, 2);
  EXPECT_EQ(local.shown, "unix:///run/redis.sock database 2");
  ASSERT_OK_AND_ASSIGN(const RedisAddress path, ParseRedisUrl("unix:///run/redis.sock"));
  EXPECT_EQ(path.stream.unix_path, "/run/redis.sock");
}

TEST(RedisUrl, WhatIsWrongIsSaidWithoutThePassword) {
  for (const char* url :
       {"", "redis", "http://host", "redis://", "redis://:sesame@", "redis://u:sesame@host:0",
        "redis://u:sesame@host:x", "redis://u:sesame@host/db", "redis://u:sesame@ho st", "redis://u:sesame%4@host",
        "redis://sesame@host", "redis://u:sesame@host:70000", "redis://u:se/same@host", "unix://u:sesame@run",
        "unix:///x?db=sesame", "redis://u:sesame@[::1", "redis://u:sesame@host\r\n", "redis://u:sesame@a#b"}) {
    const auto address = ParseRedisUrl(url);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidArgument) << url;
    EXPECT_EQ(address.error().message.find("sesame"), std::string::npos) << address.error().message;
  }
}

}  // namespace
}  // namespace bantam
