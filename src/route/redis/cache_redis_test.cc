// The cache in a Redis: a real one, with what may happen to it, and others that only pretend to be one.
#include "route/redis/cache_redis.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "base/log.h"
#include "net/testing/scripted_server.h"
#include "net/testing/test_certificate.h"
#include "route/redis/cache_rows.h"
#include "route/result_cache.h"
#include "route/testing/redis_server.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::RedisServer;

Sha256Digest Key(int n) { return CacheKey().Add("key").Add(std::to_string(n)).Finish(); }
std::string Value(int n) { return fmt::format("value {}", n); }
std::string NameOf(int n) { return "bantam:desk:a:" + HexOf(Key(n)); }

// What was logged while it lives.
class LogCapture {
 public:
  LogCapture() {
    SetLogSink([this](LogLevel, std::string_view line) {
      const std::lock_guard lock(mutex_);
      text_.append(line).append("\n");
    });
  }
  ~LogCapture() { SetLogSink({}); }
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// What other threads and processes do in their own time.
template <typename Condition>
bool Within(milliseconds time, const Condition& condition) {
  const MonotonicTime start = MonotonicNow();
  while (!condition()) {
    if (MonotonicNow() - start > time) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}
template <typename Condition>
void WaitFor(const Condition& condition) {
  EXPECT_TRUE(Within(seconds(20), condition));
}

// Without its own memory, so that what is found comes from the Redis; and with patience, for a busy machine.
std::unique_ptr<ResultCache> OpenCache(RedisAddress address, CacheOptions options = {.memory_entries = 0}) {
  address.lookup_timeout = seconds(5);
  return ResultCache::OpenShared(address, "desk", options);
}

// The same, of a Redis that works, however long it takes to answer.
std::unique_ptr<ResultCache> Connected(const RedisAddress& address, CacheOptions options = {.memory_entries = 0}) {
  auto cache = OpenCache(address, std::move(options));
  WaitFor([&] { return cache->Stats().on_disk; });
  return cache;
}

void StoreAndWait(ResultCache& cache, int n) {
  // Again, where the Redis was given up meanwhile: the machine may be busy. Not sooner: a store that is still queued
  // would come between what the test does next.
  WaitFor([&] {
    cache.Store(Key(n), Value(n));
    return Within(seconds(2), [&] { return cache.Find(Key(n)) == Value(n); });
  });
}

TEST(RedisCache, TwoProcessesShareWhatTheyKnow) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  const auto one = Connected(redis.Address()), other = Connected(redis.Address());
  ASSERT_TRUE(one->Stats().on_disk && other->Stats().on_disk);
  EXPECT_EQ(other->Find(Key(1)), std::nullopt);
  one->Store(Key(1), Value(1));
  one->Store(Key(2), "");
  WaitFor([&] { return other->Find(Key(1)) == Value(1) && other->Find(Key(2)) == ""; });
  other->Store(Key(1), Value(11));
  WaitFor([&] { return one->Find(Key(1)) == Value(11); });
  WaitFor([&] { return one->Stats().entries == 2 && other->Stats().entries == 2; });
  // Another assistant in the same Redis sees none of it.
  const auto stranger = ResultCache::OpenShared(redis.Address(), "other", {});
  EXPECT_EQ(stranger->Find(Key(1)), std::nullopt);
  EXPECT_EQ(stranger->Stats().entries, 0u);
}

TEST(RedisCache, SimilarQuestionsOfOtherProcessesAreFound) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  const auto one = Connected(redis.Address()), other = Connected(redis.Address());
  const Sha256Digest partition = Key(100), elsewhere = Key(101);
  const std::vector<float> vector = {1, 2, 3, 4}, near = {1, 2, 3, 4.5f};
  const SimilarKey similar{partition, "how do I pay", "payment", vector};
  one->StoreSimilar(Key(1), Value(1), &similar);
  WaitFor([&] { return !other->FindSimilar(partition, near, 0.9f).empty(); });
  EXPECT_EQ(other->FindSimilar(partition, near, 0.9f)[0].question, "how do I pay");
  EXPECT_EQ(other->FindSimilar(partition, near, 0.9f)[0].key, Key(1));
  EXPECT_TRUE(other->FindSimilar(elsewhere, near, 0.9f).empty());
  // One that comes later reads what is there.
  const auto third = Connected(redis.Address());
  EXPECT_EQ(third->FindSimilar(partition, near, 0.9f).size(), 1u);
  // Found, and gone meanwhile: a miss, and not found again.
  redis.Ask({"DEL", NameOf(1)});
  EXPECT_EQ(third->Find(Key(1)), std::nullopt);
  EXPECT_TRUE(third->FindSimilar(partition, near, 0.9f).empty());
}

TEST(RedisCache, AFlushIsSeenByAll) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  const auto one = Connected(redis.Address(), {.epoch = "old"}), other = Connected(redis.Address(), {.epoch = "new"});
  const std::vector<float> vector = {1, 2, 3, 4};
  const SimilarKey similar{Key(100), "how do I pay", "payment", vector};
  one->StoreSimilar(Key(1), Value(1), &similar);
  other->Store(Key(2), Value(2));
  WaitFor([&] { return one->Find(Key(2)) == Value(2) && other->Find(Key(1)) == Value(1); });
  ASSERT_OK(other->FlushEpoch("old"));
  EXPECT_EQ(other->Find(Key(1)), std::nullopt);
  WaitFor([&] { return one->Find(Key(1)) == std::nullopt && one->FindSimilar(Key(100), vector, 0.9f).empty(); });
  EXPECT_EQ(one->Find(Key(2)), Value(2));
  ASSERT_OK(one->Flush());
  EXPECT_EQ(one->Find(Key(2)), std::nullopt);
  WaitFor([&] { return other->Find(Key(2)) == std::nullopt; });
  EXPECT_EQ(redis.Ask({"KEYS", "bantam:desk:?:*"}).elements.size(), 0u);
}

TEST(RedisCache, TheOldestUnusedGoesAndEverythingExpires) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  const auto now = std::make_shared<std::atomic<int64_t>>(WallMicros());
  CacheOptions options{.ttl = seconds(3'600), .max_entries = 3, .memory_entries = 0};
  options.now_micros = [now] { return now->load(); };
  const auto cache = Connected(redis.Address(), options);
  for (int n = 0; n < 3; ++n) {
    StoreAndWait(*cache, n);
    *now += 1'000;
  }
  *now += 700'000'000;  // long enough for a use to be worth telling
  EXPECT_EQ(cache->Find(Key(0)), Value(0));
  *now += 1'000;
  StoreAndWait(*cache, 3);
  WaitFor([&] { return cache->Stats().evictions == 1 && cache->Stats().entries == 3; });
  EXPECT_EQ(cache->Find(Key(0)), Value(0));
  EXPECT_EQ(cache->Find(Key(1)), std::nullopt);
  EXPECT_GT(redis.Ask({"PTTL", "bantam:desk:used"}).integer, 0);
  EXPECT_GT(redis.Ask({"PTTL", NameOf(0)}).integer, 3'000'000);
  *now += 4'000'000'000;  // by our clock, before Redis's own
  EXPECT_EQ(cache->Find(Key(0)), std::nullopt);
  WaitFor([&] { return cache->Stats().expired == 1 && redis.Ask({"EXISTS", NameOf(0)}).integer == 0; });
}

TEST(RedisCache, CountersAreAddedUp) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  const auto now = WallMicros();
  for (int process = 0; process < 2; ++process) {
    const auto cache = Connected(redis.Address());
    cache->SetCounter("file", now);
    cache->AddToCounter("audited", 3);
    cache->Find(Key(1));
    WaitFor([&] { return cache->Counter("audited") == 3 * (process + 1); });
  }  // written at the end
  const auto cache = Connected(redis.Address());
  EXPECT_EQ(cache->Counter("file"), now);
  EXPECT_EQ(cache->Counter("audited"), 6);
  EXPECT_EQ(redis.Ask({"HGET", "bantam:desk:counters", "misses"}).text, "2");
  ASSERT_OK(cache->Flush());
  EXPECT_EQ(cache->Counter("audited"), 0);
}

TEST(RedisCache, D09_DiesInTheMiddleAndComesBack) {
  BANTAM_REQUIRE_REDIS();
  RedisServer redis;
  const auto cache = Connected(redis.Address(), {});
  cache->Store(Key(1), Value(1));
  WaitFor([&] { return cache->Stats().entries == 1; });
  redis.Kill();
  EXPECT_EQ(cache->Find(Key(2)), std::nullopt);  // asks, and finds it dead
  EXPECT_EQ(cache->Find(Key(1)), Value(1));      // from memory
  cache->Store(Key(3), Value(3));
  EXPECT_EQ(cache->Find(Key(3)), Value(3));
  WaitFor([&] { return !cache->Stats().on_disk && cache->Stats().skipped >= 1; });
  redis.Start();
  WaitFor([&] { return cache->Stats().on_disk; });
  // Empty now; whoever lost it must not believe its memory, for a flush may have been lost with it.
  WaitFor([&] { return cache->Find(Key(1)) == std::nullopt; });
  WaitFor([&] {
    cache->Store(Key(4), Value(4));
    return redis.Ask({"EXISTS", NameOf(4)}).integer == 1;
  });
}

TEST(RedisCache, D09_DownAtTheStart) {
  BANTAM_REQUIRE_REDIS();
  RedisServer redis;
  redis.Kill();
  const LogCapture log;
  const auto cache = OpenCache(redis.Address(), {});
  EXPECT_FALSE(cache->Stats().on_disk);
  EXPECT_NE(log.text().find("answers are kept in memory only"), std::string::npos) << log.text();
  cache->Store(Key(1), Value(1));
  EXPECT_EQ(cache->Find(Key(1)), Value(1));
  redis.Start();
  WaitFor([&] { return cache->Stats().on_disk; });
  StoreAndWait(*cache, 2);
}

TEST(RedisCache, D09_APausedServerIsWaitedForOnce) {
  BANTAM_REQUIRE_REDIS();
  RedisServer redis;
  const auto cache = ResultCache::OpenShared(redis.Address(), "desk", {.memory_entries = 0});
  StoreAndWait(*cache, 1);
  redis.Pause();
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(cache->Find(Key(1)), std::nullopt);
    cache->Store(Key(10 + i), Value(i));
    std::this_thread::sleep_for(milliseconds(1));
  }
  WaitFor([&] { return !cache->Stats().on_disk; });
  // One look-up or write found out, and a thread of its own tries now and then: to be connected, a Redis has to answer.
  EXPECT_LE(cache->Stats().disk_errors, 30u);
  redis.Resume();
  WaitFor([&] { return cache->Find(Key(1)) == Value(1); });
}

TEST(RedisCache, D09_OutOfMemoryReadsGoOn) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  const auto cache = Connected(redis.Address());
  StoreAndWait(*cache, 1);
  const LogCapture log;
  redis.Ask({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  redis.Ask({"CONFIG", "SET", "maxmemory", "1"});
  for (int n = 2; n < 6; ++n) cache->Store(Key(n), Value(n));
  WaitFor([&] { return cache->Stats().skipped >= 4; });
  EXPECT_EQ(cache->Find(Key(1)), Value(1));
  EXPECT_TRUE(cache->Stats().on_disk);
  EXPECT_NE(log.text().find("is out of memory"), std::string::npos) << log.text();
  EXPECT_EQ(log.text().find("kept in memory only", log.text().find("kept in memory only") + 1), std::string::npos);
  redis.Ask({"CONFIG", "SET", "maxmemory", "0"});
  StoreAndWait(*cache, 7);
}

TEST(RedisCache, D09_AReadOnlyReplica) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  {
    const auto cache = Connected(redis.Address());
    StoreAndWait(*cache, 1);
  }
  redis.Ask({"REPLICAOF", "127.0.0.1", "1"});
  const LogCapture log;
  const auto cache = Connected(redis.Address());
  EXPECT_EQ(cache->Find(Key(1)), Value(1));
  cache->Store(Key(2), Value(2));
  WaitFor([&] { return cache->Stats().skipped >= 1; });
  EXPECT_NE(log.text().find("read-only replica"), std::string::npos) << log.text();
}

TEST(RedisCache, D09_PasswordsAreWrongOrMissingAndNeverPrinted) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis({"--requirepass", "open sesame"});
  for (const std::string who : {"", ":sesame-wrong@", "ann:sesame-wrong@"}) {
    const LogCapture log;
    const auto cache = OpenCache(redis.Address(who), {});
    EXPECT_FALSE(cache->Stats().on_disk);
    EXPECT_NE(log.text().find("password"), std::string::npos) << log.text();
    EXPECT_EQ(log.text().find("sesame"), std::string::npos) << log.text();
  }
  const auto cache = Connected(redis.Address(":open%20sesame@"));
  ASSERT_TRUE(cache->Stats().on_disk);
  StoreAndWait(*cache, 1);
}

TEST(RedisCache, D09_ValuesThatAreNotOursAreMisses) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  const std::string name = NameOf(1);
  const auto cache = Connected(redis.Address());
  StoreAndWait(*cache, 1);
  const std::string answer = redis.Ask({"GET", name}).text;
  const auto is_a_miss = [&](const std::string& bytes) {
    const uint64_t before = cache->Stats().bad_rows;
    WaitFor([&] {  // until it was looked at: a busy machine may be late, and the one before is being removed
      redis.Ask({"SET", name, bytes});
      EXPECT_EQ(cache->Find(Key(1)), std::nullopt) << bytes.size();
      return cache->Stats().bad_rows > before;
    });
  };
  for (size_t size = 0; size < answer.size(); ++size) is_a_miss(answer.substr(0, size));
  for (size_t at = 0; at < answer.size(); ++at) {
    std::string changed = answer;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    is_a_miss(changed);
  }
  is_a_miss(answer + "x");
  is_a_miss(std::string(300'000, '\xff'));
  is_a_miss(PackAnswer(Key(2), {WallMicros(), "", "somebody else's"}));  // right, for another key
  redis.Ask({"DEL", name});
  redis.Ask({"LPUSH", name, answer});  // not even a text
  EXPECT_EQ(cache->Find(Key(1)), std::nullopt);
  StoreAndWait(*cache, 1);
}

TEST(RedisCache, D09_QuestionsThatAreNotOursAreNotFound) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  const std::vector<float> vector = {1, 2, 3, 4};
  const SimilarKey similar{Key(100), "how do I pay", "payment", vector};
  {
    const auto cache = Connected(redis.Address());
    WaitFor([&] {
      cache->StoreSimilar(Key(1), Value(1), &similar);
      return cache->Find(Key(1)) == Value(1);
    });
  }  // and all that was on its way is there
  const std::string name = "bantam:desk:q:" + HexOf(Key(1)), question = redis.Ask({"GET", name}).text;
  const auto found = [&] { return Connected(redis.Address())->FindSimilar(Key(100), vector, 0.5f).size() == 1; };
  WaitFor(found);
  for (const std::string& bytes : {question.substr(0, question.size() - 1), "x" + question, std::string()}) {
    redis.Ask({"SET", name, bytes});
    EXPECT_FALSE(found());
  }
  redis.Ask({"SET", name, question});
  WaitFor(found);
}

TEST(RedisCache, D09_OthersDataInItsPlacesIsNotTrusted) {
  BANTAM_REQUIRE_REDIS();
  const RedisServer redis;
  redis.Ask({"SET", "bantam:desk:used", "no set"});
  const auto broken = OpenCache(redis.Address(), {});
  EXPECT_FALSE(broken->Stats().on_disk);
  broken->Store(Key(1), Value(1));
  EXPECT_EQ(broken->Find(Key(1)), Value(1));
  redis.Ask({"DEL", "bantam:desk:used"});
  redis.Ask({"ZADD", "bantam:desk:used", "1", "no key", "2", std::string(70'000, 'k')});
  redis.Ask({"XADD", "bantam:desk:news", "*", "x", "y", "z", "w"});
  redis.Ask({"XADD", "bantam:desk:news", "*", "k", "no key"});
  redis.Ask({"HSET", "bantam:desk:counters", "similar.audited", "9223372036854775807", "hits", "many", "x", "-1"});
  const auto cache = Connected(redis.Address());
  cache->AddToCounter("similar.audited", 1);
  StoreAndWait(*cache, 2);
  ASSERT_OK(cache->Flush());
  EXPECT_EQ(redis.Ask({"ZCARD", "bantam:desk:used"}).integer, 0);
}

TEST(RedisCache, OverTlsTheCertificateIsChecked) {
  BANTAM_REQUIRE_REDIS();
  const testing::TempFolder folder;
  const testing::TestCertificate certificate = testing::MakeTestCertificate();
  ASSERT_OK(WriteFileAtomic(folder / "cert.pem", certificate.certificate));
  ASSERT_OK(WriteFileAtomic(folder / "key.pem", certificate.key));
  const std::string port = std::to_string(testing::ScriptedServer::ClosedPort());
  const RedisServer redis({"--tls-port", port, "--tls-cert-file", (folder / "cert.pem").string(), "--tls-key-file",
                           (folder / "key.pem").string(), "--tls-auth-clients", "no"});
  RedisAddress address = ParseRedisUrl("rediss://127.0.0.1:" + port).value();
  EXPECT_FALSE(OpenCache(address)->Stats().on_disk) << "signed by nobody that the system trusts";
  address.stream.ca_file = (folder / "cert.pem").string();
  const auto cache = Connected(address);
  ASSERT_TRUE(cache->Stats().on_disk);
  StoreAndWait(*cache, 1);
}

// Servers that are none, or that lie: each is refused or lost, nothing hangs, and memory serves.
TEST(RedisCache, D09_OtherServersInItsPlace) {
  const std::string pong = "+OK\r\n+OK\r\n+PONG\r\n";  // to AUTH, SELECT and PING
  const std::vector<std::pair<const char*, std::function<void(testing::ScriptedServer::Connection&)>>> scripts = {
      {"HTTP", [](auto& c) { c.Send("HTTP/1.1 400 Bad Request\r\n\r\n"); }},
      {"silence", [](auto& c) { c.WaitForPeerToClose(); }},
      {"closes", [](auto&) {}},
      {"resets", [](auto& c) { c.Reset(); }},
      {"half a reply", [](auto& c) { c.Send("+O"); }},
      {"another reply", [](auto& c) { c.Send("+OK\r\n:1\r\n"), c.WaitForPeerToClose(); }},
      {"more than was asked for", [&](auto& c) { c.Send(pong + "+OK\r\n"), c.WaitForPeerToClose(); }},
      {"a text without end", [&](auto& c) { c.Send("+OK\r\n$9999999999\r\n"), c.WaitForPeerToClose(); }},
      {"without end",
       [](auto& c) {
         while (c.Send(std::string(65'536, '*'))) {
         }
       }},
      {"drips", [](auto& c) { c.SendSlowly("+OK\r\n+PONG\r\n", milliseconds(60)); }},
      {"then silence", [&](auto& c) { c.Send(pong), c.WaitForPeerToClose(); }},
      {"then nonsense",
       [&](auto& c) { c.Send(pong), c.Pause(milliseconds(30)), c.Send("$3\r\nabcdef\r\n"), c.WaitForPeerToClose(); }},
  };
  for (const auto& [name, script] : scripts) {
    SCOPED_TRACE(name);
    const LogCapture log;
    // What comes before it is asked for would be refused as that.
    testing::ScriptedServer server([&](auto& c) { c.WaitForBytes(), script(c); });
    const MonotonicTime start = MonotonicNow();
    const auto cache = OpenCache(ParseRedisUrl(fmt::format("redis://:sesame@127.0.0.1:{}", server.port())).value(), {});
    EXPECT_LT(MonotonicNow() - start, seconds(4));
    EXPECT_FALSE(cache->Stats().on_disk);
    cache->Store(Key(1), Value(1));
    EXPECT_EQ(cache->Find(Key(1)), Value(1));
    EXPECT_EQ(cache->Find(Key(2)), std::nullopt);
    EXPECT_EQ(log.text().find("sesame"), std::string::npos) << log.text();
  }
}

// A reply that comes too late must not be taken for the next one.
TEST(RedisCache, D09_ALateReplyIsNeverAnothersAnswer) {
  const std::string late = PackAnswer(Key(1), {WallMicros(), "", Value(1)});
  const testing::ScriptedServer server([&](auto& c) {
    c.WaitForBytes();
    c.Send("+OK\r\n+PONG\r\n");
    c.Pause(milliseconds(100));
    c.Send(fmt::format("${}\r\n{}\r\n", late.size(), late));
    c.WaitForPeerToClose();
  });
  ASSERT_OK_AND_ASSIGN(const RedisAddress address, ParseRedisUrl(fmt::format("redis://127.0.0.1:{}", server.port())));
  ASSERT_OK_AND_ASSIGN(const auto connection, RedisConnection::Connect(address, seconds(5)));
  EXPECT_EQ(connection->Ask(RedisPipeline().Add({"GET", "1"}), milliseconds(10)).error().code, ErrorCode::kDeadline);
  EXPECT_FALSE(connection->open());
  std::this_thread::sleep_for(milliseconds(120));
  EXPECT_EQ(connection->Ask(RedisPipeline().Add({"GET", "2"}), seconds(5)).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace bantam
