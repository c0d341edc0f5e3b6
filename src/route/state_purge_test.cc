// One person's words, searched for in the bytes of everything that an assistant keeps.
#include "route/state_purge.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cctype>

#include "base/sha256.h"
#include "route/audit_key.h"
#include "route/conversation_store.h"
#include "route/escalation_queue.h"
#include "route/late_answers.h"
#include "route/learning/candidate_store.h"
#include "route/learning/generations.h"
#include "route/result_cache.h"
#include "route/testing/audit_records.h"
#include "route/testing/broken_files.h"

namespace bantam {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Slurp;
using testing::Spit;
using testing::TempFolder;

constexpr int kEach = 24;  // messages of a person: more than fit a page

// Ann's texts have "zanzibar" in them, Bob's "harbour"; Ann's sessions are "ann", his "bob".
class Kept {
 public:
  explicit Kept(std::shared_ptr<const AuditKey> key = {}) : files_(folder_.path()), learning_(folder_.path()) {
    Log(std::move(key));
    Candidates();
    for (const int64_t number : {1, 2}) Generation(number);
    EXPECT_OK(WriteGenerations(folder_.path(), {.current = 1, .earlier = {0}, .challenger = 2, .last = 2}));
    Stores();
    for (const Path& path :
         {Path(files_.queue.string() + ".corrupt-20260101T000000Z"),
          Path(learning_.candidates.string() + ".corrupt-20260101T000000Z"), Path(files_.audit.string() + ".torn"),
          Path(files_.audit.string() + ".partial"), learning_.work / "learned.jsonl"})
      EXPECT_OK(WriteFileAtomic(path, "half of something about Zanzibar"));
  }

  // Files whose bytes hold the word, whatever its case.
  std::vector<std::string> With(std::string word) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (!entry.is_regular_file()) continue;
      std::string bytes = Slurp(entry.path());
      std::ranges::transform(bytes, bytes.begin(), [](unsigned char c) { return c < 128 ? std::tolower(c) : c; });
      if (bytes.find(word) != std::string::npos)
        found.push_back(std::filesystem::relative(entry.path(), folder_.path()).string());
    }
    return found;
  }
  Result<StatePurgeReport> Purge(const PurgeRequest& request,
                                 const std::function<Status(AuditRecord&)>& open = {}) const {
    BANTAM_TRY(const StateLock lock, StateLock::Acquire(folder_.path()));
    return PurgeState(lock, folder_.path(), request, open);
  }

  const Path& path() const { return folder_.path(); }
  const StateFiles& files() const { return files_; }
  const LearningFiles& learning() const { return learning_; }

 private:
  static std::string Ann(int n) { return fmt::format("send parcel {} to Zanzibar, by sea and not by air", n); }
  static std::string Bob(int n) { return fmt::format("send parcel {} to the harbour, by air and not by sea", n); }

  void Log(std::shared_ptr<const AuditKey> key) const {
    const auto log = AuditLog::Open(files_.audit, /*own_thread=*/false).value();
    log->SetKey(std::move(key));
    for (int n = 0; n < kEach; ++n) {
      for (const bool ann : {true, false}) {
        AuditRecord record = testing::TalkRecord(n, ann ? "ann" : "bob");
        record.request_id = fmt::format("{}-{}", ann ? "ann" : "bob", n);
        record.question = ann ? Ann(n) : Bob(n);
        record.question_sha256 = Sha256Hex(record.question);
        EXPECT_OK(log->Append(record));
      }
    }
  }
  void Candidates() const {
    CandidateStore store = CandidateStore::Open(folder_.path()).value();
    for (int n = 0; n < kEach; ++n) {
      EXPECT_OK(store.Hear({.text = Bob(n),
                            .request_id = fmt::format("bob-{}", n),
                            .guess = "hours",
                            .escalated = true,
                            .drawn = n < 5}));
      // Some of Ann's words were said by somebody else before, a little otherwise.
      const bool by_another = n % 10 == 0;
      EXPECT_OK(store.Hear({.text = by_another ? Ann(n) + "?" : Ann(n),
                            .request_id = by_another ? fmt::format("carl-{}", n) : fmt::format("ann-{}", n),
                            .guess = "hours",
                            .escalated = true,
                            .drawn = n < 5}));
    }
  }
  void Generation(int64_t number) const {
    const GenerationFiles own = learning_.Of(number);
    EXPECT_OK(WriteLearnedTexts(own, {{{Ann(7), "hours"}, {Bob(7), "hours"}}, {{Bob(1), "hours"}, {Ann(1), "hours"}}}));
    Spit(StateFiles(own.folder).head, "a head");
    Spit(StateFiles(own.folder).examples, "vectors");
  }
  void Stores() const {
    const auto conversations = ConversationStore::Open(files_.conversations, std::chrono::seconds(60)).value();
    EXPECT_OK(conversations->Save("ann", "{\"to\": \"Zanzibar\"}"));
    EXPECT_OK(conversations->Save("bob", "{\"to\": \"the harbour\"}"));
    const auto queue = EscalationQueue::Open(files_.queue).value();
    const auto late = LateAnswers::Open(files_.late_answers).value();
    for (int n = 0; n < kEach; ++n) {
      for (const bool ann : {true, false}) {
        QueuedQuestion question{.model = "big", .route = "", .request = {}};
        question.request.request_id = fmt::format("{}-{}", ann ? "ann" : "bob", n);
        question.request.messages = {{"user", ann ? Ann(n) : Bob(n)}};
        EXPECT_OK(queue->Add(question));
        EXPECT_OK(
            late->Keep("", question.request.request_id,
                       {LateAnswer::State::kAnswered, ann ? "To Zanzibar." : "To the harbour.", "big", "", 1, 2}));
      }
    }
    for (int64_t sent = 1; sent <= kEach; ++sent) EXPECT_OK(queue->Remove(sent));  // by now
    const auto cache = ResultCache::Open(files_.cache, {}).value();
    cache->Store(CacheKey().Add("1").Finish(), "To Zanzibar, then.");
  }

  TempFolder folder_;
  const StateFiles files_;
  const LearningFiles learning_;
};

TEST(StatePurge, NothingOfAPersonIsLeftInAnyFile) {
  const Kept kept;
  EXPECT_THAT(
      kept.With("zanzibar"),
      ::testing::UnorderedElementsAre(
          "audit.jsonl", "audit.jsonl.torn", "audit.jsonl.partial", "answers.db", "cache.db", "conversations.db",
          "queue.db", "queue.db.corrupt-20260101T000000Z", "learning/candidates.db",
          "learning/candidates.db.corrupt-20260101T000000Z", "learning/work/learned.jsonl", "learning/1/learned.jsonl",
          "learning/1/audited.jsonl", "learning/2/learned.jsonl", "learning/2/audited.jsonl"));
  ASSERT_OK_AND_ASSIGN(const StatePurgeReport dry, kept.Purge({.session_hash = Sha256Hex("ann"), .dry_run = true}));
  EXPECT_EQ(kept.With("zanzibar").size(), 15u);
  ASSERT_OK_AND_ASSIGN(const StatePurgeReport report, kept.Purge({.session_hash = Sha256Hex("ann")}));
  for (const StatePurgeReport* each : {&dry, &report}) {
    EXPECT_EQ(each->log.records, kEach);
    EXPECT_EQ(each->learned.candidates, kEach) << "also those that somebody else had said first";
    EXPECT_EQ(each->learned.examples, 4);
    EXPECT_EQ(each->queued, kEach / 2);
  }
  EXPECT_THAT(kept.With("zanzibar"), IsEmpty());
  EXPECT_THAT(kept.With("harbour"),
              ::testing::UnorderedElementsAre("audit.jsonl", "answers.db", "conversations.db", "queue.db",
                                              "learning/candidates.db", "learning/1/learned.jsonl",
                                              "learning/1/audited.jsonl"));
  EXPECT_FALSE(VerifyAuditLog(kept.files().audit)->first_bad_line);
  // The head in force is made anew without her; what was proven of the challenger is of another head.
  EXPECT_FALSE(std::filesystem::exists(StateFiles(kept.learning().Of(1).folder).head));
  EXPECT_FALSE(std::filesystem::exists(kept.learning().Of(2).folder));
  ASSERT_OK_AND_ASSIGN(const Generations generations, ReadGenerations(kept.path()));
  EXPECT_EQ(generations.current, 1);
  EXPECT_EQ(generations.challenger, 0);
  ASSERT_OK_AND_ASSIGN(const auto queued, EscalationQueue::ReadAll(kept.files().queue));
  EXPECT_EQ(queued.size(), static_cast<size_t>(kEach / 2));
  ASSERT_OK_AND_ASSIGN(const auto late, LateAnswers::Open(kept.files().late_answers));
  EXPECT_TRUE(late->Find("", "bob-3").value());
  EXPECT_FALSE(late->Find("", "ann-3").value());
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(kept.path()));
  EXPECT_EQ(store.List({}).value().size(), static_cast<size_t>(kEach));
  EXPECT_EQ(store.Events().value().back().detail, fmt::format("{} candidates and 4 examples of heads", kEach));
}

TEST(StatePurge, OneRequestAlone) {
  const Kept kept;
  ASSERT_OK_AND_ASSIGN(const StatePurgeReport report, kept.Purge({.request_id = "ann-7"}));
  EXPECT_EQ(report.log.records, 1);
  EXPECT_EQ(report.learned.candidates, 1);
  EXPECT_EQ(report.learned.examples, 2);
  EXPECT_THAT(kept.With("parcel 7 to zanzibar"), IsEmpty());
  EXPECT_THAT(kept.With("parcel 8 to zanzibar"), Contains("learning/candidates.db"));
  EXPECT_THAT(kept.With("parcel 7 to the harbour"), Contains("learning/1/learned.jsonl"));
  // Once its texts are gone from the log, its digest and its request still find what is left.
  {
    ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(kept.path()));
    ASSERT_OK(store.Hear(
        {.text = "send parcel 7 to Zanzibar, by sea and not by air", .request_id = "carl", .guess = "hours"}));
  }
  ASSERT_OK_AND_ASSIGN(const StatePurgeReport again, kept.Purge({.request_id = "ann-7"}));
  EXPECT_EQ(again.log.records, 0);
  EXPECT_EQ(again.learned.candidates, 1);
}

TEST(StatePurge, EncryptedTextsNameWordsWhereTheirKeyIsAtHand) {
  const auto key = std::make_shared<const AuditKey>(AeadKey{1}), another = std::make_shared<const AuditKey>(AeadKey{2});
  const Kept kept(key);
  const auto candidates = [&](const std::shared_ptr<const AuditKey>& with) {
    const auto report = kept.Purge({.session_hash = Sha256Hex("ann"), .dry_run = true},
                                   [&](AuditRecord& record) { return OpenTexts(with.get(), record); });
    EXPECT_OK(report);
    return report ? report->learned.candidates : -1;
  };
  EXPECT_EQ(candidates(key), kEach);
  EXPECT_EQ(candidates(another), kEach - 3) << "but those that somebody else had said first, a little otherwise";
  EXPECT_EQ(kept.Purge({.session_hash = Sha256Hex("ann")})->log.records, kEach) << "without any key";
}

TEST(StatePurge, ByAgeWhatNobodyHasSaidSince) {
  const Kept kept;
  const int64_t since = WallMicros() + 1;
  while (WallMicros() <= since) continue;
  {
    ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(kept.path()));
    ASSERT_OK(store.Hear(
        {.text = "send parcel 7 to the harbour, by air and not by sea", .request_id = "dora", .guess = "hours"}));
    ASSERT_OK(store.Hear({.text = "a new one", .request_id = "dora", .guess = "hours"}));
  }
  ASSERT_OK_AND_ASSIGN(const StatePurgeReport report, kept.Purge({.before_us = since}));
  EXPECT_EQ(report.log.records, 2 * kEach);
  EXPECT_EQ(report.learned.candidates, 2 * kEach - 1);
  EXPECT_EQ(report.learned.examples, 6);
  EXPECT_THAT(kept.With("parcel 7 to the harbour"), Contains("learning/candidates.db"));
  EXPECT_THAT(kept.With("parcel 7 to the harbour"), Contains("learning/1/learned.jsonl"));
  EXPECT_THAT(kept.With("zanzibar"), Not(Contains(HasSubstr("learning/"))));
  EXPECT_THAT(kept.With("zanzibar"), Not(Contains("audit.jsonl")));
  EXPECT_THAT(kept.With("harbour"), Contains("queue.db")) << "what still waits is not old, and expires by itself";
}

TEST(StatePurge, IsRefusedBesideAServerAndBesideAChallengerInTheMaking) {
  const Kept kept;
  {
    ASSERT_OK_AND_ASSIGN(const StateLock server, StateLock::Acquire(kept.path()));
    const auto refused = kept.Purge({.session_hash = Sha256Hex("ann")});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_THAT(refused.error().message, HasSubstr(fmt::format("is in use by process {}; stop it first", ::getpid())));
  }
  {
    ASSERT_OK_AND_ASSIGN(const FileLock maker, FileLock::Acquire(kept.learning().work_lock, "a challenger"));
    const auto refused = kept.Purge({.session_hash = Sha256Hex("ann")});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("the making of a challenger is in use by process"));
  }
  EXPECT_EQ(kept.With("zanzibar").size(), 15u) << "nothing was changed";
}

}  // namespace
}  // namespace bantam
