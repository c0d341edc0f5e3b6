#include "route/result_cache.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/log.h"
#include "base/testing.h"
#include "route/cache_admin.h"
#include "route/sqlite_file.h"
#include "route/testing/broken_files.h"
#include "route/testing/small_disk.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Sha256Digest Key(int n) { return CacheKey().Add("key").Add(std::to_string(n)).Finish(); }
std::string Value(int n, size_t size = 200) {
  std::string value = fmt::format("value {} ", n);
  value.resize(size, static_cast<char>('a' + n % 26));
  return value;
}

struct Clock {
  std::shared_ptr<std::atomic<int64_t>> now = std::make_shared<std::atomic<int64_t>>(1'700'000'000'000'000);
  int64_t operator()() const { return *now; }
};

// What the writer thread does in its own time.
template <typename Condition>
void WaitFor(const Condition& condition) {
  for (int i = 0; i < 20'000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_TRUE(condition());
}

TEST(ResultCache, FindsWhatWasStoredAlsoAfterARestart) {
  testing::TempFolder folder;
  const Path file = folder / "state/cache.db";
  {
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
    EXPECT_EQ(cache->Find(Key(1)), std::nullopt);
    cache->Store(Key(1), Value(1));
    cache->Store(Key(2), "");
    cache->Store(Key(1), Value(11));
    EXPECT_EQ(cache->Find(Key(1)), Value(11));
    EXPECT_EQ(cache->Find(Key(2)), "");
    const CacheStats stats = cache->Stats();
    EXPECT_EQ(stats.hits, 2u);
    EXPECT_EQ(stats.memory_hits, 2u);
    EXPECT_EQ(stats.misses, 1u);
    EXPECT_EQ(stats.stores, 3u);
  }
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
  EXPECT_EQ(cache->Stats().entries, 2u);
  EXPECT_EQ(cache->Find(Key(1)), Value(11));
  EXPECT_EQ(cache->Stats().memory_hits, 0u);
  EXPECT_EQ(cache->Find(Key(1)), Value(11));
  EXPECT_EQ(cache->Stats().memory_hits, 1u);
  EXPECT_EQ(cache->Find(Key(2)), "");
}

TEST(ResultCache, FromMemoryAloneAMissIsNotCounted) {
  testing::TempFolder folder;
  Clock clock;
  const CacheOptions options{.ttl = seconds(10), .now_micros = clock};
  {
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
    cache->Store(Key(1), Value(1));
    EXPECT_EQ(cache->FindInMemory(Key(1)), Value(1));
    EXPECT_EQ(cache->FindInMemory(Key(2)), std::nullopt);
    EXPECT_EQ(cache->Stats().hits, 1u);
    EXPECT_EQ(cache->Stats().misses, 0u);
    *clock.now += 11'000'000;
    EXPECT_EQ(cache->FindInMemory(Key(1)), std::nullopt);
    *clock.now -= 11'000'000;
    cache->Store(Key(1), Value(1));
  }
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
  EXPECT_EQ(cache->FindInMemory(Key(1)), std::nullopt);
  EXPECT_EQ(cache->Find(Key(1)), Value(1));
  EXPECT_EQ(cache->FindInMemory(Key(1)), Value(1));
}

TEST(ResultCache, InMemoryAlone) {
  const std::vector<float> vector = {1, 2, 3, 4};
  CacheOptions options;
  options.max_entries = 3;
  const auto cache = ResultCache::InMemory(options);
  const SimilarKey similar{Key(100), "how do I pay", "payment", vector};
  cache->StoreSimilar(Key(1), Value(1), &similar);
  EXPECT_EQ(cache->Find(Key(1)), Value(1));
  EXPECT_EQ(cache->FindSimilar(Key(100), vector, 0.9f).size(), 1u);
  for (int i = 2; i < 6; ++i) cache->Store(Key(i), Value(i));
  EXPECT_EQ(cache->Find(Key(1)), std::nullopt);
  EXPECT_TRUE(cache->FindSimilar(Key(100), vector, 0.9f).empty());
  EXPECT_EQ(cache->Stats().entries, 3u);
  cache->AddToCounter("x", 2);
  EXPECT_EQ(cache->Counter("x"), 2);
  ASSERT_OK(cache->FlushEpoch("none"));
  ASSERT_OK(cache->Flush());
  EXPECT_EQ(cache->Find(Key(5)), std::nullopt);
  EXPECT_EQ(cache->Counter("x"), 0);
}

TEST(ResultCache, MemoryIsBounded) {
  testing::TempFolder folder;
  CacheOptions options;
  options.memory_entries = 2;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
  for (int i = 0; i < 10; ++i) cache->Store(Key(i), Value(i));
  WaitFor([&] { return cache->Stats().entries == 10; });
  EXPECT_EQ(cache->Find(Key(9)), Value(9));
  EXPECT_EQ(cache->Find(Key(8)), Value(8));
  EXPECT_EQ(cache->Stats().memory_hits, 2u);
  EXPECT_EQ(cache->Find(Key(0)), Value(0));  // from the disk
  EXPECT_EQ(cache->Stats().memory_hits, 2u);
  EXPECT_EQ(cache->Find(Key(0)), Value(0));  // now from memory
  EXPECT_EQ(cache->Stats().memory_hits, 3u);
  options.memory_entries = 0;
  ASSERT_OK_AND_ASSIGN(auto none, ResultCache::Open(folder / "none.db", options));
  none->Store(Key(1), Value(1));
  WaitFor([&] { return none->Stats().entries == 1; });
  EXPECT_EQ(none->Find(Key(1)), Value(1));
}

TEST(ResultCache, Expires) {
  testing::TempFolder folder;
  Clock clock;
  CacheOptions options;
  options.ttl = seconds(100);
  options.now_micros = clock;
  for (const size_t memory : {0, 100}) {
    options.memory_entries = memory;
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / fmt::format("{}.db", memory), options));
    cache->Store(Key(1), Value(1));
    WaitFor([&] { return cache->Stats().entries == 1; });
    *clock.now += 99'000'000;
    EXPECT_EQ(cache->Find(Key(1)), Value(1));
    *clock.now += 1'000'000;
    EXPECT_EQ(cache->Find(Key(1)), std::nullopt);
    WaitFor([&] { return cache->Stats().entries == 0; });
    // Set back by more than the TTL, the clock makes entries that seem to come from the future: not for ever.
    cache->Store(Key(2), Value(2));
    WaitFor([&] { return cache->Stats().entries == 1; });
    *clock.now -= 50'000'000;
    EXPECT_EQ(cache->Find(Key(2)), Value(2));
    *clock.now -= 51'000'000;
    EXPECT_EQ(cache->Find(Key(2)), std::nullopt);
  }
}

TEST(ResultCache, EvictsTheLeastRecentlyUsed) {
  testing::TempFolder folder;
  Clock clock;
  CacheOptions options;
  options.max_entries = 3;
  options.memory_entries = 0;
  options.now_micros = clock;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
  for (int i = 0; i < 3; ++i) {
    cache->Store(Key(i), Value(i));
    WaitFor([&] { return cache->Stats().entries == static_cast<uint64_t>(i + 1); });
    *clock.now += 1'000;
  }
  *clock.now += 700'000'000;  // long enough for a use to be worth telling the disk
  EXPECT_EQ(cache->Find(Key(0)), Value(0));
  *clock.now += 1'000;
  cache->Store(Key(3), Value(3));
  WaitFor([&] { return cache->Stats().evictions == 1; });
  EXPECT_EQ(cache->Find(Key(0)), Value(0));
  EXPECT_EQ(cache->Find(Key(1)), std::nullopt);
  EXPECT_EQ(cache->Find(Key(2)), Value(2));
  EXPECT_EQ(cache->Find(Key(3)), Value(3));
  EXPECT_EQ(cache->Stats().entries, 3u);
}

TEST(ResultCache, BytesAreBounded) {
  testing::TempFolder folder;
  CacheOptions options;
  options.max_bytes = 100'000;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
  for (int i = 0; i < 30; ++i) cache->Store(Key(i), Value(i, 10'000));
  WaitFor([&] { return cache->Stats().evictions == 20; });
  EXPECT_EQ(cache->Stats().bytes, 100'000u);
  cache->Store(Key(99), std::string(300'000, 'x'));  // too large to be worth it
  EXPECT_EQ(cache->Find(Key(99)), std::nullopt);
}

TEST(ResultCache, FlushForgetsEverything) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", {}));
  for (int i = 0; i < 10; ++i) cache->Store(Key(i), Value(i));
  ASSERT_OK(cache->Flush());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(cache->Find(Key(i)), std::nullopt);
  EXPECT_EQ(cache->Stats().entries, 0u);
  cache->Store(Key(1), Value(1));
  EXPECT_EQ(cache->Find(Key(1)), Value(1));
}

TEST(ResultCache, SecondProcessIsRefused) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", {}));
  const auto second = ResultCache::Open(folder / "cache.db", {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos) << second.error().message;
}

TEST(ResultCache, BrokenFilesAreMovedAside) {
  for (const testing::Breakage& breakage : testing::Breakages()) {
    SCOPED_TRACE(breakage.name);
    testing::TempFolder folder;
    const Path file = folder / "cache.db";
    {
      ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
      for (int i = 0; i < 200; ++i) cache->Store(Key(i), Value(i));
    }
    breakage.apply(file);
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
    EXPECT_TRUE(cache->Stats().on_disk);
    for (int i = 0; i < 200; ++i) {
      const auto value = cache->Find(Key(i));
      EXPECT_TRUE(!value || *value == Value(i));
    }
    cache->Store(Key(1000), Value(1000));
    EXPECT_EQ(cache->Find(Key(1000)), Value(1000));
    EXPECT_EQ(testing::CountMovedAside(file), breakage.moved_aside ? 1 : 0);
  }
}

TEST(ResultCache, AFileThatThisUserMayNotOpenIsMovedAside) {
  if (::geteuid() != 0) GTEST_SKIP() << "making a file of another user needs root";
  testing::TempFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  testing::Spit(folder / "cache.db", "root's");
  std::filesystem::permissions(folder / "cache.db", std::filesystem::perms::none);
  const auto as_nobody = [&] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) std::_Exit(3);
    auto cache = ResultCache::Open(folder / "cache.db", {});
    std::_Exit(cache && (*cache)->Stats().on_disk ? 0 : 1);
  };
  EXPECT_EXIT(as_nobody(), ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(testing::CountMovedAside(folder / "cache.db"), 1);
}

// A byte somewhere in the file is garbled: what comes back is a value that was stored under that key, or nothing.
TEST(ResultCache, NeverReturnsAGarbledRow) {
  testing::TempFolder folder;
  const Path file = folder / "cache.db";
  {
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
    for (int i = 0; i < 60; ++i) cache->Store(Key(i), Value(i));
  }
  const std::string good = testing::Slurp(file);
  size_t found = 0, lost = 0;
  for (size_t at = 97; at < good.size(); at += 1'009) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x5A);
    std::filesystem::remove_all(folder.path());
    std::filesystem::create_directory(folder.path());
    testing::Spit(file, bad);
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
    for (int i = 0; i < 60; ++i) {
      const auto value = cache->Find(Key(i));
      ASSERT_TRUE(!value || *value == Value(i)) << at;
      ++(value ? found : lost);
    }
  }
  EXPECT_GT(found, 0u);
  EXPECT_GT(lost, 0u);
}

TEST(ResultCache, ChecksumCatchesWhatSqliteCannot) {
  testing::TempFolder folder;
  const Path file = folder / "cache.db";
  {
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
    cache->Store(Key(1), Value(1));
    cache->Store(Key(2), Value(2));
  }
  std::string bytes = testing::Slurp(file);
  bytes[bytes.find(Value(1)) + 50] ^= 1;  // inside a value: the page stays well formed
  testing::Spit(file, bytes);
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
  EXPECT_EQ(cache->Find(Key(1)), std::nullopt);
  EXPECT_EQ(cache->Find(Key(2)), Value(2));
  EXPECT_EQ(cache->Stats().bad_rows, 1u);
  WaitFor([&] { return cache->Stats().entries == 1; });
  EXPECT_EQ(testing::CountMovedAside(file), 0);
}

TEST(ResultCache, CorruptionWhileOpenIsRepaired) {
  testing::TempFolder folder;
  const Path file = folder / "cache.db";
  CacheOptions options;
  options.memory_entries = 0;
  {
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, options));
  }
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, options));
  {  // through the same inode, under the open connections
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.write(std::string(size_t{5} * 4096, '!').data(), 5 * 4096);
  }
  for (int i = 0; i < 100 && testing::CountMovedAside(file) == 0; ++i) {
    cache->Store(Key(i), Value(i));
    cache->Find(Key(i));
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(testing::CountMovedAside(file), 1);
  // Again and again: a store is skipped when the writer is busy for longer than it waits, as with a new file.
  WaitFor([&] {
    cache->Store(Key(7777), Value(7777));
    return cache->Find(Key(7777)) == Value(7777);
  });
}

TEST(ResultCache, FullDiskTurnsStoringOffAndOnAgain) {
  BANTAM_REQUIRE_SMALL_DISK(disk);
  std::atomic<int> warnings = 0;
  SetLogSink([&](LogLevel level, std::string_view) { warnings += level == LogLevel::kWarning; });
  CacheOptions options;
  options.memory_entries = 0;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(disk / "cache.db", options));
  cache->Store(Key(1), Value(1));
  WaitFor([&] { return cache->Stats().entries == 1; });
  disk.Fill();
  for (int i = 100; i < 140; ++i) cache->Store(Key(i), Value(i, 20'000));
  WaitFor([&] { return cache->Stats().skipped >= 30; });
  EXPECT_EQ(warnings, 1);  // a minute
  EXPECT_EQ(cache->Find(Key(1)), Value(1));
  disk.MakeRoom();
  WaitFor([&] {
    cache->Store(Key(2), Value(2));
    return cache->Find(Key(2)) == Value(2);
  });
  EXPECT_EQ(cache->Find(Key(1)), Value(1));
  SetLogSink({});
}

TEST(ResultCache, ReadOnlyDisk) {
  BANTAM_REQUIRE_SMALL_DISK(disk);
  CacheOptions options;
  options.disk_retry = milliseconds(20);
  ASSERT_TRUE(disk.ReadOnly(true));
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(disk / "state/cache.db", options));
  cache->Store(Key(1), Value(1));
  EXPECT_EQ(cache->Find(Key(1)), Value(1));  // in memory
  EXPECT_FALSE(cache->Stats().on_disk);
  ASSERT_TRUE(disk.ReadOnly(false));
  WaitFor([&] { return cache->Stats().on_disk; });
  cache->Store(Key(2), Value(2));
  WaitFor([&] { return cache->Stats().entries == 1; });
}

TEST(ResultCache, ManyThreads) {
  testing::TempFolder folder;
  CacheOptions options;
  options.memory_entries = 20;
  options.max_entries = 150;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 400; ++i) {
          const int n = (i * 7 + t * 13) % 200;
          if (i % 3 == 0) cache->Store(Key(n), Value(n));
          const auto value = cache->Find(Key(n));
          EXPECT_TRUE(!value || *value == Value(n));
          if (t == 0 && i % 100 == 99) EXPECT_OK(cache->Flush());
          cache->Stats();
        }
      });
    }
  }
  EXPECT_LE(cache->Stats().entries, 150u);
}

TEST(CacheAdmin, LooksAtAndFlushesACacheThatNobodyUses) {
  testing::TempFolder folder;
  const Path file = folder / "cache.db";
  EXPECT_FALSE(InspectCache(file).has_value());
  EXPECT_FALSE(FlushCache(file, seconds(1)).has_value());
  {
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
    for (int i = 0; i < 5; ++i) cache->Store(Key(i), Value(i));
    for (int i = 0; i < 7; ++i) cache->Find(Key(i));
  }
  ASSERT_OK_AND_ASSIGN(const CacheFileInfo info, InspectCache(file));
  EXPECT_EQ(info.entries, 5);
  EXPECT_EQ(info.value_bytes, 5 * 200);
  EXPECT_EQ(info.hits, 5);
  EXPECT_EQ(info.misses, 2);
  EXPECT_EQ(info.stores, 5);
  EXPECT_GT(info.oldest_us, 0);
  ASSERT_OK_AND_ASSIGN(const CacheFlush flush, FlushCache(file, seconds(1)));
  EXPECT_EQ(flush.by_process, 0);
  EXPECT_EQ(InspectCache(file).value_or(CacheFileInfo{.entries = -1}).entries, 0);
}

// By nobody, then by a running server: what was stored under another epoch stays.
TEST(CacheAdmin, FlushesOneEpoch) {
  testing::TempFolder folder;
  const Path file = folder / "cache.db";
  CacheOptions options;
  for (const char* epoch : {"spring", "summer", "autumn"}) {
    options.epoch = epoch;
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, options));
    cache->Store(Sha256Of(epoch), epoch);
  }
  ASSERT_OK(FlushCache(file, seconds(1), "spring"));
  ASSERT_OK_AND_ASSIGN(const CacheFileInfo info, InspectCache(file));
  EXPECT_EQ(info.epochs, (std::map<std::string, int64_t>{{"autumn", 1}, {"summer", 1}}));
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, options));
  ASSERT_OK(FlushCache(file, seconds(30), "summer"));
  EXPECT_EQ(cache->Find(Sha256Of("summer")), std::nullopt);
  EXPECT_EQ(cache->Find(Sha256Of("autumn")), "autumn");
}

TEST(CacheAdmin, ARunningServerFlushesWhenAsked) {
  testing::TempFolder folder;
  const Path file = folder / "cache.db";
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(file, {}));
  cache->Store(Key(1), Value(1));
  WaitFor([&] { return cache->Stats().entries == 1; });
  ASSERT_OK_AND_ASSIGN(const CacheFileInfo info, InspectCache(file));  // beside the writer
  EXPECT_EQ(info.entries, 1);
  ASSERT_OK_AND_ASSIGN(const CacheFlush flush, FlushCache(file, seconds(30)));
  EXPECT_EQ(flush.by_process, ::getpid());
  EXPECT_EQ(cache->Find(Key(1)), std::nullopt);
  EXPECT_EQ(cache->Stats().entries, 0u);
}

TEST(ResultCache, WithoutAThreadAStoreIsOnTheDiskWhenItReturns) {
  testing::TempFolder folder;
  CacheOptions options;
  options.own_thread = false;
  options.max_entries = 3;
  options.memory_entries = 1;
  {
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
    cache->Store(Key(0), Value(0));
    EXPECT_EQ(cache->Stats().entries, 1u);
    for (int i = 1; i < 5; ++i) cache->Store(Key(i), Value(i));
    EXPECT_EQ(cache->Stats().entries, 3u);
    EXPECT_EQ(cache->Stats().evictions, 2u);
    EXPECT_EQ(cache->Find(Key(0)), std::nullopt);
    EXPECT_EQ(cache->Find(Key(4)), Value(4));
    EXPECT_EQ(cache->Stats().skipped, 0u);
  }
  {
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
    EXPECT_EQ(cache->Find(Key(3)), Value(3));
    ASSERT_OK(cache->Flush());
    EXPECT_EQ(cache->Find(Key(3)), std::nullopt);
    EXPECT_EQ(cache->Stats().entries, 0u);
  }
}

TEST(ResultCache, WithoutAThreadManyMayStoreAndFind) {
  testing::TempFolder folder;
  CacheOptions options;
  options.own_thread = false;
  options.memory_entries = 4;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 20; ++i) {
        const int n = caller * 100 + i;
        cache->Store(Key(n), Value(n));
        wrong += cache->Find(Key(n)).value_or(Value(n)) != Value(n);
        if (i == 10 && caller == 0) wrong += !cache->Flush();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  cache->Store(Key(1), Value(1));
  EXPECT_EQ(cache->Find(Key(1)), Value(1));
}

}  // namespace
}  // namespace bantam
