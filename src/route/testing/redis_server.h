// For tests only: a real redis-server on a socket in a folder of its own, that can be stopped, killed and paused.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/testing.h"
#include "route/redis/redis_connection.h"

namespace bantam::testing {

inline constexpr const char* kRedisServer = "/usr/bin/redis-server";

class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> arguments = {}) : arguments_(std::move(arguments)) { Start(); }
  ~RedisServer() { Kill(); }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  void Start() {
    const std::string socket = (folder_ / "redis.sock").string();
    std::vector<std::string> words = {kRedisServer, "--port", "0",     "--unixsocket",         socket,
                                      "--save",     "",       "--dir", folder_.path().string()};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    std::filesystem::remove(socket);
    process_ = ::fork();
    if (process_ == 0) {
      ::setpgid(0, 0);
      const int nothing = ::open("/dev/null", O_RDWR);
      ::dup2(nothing, STDOUT_FILENO);
      ::dup2(nothing, STDERR_FILENO);
      ::execv(kRedisServer, pointers.data());
      ::_exit(127);
    }
    const StreamAddress address{.unix_path = socket};
    for (int i = 0; i < 5'000 && !ByteStream::Connect(address, std::chrono::milliseconds(100)); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void Kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  void Pause() { ::kill(process_, SIGSTOP); }
  void Resume() { ::kill(process_, SIGCONT); }

  std::string Url(const std::string& who = {}) const { return "unix://" + who + (folder_ / "redis.sock").string(); }
  RedisAddress Address(const std::string& who = {}) const { return ParseRedisUrl(Url(who)).value(); }
  // What `redis-cli` would print, as text; for looking behind the cache's back.
  RedisReply Ask(std::initializer_list<std::string_view> words) const {
    auto connection = RedisConnection::Connect(Address(), std::chrono::milliseconds(5'000));
    EXPECT_TRUE(connection) << (connection ? "" : connection.error().message);
    if (!connection) return {};
    return (*connection)->Ask(RedisPipeline().Add(words), std::chrono::milliseconds(5'000)).value().front();
  }

 private:
  TempFolder folder_;
  const std::vector<std::string> arguments_;
  pid_t process_ = 0;
};

}  // namespace bantam::testing

// A named skip, or a failure in CI, where there is no redis-server.
#define BANTAM_REQUIRE_REDIS()                                              \
  if (::access(::bantam::testing::kRedisServer, X_OK) != 0) {               \
    if (::bantam::testing::InCi()) FAIL() << "missing in CI: redis-server"; \
    GTEST_SKIP() << "missing: the Debian package redis-server";             \
  }                                                                         \
  static_assert(true)
