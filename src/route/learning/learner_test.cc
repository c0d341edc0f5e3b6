// From a message that somebody writes to a candidate with a label.
#include "route/learning/learner.h"

#include <atomic>
#include <thread>

#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::FakeUpstream;
using testing::StoredDesk;

// The desk, with a large model that answers ("big") and one that labels ("other").
struct LearningDesk {
  explicit LearningDesk(LearningRule rule = {}, std::string says = "hours")
      : stored([&](RouterParts& parts) {
          parts.file.fallback_upstream = "big";
          parts.file.audit_texts = true;
          parts.file.pii.emplace();
          parts.file.learning = std::move(rule);
          teacher = dynamic_cast<FakeUpstream*>(parts.upstreams.at("other").get());
          teacher->reply.text = std::move(says);
          teacher->reply.cost = 0.5;
          parts.learner = std::make_shared<Learner>(parts.file, folder.path(), teacher);
        }) {}

  // What is known once `labelled` candidates have a label.
  std::vector<Candidate> Wait(size_t labelled) {
    for (const MonotonicTime until = MonotonicNow() + std::chrono::seconds(10); MonotonicNow() < until;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      auto store = CandidateStore::Open(folder.path()).value();
      if (store.List({.labelled = true}).value().size() >= labelled) return store.List({}).value();
    }
    ADD_FAILURE() << "no label came";
    return {};
  }

  testing::TempFolder folder;
  FakeUpstream* teacher = nullptr;
  StoredDesk stored;
};

TEST(Learner, AnEscalationBecomesALabelledCandidate) {
  LearningDesk learning({.explore_rate = 0});
  Desk& desk = learning.stored.desk;
  desk.big->reply.text = "They do.";
  desk.Say("opening hours");
  desk.Say("do fish sleep, asks ann@example.org");
  const auto candidates = learning.Wait(1);
  ASSERT_EQ(candidates.size(), 1u) << "what was answered here is none";
  EXPECT_EQ(candidates[0].text, "do fish sleep, asks <EMAIL_1>");
  EXPECT_EQ(candidates[0].label, "hours");
  EXPECT_EQ(candidates[0].labelled_by, LabelledBy::kTeacher);
  EXPECT_TRUE(candidates[0].escalated);
  EXPECT_EQ(candidates[0].audited, 0);
  EXPECT_EQ(desk.router->Stats().total_cost, 0.5);
  desk.router.reset();
  const auto records = learning.stored.Records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[2].decision, kLabelDecision);
  EXPECT_EQ(records[2].source, "teacher");
  EXPECT_EQ(records[2].route, "hours");
  EXPECT_EQ(records[2].request_id, records[1].request_id);
  EXPECT_EQ(records[2].cost, 0.5);
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(learning.folder.path()));
  ASSERT_OK_AND_ASSIGN(const auto traffic, store.TrafficOfGenerations());
  EXPECT_EQ(traffic.at(0).messages, 2);
  EXPECT_EQ(traffic.at(0).escalated, 1);
}

TEST(Learner, TheAuditDrawsByTheRequestAndLeavesTheAnswerAlone) {
  LearningDesk learning({.explore_rate = 0.5}, "thanks");
  Desk& desk = learning.stored.desk;
  size_t drawn = 0;
  for (int i = 0; i < 20; ++i) {
    AssistantRequest request = Desk::Ask("opening hours");
    request.request_id = fmt::format("request {}", i);
    const AssistantAnswer answer = desk.Send(request);
    EXPECT_EQ(answer.route, "hours");
    EXPECT_NE(answer.source, AnswerSource::kUpstream);
  }
  const auto candidates = learning.Wait(1);
  ASSERT_EQ(candidates.size(), 1u);
  EXPECT_EQ(candidates[0].label, "thanks");
  EXPECT_EQ(candidates[0].guess, "hours");
  EXPECT_TRUE(candidates[0].answered);
  EXPECT_FALSE(candidates[0].escalated);
  EXPECT_EQ(desk.big->calls, 0);
  desk.router.reset();
  for (const AuditRecord& record : learning.stored.Records()) {
    if (record.decision == kLabelDecision) continue;
    drawn += record.propensity.has_value();
    if (record.propensity) {
      EXPECT_EQ(*record.propensity, 0.5);
    }
  }
  EXPECT_GT(drawn, 3u);
  EXPECT_LT(drawn, 17u);
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(learning.folder.path()));
  ASSERT_OK_AND_ASSIGN(const CandidateCounts counts, store.Counts());
  EXPECT_EQ(static_cast<size_t>(counts.audited), drawn) << "repeated messages are traffic, too";
}

TEST(Learner, FeedbackNamesTheRightRoute) {
  LearningDesk learning({.explore_rate = 0});
  Desk& desk = learning.stored.desk;
  AssistantRequest request = Desk::Ask("opening hours");
  request.request_id = "a";
  desk.Send(request);
  ASSERT_OK(desk.router->TakeFeedback({"a", false, "refund"}));
  const auto candidates = learning.Wait(1);
  ASSERT_EQ(candidates.size(), 1u);
  EXPECT_EQ(candidates[0].label, "refund");
  EXPECT_EQ(candidates[0].labelled_by, LabelledBy::kPerson);
  EXPECT_TRUE(candidates[0].from_feedback);
  EXPECT_EQ(learning.teacher->calls, 0);
}

TEST(Learner, ATeacherThatCannotBeReachedIsAskedLater) {
  LearningDesk learning({.explore_rate = 0});
  learning.teacher->reply.outcome = UpstreamOutcome::kOverBudget;
  learning.stored.desk.Say("do fish sleep");
  for (int i = 0; i < 200 && learning.teacher->calls == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  learning.stored.desk.router.reset();
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(learning.folder.path()));
  ASSERT_OK_AND_ASSIGN(const CandidateCounts counts, store.Counts());
  EXPECT_EQ(counts.unlabelled, 1);
}

// Answers nothing until it is told to stop.
class EndlessUpstream : public Upstream {
 public:
  UpstreamReply Ask(const AssistantRequest& request, const DeltaSink&) override {
    asked_ = true;
    asked_.notify_all();
    while (!request.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    UpstreamReply reply;
    reply.outcome = UpstreamOutcome::kCancelled;
    return reply;
  }
  const UpstreamConfig& config() const override { return config_; }
  void WaitUntilAsked() const { asked_.wait(false); }

 private:
  UpstreamConfig config_;
  std::atomic<bool> asked_ = false;
};

HeardMessage Escalated(std::string text) {
  HeardMessage message;
  message.text = std::move(text);
  message.escalated = true;
  return message;
}

// Several threads speak until the moment of its end, and the teacher is in the middle of an answer.
TEST(Learner, TheEndKeepsWhatWasHeard) {
  constexpr int kThreads = 4, kEach = 100;
  testing::TempFolder folder;
  RouteFile file = LoadRouteFile(testing::kDeskFile).value();
  file.learning.emplace();
  EndlessUpstream teacher;
  {
    Learner learner(file, folder.path(), &teacher);
    learner.Start([](const AuditRecord&) {});
    std::vector<std::jthread> speakers;
    for (int thread = 0; thread < kThreads; ++thread) {
      speakers.emplace_back([&learner, thread] {
        for (int i = 0; i < kEach; ++i) {
          learner.Hear(Escalated(fmt::format("thread {} says {}", thread, i)));
          learner.Count({1, 1, 0, 0});
        }
      });
    }
    speakers.clear();
    teacher.WaitUntilAsked();
    learner.Hear(Escalated("the last word"));
  }
  ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(folder.path()));
  ASSERT_OK_AND_ASSIGN(const CandidateCounts counts, store.Counts());
  EXPECT_EQ(counts.unlabelled, kThreads * kEach + 1);
  ASSERT_OK_AND_ASSIGN(const auto traffic, store.TrafficOfGenerations());
  EXPECT_EQ(traffic.at(0).messages, kThreads * kEach);
}

TEST(Learner, WhatPeopleDidIsRecorded) {
  LearningDesk learning({.explore_rate = 0});
  {
    ASSERT_OK_AND_ASSIGN(CandidateStore store, CandidateStore::Open(learning.folder.path()));
    ASSERT_OK(store.Note({.outcome = "promoted", .detail = "generation 3"}));
  }
  learning.stored.desk.Say("opening hours");
  learning.stored.desk.router.reset();
  const auto records = learning.stored.Records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].decision, kLearningDecision);
  EXPECT_EQ(records[1].outcome, "promoted");
  EXPECT_EQ(records[1].problem, "generation 3");
  EXPECT_EQ(records[1].request_id, "learning-1");
}

}  // namespace
}  // namespace bantam
