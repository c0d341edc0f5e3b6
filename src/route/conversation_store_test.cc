#include "route/conversation_store.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/log.h"
#include "base/testing.h"
#include "route/testing/broken_files.h"
#include "route/testing/small_disk.h"

namespace bantam {
namespace {

using std::chrono::seconds;

struct Clock {
  std::shared_ptr<std::atomic<int64_t>> now = std::make_shared<std::atomic<int64_t>>(1'700'000'000'000'000);
  int64_t operator()() const { return *now; }
};

std::string Loaded(ConversationStore& store, std::string_view id) {
  auto state = store.Load(id);
  EXPECT_OK(state);
  return state && *state ? **state : "none";
}

TEST(ConversationStore, SavesLoadsErases) {
  testing::TempFolder folder;
  const Path file = folder / "state/conversations.db";
  {
    ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(file, seconds(60)));
    EXPECT_EQ(Loaded(*store, "a"), "none");
    ASSERT_OK(store->Save("a", "{\"x\":1}"));
    ASSERT_OK(store->Save("a", "{\"x\":2}"));
    ASSERT_OK(store->Save("", "{}"));
    EXPECT_EQ(Loaded(*store, "a"), "{\"x\":2}");
    EXPECT_EQ(Loaded(*store, ""), "{}");
    ASSERT_OK(store->Erase(""));
    ASSERT_OK(store->Erase("never"));
    EXPECT_EQ(Loaded(*store, ""), "none");
  }
  ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(file, seconds(60)));
  EXPECT_EQ(Loaded(*store, "a"), "{\"x\":2}");
}

TEST(ConversationStore, ExpiresAndIsRefreshed) {
  testing::TempFolder folder;
  Clock clock;
  ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(folder / "c.db", seconds(60), clock));
  ASSERT_OK(store->Save("a", "1"));
  *clock.now += 59'000'000;
  EXPECT_EQ(Loaded(*store, "a"), "1");
  ASSERT_OK(store->Save("a", "2"));
  *clock.now += 59'000'000;
  EXPECT_EQ(Loaded(*store, "a"), "2");
  *clock.now += 1'000'000;
  EXPECT_EQ(Loaded(*store, "a"), "none");
}

TEST(ConversationStore, SessionIdsAreStoredHashed) {
  testing::TempFolder folder;
  {
    ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(folder / "c.db", seconds(60)));
    ASSERT_OK(store->Save("my-secret-session", "{}"));
  }
  EXPECT_EQ(testing::Slurp(folder / "c.db").find("my-secret-session"), std::string::npos);
}

TEST(ConversationStore, Limit) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(folder / "c.db", seconds(60)));
  EXPECT_OK(store->Save("a", std::string(64 << 10, 'x')));
  const Status status = store->Save("a", std::string((64 << 10) + 1, 'x'));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::kTooLarge);
}

TEST(ConversationStore, SecondProcessIsRefused) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(folder / "c.db", seconds(60)));
  const auto second = ConversationStore::Open(folder / "c.db", seconds(60));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

TEST(ConversationStore, BrokenFilesAreMovedAside) {
  for (const testing::Breakage& breakage : testing::Breakages()) {
    SCOPED_TRACE(breakage.name);
    testing::TempFolder folder;
    const Path file = folder / "c.db";
    {
      ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(file, seconds(60)));
      for (int i = 0; i < 200; ++i) ASSERT_OK(store->Save(std::to_string(i), std::string(500, 'x')));
    }
    breakage.apply(file);
    ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(file, seconds(60)));
    for (int i = 0; i < 200; ++i) {
      const std::string state = Loaded(*store, std::to_string(i));
      EXPECT_TRUE(state == "none" || state == std::string(500, 'x'));
    }
    ASSERT_OK(store->Save("new", "{}"));
    EXPECT_EQ(Loaded(*store, "new"), "{}");
    EXPECT_EQ(testing::CountMovedAside(file), breakage.moved_aside ? 1 : 0);
  }
}

TEST(ConversationStore, CorruptionWhileOpenIsRepaired) {
  testing::TempFolder folder;
  const Path file = folder / "c.db";
  {
    ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(file, seconds(60)));
  }
  ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(file, seconds(60)));
  {  // through the same inode, under the open connection
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.write(std::string(8192, '!').data(), 8192);
  }
  EXPECT_OK(store->Save("a", "1"));
  EXPECT_EQ(Loaded(*store, "a"), "1");
}

TEST(ConversationStore, FullDiskIsReportedAndRecoveredFrom) {
  BANTAM_REQUIRE_SMALL_DISK(disk);
  ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(disk / "c.db", seconds(60)));
  ASSERT_OK(store->Save("a", "1"));
  disk.Fill();
  Status status = Ok();
  for (int i = 0; i < 100 && status; ++i) status = store->Save("b", std::string(60'000, 'x'));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::kOutOfDisk) << status.error().message;
  EXPECT_EQ(Loaded(*store, "a"), "1");
  disk.MakeRoom();
  EXPECT_OK(store->Save("c", "3"));
  EXPECT_EQ(Loaded(*store, "c"), "3");
  EXPECT_EQ(Loaded(*store, "a"), "1");
}

TEST(ConversationStore, ManyThreads) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto store, ConversationStore::Open(folder / "c.db", seconds(60)));
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string id = std::to_string(t), state = fmt::format("{}/{}", t, i);
        EXPECT_OK(store->Save(id, state));
        EXPECT_EQ(Loaded(*store, id), state);
      }
    });
  }
}

TEST(StateLock, SecondProcessIsNamed) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(StateLock lock, StateLock::Acquire(folder / "helpdesk"));
  const auto second = StateLock::Acquire(folder / "helpdesk");
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos) << second.error().message;
}

}  // namespace
}  // namespace bantam
