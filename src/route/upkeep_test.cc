// What is done while an assistant answers, by a clock that the test sets.
#include "route/upkeep.h"

#include <atomic>

#include "base/sha256.h"
#include "route/learning/candidate_store.h"
#include "route/learning/generations.h"
#include "route/retention.h"
#include "route/testing/audit_records.h"
#include "route/testing/broken_files.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using std::chrono::hours;
using testing::Desk;
using testing::Slurp;
using testing::StoredDesk;

constexpr int kOld = 50;

TEST(Retention, IsLookedAfterOnceADayOrMoreOftenWhereItIsShort) {
  EXPECT_EQ(RetentionPause(hours(1)), hours(1));
  EXPECT_EQ(RetentionPause(hours(48)), hours(2));
  EXPECT_EQ(RetentionPause(hours(24 * 90)), hours(24));
  EXPECT_EQ(RetentionPause(hours(24 * 3650)), hours(24));
}

// A desk whose log has old records, and which has learned from an old message.
struct OldDesk {
  OldDesk()
      : stored([](RouterParts& parts) {
          const Path& folder = parts.state_folder;
          parts.audit.reset();
          testing::WriteOldLog(StateFiles(folder).audit, kOld, hours(48));
          parts.audit = AuditLog::Open(StateFiles(folder).audit).value();
          parts.file.audit_texts = true;
          parts.file.audit_retention = hours(24);
          const GenerationFiles challenger = LearningFiles(folder).Of(1);
          EXPECT_OK(WriteLearnedTexts(challenger, {{{"an old message", "hours"}}, {}}));
          EXPECT_OK(WriteGenerations(folder, {.challenger = 1, .last = 1}));
        }) {}

  // Whether that comes to be, within a while.
  static bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 20'000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return condition();
  }
  bool HasOld() const {
    return Slurp(StateFiles(stored.folder.path()).audit).find("question 7\"") != std::string::npos;
  }
  AuditCheck Verify() const { return VerifyAuditLog(StateFiles(stored.folder.path()).audit).value(); }

  StoredDesk stored;
};

TEST(Retention, OldTextsLeaveWhileTheAssistantAnswers) {
  OldDesk old;
  Desk& desk = old.stored.desk;
  desk.Say("opening hours");
  ASSERT_TRUE(old.HasOld());
  ASSERT_OK(desk.router->TakeOutOldTexts({}));
  EXPECT_FALSE(old.HasOld());
  EXPECT_EQ(old.Verify().purged, kOld);
  EXPECT_EQ(ReadGenerations(old.stored.folder.path())->challenger, 0) << "what was proven of it is of another head";
  desk.Say("refund please");
  ASSERT_OK(desk.router->TakeOutOldTexts({}));
  const AuditCheck check = old.Verify();
  EXPECT_FALSE(check.first_bad_line) << check.problem;
  EXPECT_EQ(check.records, kOld + 3) << "nothing was left to take out, and nothing is said of that";
  const std::vector<AuditRecord> records = old.stored.Records();
  EXPECT_EQ(records[kOld].question, "opening hours");
  EXPECT_EQ(records[kOld + 2].question, "refund please");
  // What people say of an answer is about the same answers.
  ASSERT_OK(desk.router->TakeFeedback({.request_id = records[kOld].request_id, .right = true, .right_route = {}}));
}

TEST(Retention, WaitsForAChallengerInTheMaking) {
  OldDesk old;
  const LearningFiles files(old.stored.folder.path());
  {
    ASSERT_OK_AND_ASSIGN(const FileLock maker, FileLock::Acquire(files.work_lock, "a challenger"));
    EXPECT_EQ(old.stored.desk.router->TakeOutOldTexts({}).error().code, ErrorCode::kConflict);
    EXPECT_TRUE(old.HasOld());
  }
  ASSERT_OK(old.stored.desk.router->TakeOutOldTexts({}));
  EXPECT_FALSE(old.HasOld());
}

TEST(Upkeep, TakesOutWhatHasBecomeOldWhenItsTimeHasCome) {
  OldDesk old;
  std::atomic<int> looks = 0;
  std::atomic<int64_t> hour = 0;
  const std::shared_ptr<Router> router = std::move(old.stored.desk.router);
  const LearningFiles files(old.stored.folder.path());
  std::optional<FileLock> maker = FileLock::Acquire(files.work_lock, "a challenger").value();
  {
    const Upkeep upkeep([&] { return ++looks, router; }, std::chrono::milliseconds(1),
                        [&] { return MonotonicTime(hours(1'000 + hour)); });
    EXPECT_TRUE(OldDesk::Eventually([&] { return looks > 20; }));
    EXPECT_TRUE(old.HasOld()) << "the start has done it";
    hour = 1;
    EXPECT_TRUE(OldDesk::Eventually([&, from = looks.load()] { return looks > from + 20; }));
    EXPECT_TRUE(old.HasOld()) << "a challenger is being made";
    maker.reset();
    hour = 2;
    EXPECT_TRUE(OldDesk::Eventually([&] { return !old.HasOld(); }));
  }
  EXPECT_FALSE(old.Verify().first_bad_line);
}

}  // namespace
}  // namespace bantam
