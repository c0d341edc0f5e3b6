// A connection to a Redis that may be slow, gone, or something else entirely. Whatever goes wrong with a reply ends the
// connection: a reply that comes late must never be taken for the answer to the next question.
//
//   BANTAM_TRY(const RedisAddress address, ParseRedisUrl("redis://:password@cache.internal:6379/0"));
//   BANTAM_TRY(auto redis, RedisConnection::Connect(address, milliseconds(250)));
//   BANTAM_TRY(const auto replies, redis->Ask(RedisPipeline().Add({"GET", key}), milliseconds(10)));
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/byte_stream.h"
#include "route/redis/resp.h"

namespace bantam {

struct RedisAddress {
  StreamAddress stream;
  std::string user, password;  // never printed; an empty user is the default one
  int database = 0;
  std::chrono::milliseconds lookup_timeout{10};  // how long a question waits for what was stored
  std::string shown;                             // for messages: without user and password

  bool operator==(const RedisAddress& other) const;
};

// redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, unix://[USER:PASSWORD@]/PATH[?db=DB]; USER and PASSWORD
// may have %XX, a password alone is written :PASSWORD. kInvalidArgument; messages hold no password.
Result<RedisAddress> ParseRedisUrl(std::string_view url);

class RedisPipeline {
 public:
  RedisPipeline& Add(std::initializer_list<std::string_view> words) {
    bytes_ += EncodeRedisCommand(words);
    ++size_;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }
  size_t size() const { return size_; }

 private:
  std::string bytes_;
  size_t size_ = 0;
};

// Why a reply of kind kError was given, for people: "is out of memory (OOM)". Never the server's own words, which may
// repeat what it was sent, passwords among it.
std::string RedisRefusal(const RedisReply& error);

// One thread at a time.
class RedisConnection {
 public:
  // Signed in, on its database, and it has answered. kUnavailable, kDeadline, kCorrupt; kForbidden: the password.
  static Result<std::unique_ptr<RedisConnection>> Connect(const RedisAddress& address,
                                                          std::chrono::milliseconds timeout);
  // One round trip: a reply for each command, of kind kError where the server refuses it. An error is the connection's
  // end.
  Result<std::vector<RedisReply>> Ask(const RedisPipeline& commands, std::chrono::milliseconds timeout);
  bool open() const { return stream_ != nullptr; }
  const std::string& shown() const { return shown_; }

 private:
  RedisConnection(std::unique_ptr<ByteStream> stream, std::string shown)
      : stream_(std::move(stream)), shown_(std::move(shown)) {}
  Status SignIn(const RedisAddress& address, std::chrono::milliseconds timeout);
  Result<std::vector<RedisReply>> Exchange(const RedisPipeline& commands, MonotonicTime deadline);

  std::unique_ptr<ByteStream> stream_;  // null: closed
  const std::string shown_;
  RedisReplyReader reader_;
};

}  // namespace bantam
