// A log that several heads of one assistant have decided, with the real model.
#include "route/logged_heads.h"

#include "route/example_index.h"
#include "route/redecide.h"
#include "route/router_parts.h"
#include "route/testing/learning_shop.h"

namespace bantam {
namespace {

class LoggedHeadsTest : public testing::LearningShop {
 protected:
  RouterOptions Options() const {
    return {.embedder = embedder_, .offline = true, .state_folder = folder_.path(), .own_threads = false};
  }
  RouterOptions Replaying() const {
    RouterOptions options = Options();
    options.persistent = false;
    return options;
  }
  // Asks the head in force; -> what records call it.
  std::string Serve(const std::vector<std::string>& texts) {
    const auto router = Router::Create(file_, Options()).value();
    for (const std::string& text : texts) {
      AssistantRequest request;
      request.request_id = fmt::format("req-{}", ++asked_);
      request.messages = {{"user", text}};
      EXPECT_OK(router->Answer(request, {}));
    }
    return router->parts().intents->identity();
  }
  int64_t Learn() {
    EXPECT_OK(Make());
    const int64_t number = PromoteChallenger(file_, folder_.path()).value();
    EXPECT_OK(RecordLearning(file_, folder_.path()));
    return number;
  }
  RedecideReport Again(bool by_logged_heads) {
    const auto router = Router::Create(file_, Replaying()).value();
    LoggedHeads heads(*router, folder_.path(), Replaying());
    return Redecide(*router, StateFiles(folder_.path()).audit, {.heads = by_logged_heads ? &heads : nullptr}).value();
  }

  int asked_ = 0;
  const std::vector<std::string> texts_ = {"opening hours", "is the warehouse in town number 900 staffed on that day",
                                           "parcel 77 came in pieces and i will not keep it"};
};

TEST_F(LoggedHeadsTest, EachMessageIsDecidedByTheHeadThatDecidedIt) {
  Fill(6, 10);
  AcceptAll();
  const std::string own = Serve(texts_);
  ASSERT_EQ(Learn(), 1);
  const std::string first = Serve(texts_);
  Fill(3, 20, 40);
  AcceptAll();
  file_.learning->min_coverage_gain = 0;
  ASSERT_EQ(Learn(), 2);
  const std::string second = Serve(texts_);
  ASSERT_NE(own, first);
  ASSERT_NE(first, second);

  // Learned messages are near, and their words are nobody else's to read.
  bool near_one = false;
  ASSERT_OK(ReadAuditLog(StateFiles(folder_.path()).audit, [&](const AuditRecord& record, std::string_view) {
    for (const NearestExample& example : record.nearest) {
      EXPECT_EQ(example.text.find("warehouse"), std::string::npos) << example.text;
      near_one |= example.text == kLearnedMessage;
    }
    return true;
  }));
  EXPECT_TRUE(near_one);

  RedecideReport report = Again(true);
  EXPECT_EQ(report.messages, 9);
  EXPECT_EQ(report.same_bits, 9);
  EXPECT_EQ(report.other_head, 0);
  EXPECT_TRUE(report.changes.empty());
  // By the head in force alone the others' messages are another head's, and it is said whose.
  report = Again(false);
  EXPECT_LT(report.same_bits, 9);
  ASSERT_EQ(report.other_heads.size(), 2u);
  EXPECT_EQ(report.other_heads[0].head_sha256, own);
  EXPECT_FALSE(report.other_heads[0].generation) << "the route file's own";
  EXPECT_EQ(report.other_heads[1].head_sha256, first);
  EXPECT_EQ(report.other_heads[1].generation, 1);
  EXPECT_EQ(report.other_heads[1].messages, 3);
  EXPECT_EQ(report.other_head, 6);
  // One that is gone is named.
  ASSERT_OK(WriteGenerations(folder_.path(), {.current = 2, .earlier = {0}, .last = 2}));
  RemoveOtherGenerations(folder_.path(), {.current = 2, .earlier = {0}});
  report = Again(true);
  EXPECT_EQ(report.messages, 9);
  ASSERT_EQ(report.other_heads.size(), 1u);
  EXPECT_EQ(report.other_heads[0].generation, 1);
  EXPECT_EQ(report.other_heads[0].messages, 3);
}

// What is proven was proven of a head that had learned from them.
TEST_F(LoggedHeadsTest, WhatIsTooOldIsTakenOutBeforeAHeadIsLoaded) {
  Fill(6, 10);
  AcceptAll();
  ASSERT_EQ(Learn(), 1);
  const std::string before = Serve(texts_);
  {
    ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder_.path()));
    ASSERT_OK(store.Hear(testing::ShopMessage("what is new stays")));
  }
  const Path candidates = LearningFiles(folder_.path()).candidates;
  {
    ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenReader(candidates));
    ASSERT_EQ(db.Number("SELECT count(*) FROM candidates").value(), 33);
  }
  file_.audit_retention = std::chrono::hours(1);
  EXPECT_EQ(Serve({}), before) << "nothing is that old";
  {
    constexpr const char* kNoChange[] = {"", ""};
    ASSERT_OK_AND_ASSIGN(SqliteConnection db, SqliteConnection::OpenWriter(candidates, {0x426E544C, kNoChange}));
    ASSERT_OK(db.Execute("UPDATE candidates SET last_us = 1 WHERE id <= 32"));
  }
  EXPECT_NE(Serve({}), before) << "a head that has learned nothing of it";
  const auto router = Router::Create(file_, Replaying()).value();
  EXPECT_EQ(router->file().generation, 1);
  EXPECT_TRUE(router->file().learned.empty());
  EXPECT_TRUE(router->file().audited.empty());
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder_.path()));
  ASSERT_OK_AND_ASSIGN(const std::vector<Candidate> left, store.List({}));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].text, "what is new stays");
}

}  // namespace
}  // namespace bantam
