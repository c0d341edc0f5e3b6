#include "route/learning/candidate_store.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/testing.h"
#include "route/learning/generations.h"
#include "route/testing/broken_files.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using testing::TempFolder;

HeardMessage Heard(std::string text, bool escalated = true, bool drawn = false) {
  return {.text = std::move(text),
          .request_id = "r",
          .guess = "hours",
          .confidence = 0.25,
          .answered = !escalated,
          .escalated = escalated,
          .drawn = drawn,
          .generation = 0};
}

TEST(CandidateStore, EqualMessagesAreOneCandidate) {
  TempFolder folder;
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder.path()));
  EXPECT_OK(store.Hear(Heard("Where is it?")));
  EXPECT_OK(store.Hear(Heard("where   is it?")));
  EXPECT_OK(store.Hear(Heard("")));
  EXPECT_OK(store.Hear(Heard(std::string(CandidateStore::kMostTextBytes + 1, 'x'))));
  ASSERT_OK_AND_ASSIGN(const auto all, store.List({}));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].text, "Where is it?");
  EXPECT_EQ(all[0].heard, 2);
  EXPECT_EQ(all[0].guess, "hours");
  EXPECT_DOUBLE_EQ(all[0].confidence, 0.25);
  EXPECT_EQ(all[0].labelled_by, LabelledBy::kNobody);
  EXPECT_TRUE(all[0].escalated);
}

TEST(CandidateStore, APersonsWordStands) {
  TempFolder folder;
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder.path()));
  EXPECT_OK(store.Hear(Heard("a")));
  EXPECT_OK(store.Label(1, "hours"));
  EXPECT_OK(store.Tell(Heard("a"), "refund"));
  EXPECT_OK(store.Label(1, "hours"));
  ASSERT_OK_AND_ASSIGN(auto all, store.List({}));
  EXPECT_EQ(all[0].label, "refund");
  EXPECT_EQ(all[0].labelled_by, LabelledBy::kPerson);
  EXPECT_EQ(all[0].heard, 1) << "what is said of a message is no message";
  ASSERT_OK_AND_ASSIGN(bool judged, store.Judge(1, Verdict::kRelabelled, "oos"));
  EXPECT_TRUE(judged);
  ASSERT_OK_AND_ASSIGN(judged, store.Judge(2, Verdict::kAccepted));
  EXPECT_FALSE(judged);
  ASSERT_OK_AND_ASSIGN(all, store.List({.verdict = Verdict::kRelabelled}));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].label, "oos");
}

TEST(CandidateStore, WhatWasDrawnIsNeverLearnedFrom) {
  TempFolder folder;
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder.path()));
  EXPECT_OK(store.Hear(Heard("escalated")));
  EXPECT_OK(store.Hear(Heard("drawn, answered", false, true)));
  EXPECT_OK(store.Hear(Heard("first escalated, then drawn")));
  EXPECT_OK(store.Hear(Heard("first escalated, then drawn", true, true)));
  for (int64_t id = 1; id <= 3; ++id) EXPECT_OK(store.Label(id, "hours"));
  ASSERT_OK_AND_ASSIGN(const auto learnable, store.List({.audited = false}));
  ASSERT_EQ(learnable.size(), 1u);
  EXPECT_EQ(learnable[0].text, "escalated");
  ASSERT_OK_AND_ASSIGN(const CandidateCounts counts, store.Counts());
  EXPECT_EQ(counts.pending, 1);
  EXPECT_EQ(counts.audited, 2);
  EXPECT_EQ(counts.audited_labelled, 2);
  EXPECT_EQ(counts.unlabelled, 0);
}

TEST(CandidateStore, ATeacherThatCannotBeReadIsGivenUp) {
  TempFolder folder;
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder.path()));
  EXPECT_OK(store.Hear(Heard("a")));
  for (int i = 0; i < CandidateStore::kMostTries; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto unlabelled, store.List({.labelled = false}));
    EXPECT_EQ(unlabelled.size(), 1u);
    EXPECT_OK(store.CountTry(1));
  }
  ASSERT_OK_AND_ASSIGN(const auto unlabelled, store.List({.labelled = false}));
  EXPECT_EQ(unlabelled.size(), 0u);
}

TEST(CandidateStore, ChangesThatWereNotCommittedAreNone) {
  TempFolder folder;
  {
    ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder.path()));
    EXPECT_OK(store.Begin());
    EXPECT_OK(store.Hear(Heard("a")));
    EXPECT_OK(store.Count(3, {.messages = 5, .escalated = 2, .asked_back = 1, .audited = 1}));
    EXPECT_OK(store.Commit());
    EXPECT_OK(store.Begin());
    EXPECT_OK(store.Hear(Heard("b")));
  }
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder.path()));
  EXPECT_OK(store.Count(3, {.messages = 1}));
  ASSERT_OK_AND_ASSIGN(const auto all, store.List({}));
  EXPECT_EQ(all.size(), 1u);
  ASSERT_OK_AND_ASSIGN(const auto traffic, store.TrafficOfGenerations());
  ASSERT_EQ(traffic.size(), 1u);
  EXPECT_EQ(traffic.at(3).messages, 6);
  EXPECT_EQ(traffic.at(3).escalated, 2);
}

TEST(CandidateStore, OneAtATime) {
  TempFolder folder;
  ASSERT_OK_AND_ASSIGN(std::optional<CandidateStore> store, CandidateStore::Open(folder.path()));
  const auto refused = CandidateStore::Open(folder.path(), milliseconds(20));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  std::jthread closer([&] {
    std::this_thread::sleep_for(milliseconds(50));
    store.reset();
  });
  EXPECT_OK(CandidateStore::Open(folder.path()));
}

// The SQL here stays as it is for good.
TEST(CandidateStore, TheFirstVersionsFileIsOpenedAndKept) {
  TempFolder folder;
  constexpr const char* kFirst[] = {
      "CREATE TABLE candidates(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, text BLOB NOT NULL, "
      "request_id BLOB NOT NULL, guess BLOB NOT NULL, confidence_ppm INTEGER NOT NULL, sources INTEGER NOT NULL, "
      "audited INTEGER NOT NULL, heard INTEGER NOT NULL, label BLOB NOT NULL, labelled_by INTEGER NOT NULL, tries "
      "INTEGER NOT NULL DEFAULT 0, verdict INTEGER NOT NULL DEFAULT 0, generation INTEGER NOT NULL, first_us INTEGER "
      "NOT NULL, last_us INTEGER NOT NULL);"
      "CREATE TABLE traffic(generation INTEGER PRIMARY KEY, messages INTEGER NOT NULL, escalated INTEGER NOT NULL, "
      "asked_back INTEGER NOT NULL, audited INTEGER NOT NULL);"
      "CREATE TABLE shadow(generation INTEGER NOT NULL, challenger INTEGER NOT NULL, messages INTEGER NOT NULL, agreed "
      "INTEGER NOT NULL, more INTEGER NOT NULL, fewer INTEGER NOT NULL, PRIMARY KEY(generation, challenger));"
      "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, outcome BLOB NOT NULL, detail BLOB NOT NULL);"};
  {
    ASSERT_OK_AND_ASSIGN(SqliteConnection db,
                         SqliteConnection::OpenWriter(LearningFiles(folder.path()).candidates, {0x426E544C, kFirst}));
    ASSERT_OK(db.Execute("INSERT INTO events(outcome, detail) VALUES('promoted', 'generation 3')"));
  }
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder.path()));
  ASSERT_OK(store.Note({.outcome = "relabelled", .detail = "d", .request_id = "r", .route = "hours"}));
  ASSERT_OK_AND_ASSIGN(const auto events, store.Events());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].detail, "generation 3");
  EXPECT_EQ(events[0].request_id, "");
  EXPECT_EQ(events[1].request_id, "r");
  EXPECT_EQ(events[1].route, "hours");
}

TEST(CandidateStore, ABrokenFileIsMovedAside) {
  TempFolder folder;
  const Path file = LearningFiles(folder.path()).candidates;
  ASSERT_OK(WriteFileAtomic(file, std::string(10'000, 'x')));
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder.path()));
  EXPECT_OK(store.Hear(Heard("a")));
  size_t aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(file.parent_path()))
    aside += entry.path().filename().string().find(".corrupt-") != std::string::npos;
  EXPECT_EQ(aside, 1u);
}

}  // namespace
}  // namespace bantam
