#include "route/feedback.h"

#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::StoredDesk;

AssistantAnswer SayAs(StoredDesk& stored, const std::string& id, const std::string& text) {
  AssistantRequest request = Desk::Ask(text);
  request.request_id = id;
  return stored.desk.Send(request);
}

TEST(Feedback, IsARecordOfTheChain) {
  StoredDesk stored;
  Router& router = *stored.desk.router;
  SayAs(stored, "a", "opening hours");
  ASSERT_OK_AND_ASSIGN(const FeedbackReceipt wrong, router.TakeFeedback({"a", false, "thanks"}));
  EXPECT_TRUE(wrong.recorded);
  ASSERT_OK_AND_ASSIGN(const FeedbackReceipt again, router.TakeFeedback({"a", false, "thanks"}));
  EXPECT_FALSE(again.recorded) << "said before";
  ASSERT_OK_AND_ASSIGN(const FeedbackReceipt right, router.TakeFeedback({"a", true, ""}));
  EXPECT_TRUE(right.recorded) << "another mind";
  EXPECT_EQ(right.right_route, "hours");
  const auto records = stored.Records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[1].decision, "feedback");
  EXPECT_EQ(records[1].source, "person");
  EXPECT_EQ(records[1].request_id, "a");
  EXPECT_EQ(records[1].outcome, "wrong");
  EXPECT_EQ(records[1].route, "thanks");
  EXPECT_EQ(records[1].question_sha256, records[0].question_sha256);
  EXPECT_EQ(records[2].outcome, "right");
  EXPECT_EQ(records[2].route, "hours");
  ASSERT_OK_AND_ASSIGN(const AuditCheck check, VerifyAuditLog(StateFiles(stored.folder.path()).audit));
  EXPECT_EQ(check.records, 3);
  EXPECT_FALSE(check.first_bad_line);
}

TEST(Feedback, WhatDoesNotFitIsRefused) {
  StoredDesk stored;
  Router& router = *stored.desk.router;
  SayAs(stored, "a", "opening hours");
  SayAs(stored, "b", "do fish sleep");
  EXPECT_EQ(router.TakeFeedback({"nobody", true, ""}).error().code, ErrorCode::kNotFound);
  EXPECT_NE(router.TakeFeedback({"a", false, "huors"}).error().message.find("did you mean \"hours\""),
            std::string::npos);
  EXPECT_EQ(router.TakeFeedback({"a", false, "hours"}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(router.TakeFeedback({"a", true, "thanks"}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_OK(router.TakeFeedback({"a", false, "oos"}));
  EXPECT_OK(router.TakeFeedback({"a", false, ""}));
  EXPECT_OK(router.TakeFeedback({"b", true, "oos"}));
  EXPECT_OK(router.TakeFeedback({"b", false, "hours"}));
  Desk without;
  without.Say("opening hours");
  EXPECT_EQ(without.router->TakeFeedback({"a", true, ""}).error().code, ErrorCode::kUnavailable);
}

TEST(Feedback, ReachesAnswersOfAnEarlierRun) {
  StoredDesk stored;
  SayAs(stored, "a", "opening hours");
  EXPECT_OK(stored.desk.router->TakeFeedback({"a", false, "thanks"}));
  AnswerBook book;
  EXPECT_EQ(book.Find("a"), nullptr);
  book.ReadLog(StateFiles(stored.folder.path()).audit);
  const AnswerBook::Answer* answer = book.Find("a");
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->route, "hours");
  ASSERT_TRUE(answer->feedback);
  EXPECT_EQ(answer->feedback->right_route, "thanks");
}

TEST(Feedback, OnlyTheLatestAnswersAreKept) {
  AnswerBook book;
  AuditRecord record;
  for (size_t i = 0; i < AnswerBook::kMostAnswers + 5; ++i) {
    record.request_id = std::to_string(i);
    book.Add(record);
  }
  EXPECT_EQ(book.Find("4"), nullptr);
  EXPECT_NE(book.Find("5"), nullptr);
}

}  // namespace
}  // namespace bantam
