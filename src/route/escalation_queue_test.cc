// The queue on disk, and the router that fills and empties it.
#include "route/escalation_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using ::testing::HasSubstr;
using testing::StoredDesk;

QueuedQuestion Question(std::string text, std::string model = "big") {
  QueuedQuestion question{.model = std::move(model), .route = "weather", .request = Desk::Ask(std::move(text), "s1")};
  question.request.tenant = "t1";
  question.request.upstream_parameters = {{"temperature", 0.5}};
  return question;
}

TEST(EscalationQueue, KeepsTheOrderAndTheWholeRequest) {
  testing::TempFolder folder;
  const Path file = folder / "queue.db";
  {
    ASSERT_OK_AND_ASSIGN(auto queue, EscalationQueue::Open(file));
    QueuedQuestion first = Question("will it rain?");
    first.request.messages.insert(first.request.messages.begin(), {"assistant", "Hello, \xE2\x82\xAC"});
    ASSERT_OK(queue->Add(first));
    ASSERT_OK(queue->Add(Question("and snow?", "other")));
  }
  ASSERT_OK_AND_ASSIGN(auto queue, EscalationQueue::Open(file));
  EXPECT_EQ(queue->Count().value(), 2);
  ASSERT_OK_AND_ASSIGN(const auto first, queue->NextAfter(0));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->model, "big");
  EXPECT_EQ(first->route, "weather");
  EXPECT_EQ(first->request.session_id, "s1");
  EXPECT_EQ(first->request.tenant, "t1");
  EXPECT_THAT(first->request.request_id, ::testing::StartsWith("req-"));
  EXPECT_EQ(first->request.upstream_parameters, (json::object{{"temperature", 0.5}}));
  ASSERT_EQ(first->request.messages.size(), 2u);
  EXPECT_EQ(first->request.messages[0].content, "Hello, \xE2\x82\xAC");
  EXPECT_EQ(first->request.messages[1].content, "will it rain?");
  ASSERT_OK_AND_ASSIGN(const auto second, queue->NextAfter(first->number));
  EXPECT_EQ(second->model, "other");
  EXPECT_FALSE(queue->NextAfter(second->number).value());
  ASSERT_OK(queue->Remove(first->number));
  EXPECT_EQ(queue->Count().value(), 1);
  EXPECT_EQ(queue->NextAfter(0).value()->number, second->number);
}

TEST(EscalationQueue, RefusesWhatDoesNotFitAndKeepsTheRest) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto queue, EscalationQueue::Open(folder / "queue.db"));
  const std::string large(size_t{5} << 20, 'a');
  for (int i = 0; i < 3; ++i) ASSERT_OK(queue->Add(Question(large)));
  const Status full = queue->Add(Question(large));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kOverloaded);
  EXPECT_THAT(full.error().message, HasSubstr("1000 questions or 16 MiB"));
  ASSERT_OK(queue->Add(Question("a small one")));
  EXPECT_EQ(queue->Count().value(), 4);
}

TEST(EscalationQueue, AFileOfSomethingElseIsMovedAside) {
  testing::TempFolder folder;
  std::ofstream(folder / "queue.db") << "no database at all, but long enough to look like one to somebody";
  ASSERT_OK_AND_ASSIGN(auto queue, EscalationQueue::Open(folder / "queue.db"));
  EXPECT_EQ(queue->Count().value(), 0);
}

// What no route of the desk knows is for "big".
struct Offline {
  explicit Offline(bool ask_later = true)
      : stored([&](RouterParts& parts) {
          parts.ask_later = ask_later;
          parts.file.fallback_upstream = "big";
          parts.queue = EscalationQueue::Open(StateFiles(stored.folder.path()).queue).value();
          parts.late = LateAnswers::Open(StateFiles(stored.folder.path()).late_answers).value();
        }) {}
  Status Send() {
    return stored.desk.router->SendQueued([&](const SentQuestion& question) { sent.push_back(question); },
                                          MonotonicTime::max(), {});
  }
  StoredDesk stored;
  std::vector<SentQuestion> sent;
};

TEST(SendQueued, WhatCannotBeAskedNowIsAskedLater) {
  Offline offline;
  Desk& desk = offline.stored.desk;
  const AssistantAnswer answer = desk.Say("explain quantum physics to me");
  EXPECT_TRUE(answer.queued);
  EXPECT_EQ(answer.model, "big");
  EXPECT_EQ(answer.decision, DecisionKind::kEscalate);
  EXPECT_THAT(answer.text, HasSubstr("as soon as I can reach them"));
  EXPECT_EQ(desk.big->calls, 0);
  EXPECT_EQ(desk.router->CountQueued().value(), 1);

  desk.big->reply.text = "Very small things.";
  desk.big->reply.cost = 0.25;
  ASSERT_OK(offline.Send());
  ASSERT_EQ(offline.sent.size(), 1u);
  EXPECT_EQ(offline.sent[0].question.text(), "explain quantum physics to me");
  EXPECT_EQ(offline.sent[0].reply.text, "Very small things.");
  EXPECT_EQ(offline.sent[0].problem, "");
  EXPECT_EQ(desk.router->CountQueued().value(), 0);
  EXPECT_EQ(desk.router->Stats().total_cost, 0.25);
  const auto records = offline.stored.Records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].outcome, "queued");
  EXPECT_EQ(records[1].outcome, "ok");
  EXPECT_EQ(records[1].source, "upstream");
  EXPECT_EQ(records[0].request_id, records[1].request_id);
  EXPECT_EQ(records[0].question_sha256, records[1].question_sha256);
}

TEST(SendQueued, WhoeverAskedFindsTheAnswerLater) {
  Offline offline;
  Desk& desk = offline.stored.desk;
  const std::shared_ptr<LateAnswers> late = desk.router->parts().late;
  ASSERT_NE(late, nullptr);
  const AssistantAnswer answer = desk.Say("explain quantum physics to me");
  ASSERT_TRUE(answer.queued);
  const std::string id = offline.stored.Records().at(0).request_id;
  EXPECT_EQ(late->Find("", id).value()->state, LateAnswer::State::kWaiting);
  desk.big->reply.text = "Very small things.";
  ASSERT_OK(offline.Send());
  const LateAnswer found = late->Find("", id).value().value();
  EXPECT_EQ(found.state, LateAnswer::State::kAnswered);
  EXPECT_EQ(found.text, "Very small things.");
  EXPECT_EQ(found.model, "big");
  EXPECT_GT(found.asked_us, 0);
  EXPECT_GE(found.ended_us, found.asked_us);
  EXPECT_FALSE(late->Find("another key", id).value());
}

TEST(SendQueued, AnAnswerOfTheQueueIsNotCached) {
  Offline offline;
  Desk& desk = offline.stored.desk;
  EXPECT_TRUE(desk.Say("explain quantum physics to me").queued);
  EXPECT_TRUE(desk.Say("explain quantum physics to me").queued);
  EXPECT_EQ(desk.router->CountQueued().value(), 2);
}

TEST(SendQueued, QuestionsStayWhileTheirModelIsOutOfReach) {
  Offline offline(/*ask_later=*/false);
  Desk& desk = offline.stored.desk;
  desk.big->reply.outcome = UpstreamOutcome::kRefused;
  desk.big->reply.problem = "\"big\" can't be reached";
  for (const char* text : {"explain quantum physics to me", "compose a sonnet"}) {
    const AssistantAnswer answer = desk.Say(text);
    EXPECT_TRUE(answer.queued) << text;
    EXPECT_EQ(answer.upstream_error, "\"big\" can't be reached");
  }
  EXPECT_EQ(desk.big->calls, 2);
  const Status status = offline.Send();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(status.error().message, "2 questions stay in the queue: \"big\" can't be reached");
  EXPECT_EQ(desk.big->calls, 3);  // one was enough to know
  EXPECT_TRUE(offline.sent.empty());
  desk.big->reply.outcome = UpstreamOutcome::kOk;
  ASSERT_OK(offline.Send());
  ASSERT_EQ(offline.sent.size(), 2u);
  EXPECT_EQ(offline.sent[0].question.text(), "explain quantum physics to me");
}

TEST(SendQueued, OnlyWhatIsWrongWithTheQuestionGivesItUp) {
  Offline offline;
  Desk& desk = offline.stored.desk;
  desk.Say("explain quantum physics to me");
  desk.big->reply.outcome = UpstreamOutcome::kRejected;
  desk.big->reply.problem = "\"big\" did not take it";
  desk.big->reply.http_status = 401;  // a wrong key
  EXPECT_FALSE(offline.Send());
  EXPECT_EQ(desk.router->CountQueued().value(), 1);
  desk.big->reply.http_status = 400;
  ASSERT_OK(offline.Send());
  ASSERT_EQ(offline.sent.size(), 1u);
  EXPECT_EQ(offline.sent[0].problem, "\"big\" did not take it");
  EXPECT_EQ(offline.stored.Records().back().outcome, "upstream_rejected");
  EXPECT_EQ(desk.router->CountQueued().value(), 0);
}

TEST(SendQueued, WhatIsForAModelThatIsGoneIsGivenUp) {
  Offline offline;
  const RouteFile& file = offline.stored.desk.router->file();
  ASSERT_OK_AND_ASSIGN(auto queue, EscalationQueue::Open(offline.stored.folder / "other.db"));
  ASSERT_OK(queue->Add(Question("anybody?", "nobody")));
  std::string problem;
  ASSERT_OK(SendQueued(*queue, file, {}, [&](const SentQuestion& sent) { problem = sent.problem; },
                       MonotonicTime::max(), {}));
  EXPECT_EQ(problem, "the route file has no model \"nobody\" any more");
  EXPECT_EQ(queue->Count().value(), 0);
}

TEST(SendQueued, EndsWithItsTimeAndWithoutAQueue) {
  Offline offline;
  offline.stored.desk.Say("explain quantum physics to me");
  Router& router = *offline.stored.desk.router;
  EXPECT_EQ(router.SendQueued([](const SentQuestion&) {}, MonotonicNow(), {}).error().code, ErrorCode::kDeadline);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(router.SendQueued([](const SentQuestion&) {}, MonotonicTime::max(), stop.get_token()).error().code,
            ErrorCode::kCancelled);
  EXPECT_EQ(router.CountQueued().value(), 1);
  Desk plain;
  EXPECT_EQ(plain.router->CountQueued().error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace bantam
