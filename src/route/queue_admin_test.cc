#include "route/queue_admin.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "route/audit_explain.h"
#include "route/late_answers.h"
#include "route/send_queued.h"
#include "route/state_folder.h"
#include "route/testing/audit_records.h"
#include "route/testing/broken_files.h"

namespace bantam {
namespace {

struct Waiting {
  Waiting() {
    const auto queue = EscalationQueue::Open(files.queue).value();
    const auto late = LateAnswers::Open(files.late_answers).value();
    for (int n = 1; n <= 3; ++n) {
      QueuedQuestion question{.model = "big", .route = "weather", .request = {}};
      question.request.request_id = fmt::format("req-{}", n);
      question.request.tenant = "ann";
      question.request.messages = {{"user", fmt::format("question {}", n)}};
      EXPECT_OK(late->Keep("ann", question.request.request_id, {.asked_us = asked_us}));
      EXPECT_OK(queue->Add(question));
    }
  }
  std::vector<std::string> Left() const {
    std::vector<std::string> left;
    const std::vector<QueuedQuestion> all = EscalationQueue::ReadAll(files.queue).value();
    for (const QueuedQuestion& one : all) left.push_back(one.request.request_id);
    return left;
  }
  const int64_t asked_us = WallMicros();
  testing::TempFolder folder;
  const StateFiles files{folder.path()};
};

TEST(QueueAdmin, WhatIsDroppedIsRecordedAndToldOf) {
  const Waiting waiting;
  ASSERT_OK_AND_ASSIGN(const auto all, EscalationQueue::ReadAll(waiting.files.queue));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].number, 2);
  EXPECT_EQ(all[1].text(), "question 2");
  EXPECT_GT(all[1].asked_us, int64_t{1'700'000'000'000'000});
  const std::vector<int64_t> second = {2};
  ASSERT_OK_AND_ASSIGN(const int64_t dropped, DropQueued(waiting.folder.path(), second));
  EXPECT_EQ(dropped, 1);
  EXPECT_EQ(waiting.Left(), (std::vector<std::string>{"req-1", "req-3"}));
  ASSERT_OK_AND_ASSIGN(const auto late, LateAnswers::Open(waiting.files.late_answers));
  ASSERT_OK_AND_ASSIGN(const auto told, late->Find("ann", "req-2"));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->state, LateAnswer::State::kGivenUp);
  EXPECT_EQ(told->problem, "a person dropped it unasked");
  EXPECT_EQ(told->asked_us, waiting.asked_us);
  EXPECT_EQ(late->Find("ann", "req-1").value()->state, LateAnswer::State::kWaiting);
  const auto records = testing::ReadAll(waiting.files.audit);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].decision, kQueueDecision);
  EXPECT_EQ(records[0].source, "person");
  EXPECT_EQ(records[0].request_id, "req-2");
  EXPECT_EQ(records[0].question_sha256, Sha256Hex("question 2"));
  EXPECT_FALSE(IsAnswer(records[0]));
  EXPECT_EQ(testing::Slurp(waiting.files.audit).find("question 2"), std::string::npos);
  EXPECT_NE(ExplainDecision(records[0]).find("out of the queue for the large model big"), std::string::npos);
}

TEST(QueueAdmin, AllOrWhatIsNamedOrNothing) {
  const Waiting waiting;
  const std::vector<int64_t> unknown = {1, 77};
  const auto refused = DropQueued(waiting.folder.path(), unknown);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "no question 77 waits; `bantam queue list` shows those that do");
  EXPECT_EQ(waiting.Left().size(), 3u);
  {
    ASSERT_OK_AND_ASSIGN(const StateLock server, StateLock::Acquire(waiting.folder.path()));
    EXPECT_EQ(DropQueued(waiting.folder.path(), {}).error().code, ErrorCode::kConflict);
  }
  EXPECT_EQ(DropQueued(waiting.folder.path(), {}).value_or(-1), 3);
  EXPECT_EQ(waiting.Left().size(), 0u);
  EXPECT_EQ(DropQueued(waiting.folder.path(), {}).value_or(-1), 0);
}

}  // namespace
}  // namespace bantam
