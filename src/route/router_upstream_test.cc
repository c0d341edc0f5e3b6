// Questions that go to a large model: when, and what its faults lead to.
#include "route/router.h"

#include "route/decision.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::StoredDesk;

UpstreamReply Reply(UpstreamOutcome outcome, std::string text, std::string problem = {}, bool text_was_sent = false) {
  UpstreamReply reply;
  reply.outcome = outcome;
  reply.text = std::move(text);
  reply.problem = std::move(problem);
  reply.text_was_sent = text_was_sent;
  return reply;
}

struct UpstreamCase {
  UpstreamOutcome outcome;
  bool text_was_sent;
  std::optional<ErrorCode> error;  // of Answer; empty: an answer that says so
};

TEST(Router, BelowTheThresholdTheFallbackIsAsked) {
  StoredDesk stored([](RouterParts& parts) { parts.file.fallback_upstream = "big"; });
  Desk& desk = stored.desk;
  desk.big->pieces = {"Fish ", "do sleep."};
  desk.big->reply = Reply(UpstreamOutcome::kOk, "Fish do sleep.");
  desk.big->reply.completion_tokens = 4;
  desk.big->reply.cost = 0.25;
  const AssistantAnswer first = desk.Say("do fish sleep");
  EXPECT_EQ(first.text, "Fish do sleep.");
  EXPECT_EQ(desk.streamed, "Fish do sleep.");
  EXPECT_EQ(first.source, AnswerSource::kUpstream);
  EXPECT_EQ(first.decision, DecisionKind::kEscalate);
  EXPECT_EQ(first.model, "big");
  EXPECT_EQ(first.completion_tokens, 4);
  EXPECT_EQ(first.cost, 0.25);
  EXPECT_EQ(first.nearest.size(), 5u);
  // The same conversation again: from the cache, at no cost, not through the sink. Another history: asked again.
  desk.streamed.clear();
  const AssistantAnswer second = desk.Say("do fish sleep");
  EXPECT_TRUE(second.cache_hit);
  EXPECT_EQ(second.text, first.text);
  EXPECT_EQ(second.cost, 0);
  EXPECT_EQ(desk.streamed, "");
  EXPECT_EQ(desk.big->calls, 1);
  AssistantRequest other = Desk::Ask("do fish sleep");
  other.messages.insert(other.messages.begin(), {{"user", "I have a pond."}, {"assistant", "Nice."}});
  EXPECT_FALSE(desk.Send(other).cache_hit);
  EXPECT_EQ(desk.big->calls, 2);
  EXPECT_EQ(desk.big->last_request.messages.size(), 3u);
  const RouterStats stats = desk.router->Stats();
  EXPECT_EQ(stats.upstream_requests, 2u);
  EXPECT_EQ(stats.upstream_failures, 0u);
  EXPECT_DOUBLE_EQ(stats.total_cost, 0.5);
  EXPECT_EQ(stats.by_source[static_cast<size_t>(AnswerSource::kUpstream)], 2u);
  EXPECT_EQ(stats.by_source[static_cast<size_t>(AnswerSource::kCache)], 1u);
}

TEST(Router, EveryUpstreamFaultIsAClearAnswerAndLeavesNothingInTheCache) {
  const std::vector<UpstreamCase> cases = {
      {UpstreamOutcome::kRefused, false, {}},
      {UpstreamOutcome::kTimeout, false, {}},
      {UpstreamOutcome::kOverloaded, false, {}},
      {UpstreamOutcome::kServerError, false, {}},
      {UpstreamOutcome::kRejected, false, {}},
      {UpstreamOutcome::kGarbage, false, {}},
      {UpstreamOutcome::kCoolingDown, false, {}},
      {UpstreamOutcome::kTruncated, false, {}},
      {UpstreamOutcome::kTruncated, true, ErrorCode::kUnavailable},
      {UpstreamOutcome::kTimeout, true, ErrorCode::kDeadline},
      {UpstreamOutcome::kCancelled, false, ErrorCode::kCancelled},
  };
  StoredDesk stored([](RouterParts& parts) { parts.file.fallback_upstream = "big"; });
  Desk& desk = stored.desk;
  for (const UpstreamCase& c : cases) {
    SCOPED_TRACE(UpstreamOutcomeName(c.outcome));
    desk.big->reply = Reply(c.outcome, "half an ans", "\"big\" had trouble", c.text_was_sent);
    const Result<AssistantAnswer> answer = desk.router->Answer(Desk::Ask("do fish sleep"), {});
    if (c.error) {
      ASSERT_FALSE(answer);
      EXPECT_EQ(answer.error().code, *c.error);
    } else {
      ASSERT_OK(answer);
      EXPECT_EQ(answer->decision, DecisionKind::kUnsure);
      EXPECT_EQ(answer->source, AnswerSource::kLocalModel);
      EXPECT_EQ(answer->upstream_error, "\"big\" had trouble");
      EXPECT_TRUE(answer->text.starts_with("I'm not sure")) << answer->text;
      EXPECT_EQ(answer->text.find("half"), std::string::npos);
    }
    const AuditRecord last = stored.Records().back();
    EXPECT_EQ(last.outcome, UpstreamOutcomeName(c.outcome));
    EXPECT_EQ(last.model, "big");
  }
  EXPECT_EQ(desk.big->calls, static_cast<int>(cases.size())) << "nothing of a failure is cached";
  EXPECT_EQ(desk.router->Stats().upstream_failures, cases.size() - 1);
  EXPECT_EQ(stored.Records().size(), cases.size());
}

TEST(Router, EscalatingRoutes) {
  StoredDesk stored;
  Desk& desk = stored.desk;
  desk.big->reply = Reply(UpstreamOutcome::kOk, "Let us talk.");
  AssistantAnswer answer = desk.Say("i will sue you");
  EXPECT_EQ(answer.text, "Let us talk.");
  EXPECT_EQ(answer.route, "legal");
  EXPECT_EQ(answer.decision, DecisionKind::kEscalate);
  // When the model fails, the route's own response is said, and not kept.
  desk.big->reply = Reply(UpstreamOutcome::kRefused, "", "no connection");
  answer = desk.Say("my lawyer will call");
  EXPECT_EQ(answer.text, "Write to the legal team.");
  EXPECT_EQ(answer.decision, DecisionKind::kEscalate);
  EXPECT_EQ(answer.upstream_error, "no connection");
  EXPECT_FALSE(desk.Say("my lawyer will call").cache_hit);
  // A model that is switched off.
  answer = desk.Say("keyless one please");
  EXPECT_TRUE(answer.text.starts_with("I'm not sure")) << answer.text;
  EXPECT_EQ(answer.upstream_error, "\"keyless\" is switched off");
  EXPECT_EQ(stored.Records().back().outcome, "upstream_disabled");
  EXPECT_NE(stored.Records().back().problem.find("BANTAM_TEST_SURELY_UNSET"), std::string::npos);
  EXPECT_FALSE(desk.Say("keyless one please").cache_hit);
  // Without a model, the response is the answer, and it is kept.
  EXPECT_EQ(desk.Say("human please").text, "Ring 020 7946 0120.");
  EXPECT_TRUE(desk.Say("human please").cache_hit);
}

TEST(Router, OfflineNothingIsCalled) {
  Desk desk([](RouterParts& parts) {
    parts.offline = true;
    parts.file.fallback_upstream = "big";
    parts.send = nullptr;
  });
  EXPECT_EQ(desk.Say("do fish sleep").decision, DecisionKind::kEscalate);
  EXPECT_EQ(desk.Say("what is the system status").text, "I can't see the status page.");
  desk.Say("leave feedback", "s");
  EXPECT_EQ(desk.Say("nice", "s").text, "Thank you for that.");
  EXPECT_EQ(desk.big->calls, 0);
  EXPECT_TRUE(desk.service.requests.empty());
}

TEST(UpstreamFailedText, IsTrueOfHowItEnded) {
  const auto text = [](UpstreamOutcome outcome) { return UpstreamFailedText(RouteFile(), Understanding(), outcome); };
  for (const auto& [outcome, words] : std::initializer_list<std::pair<UpstreamOutcome, const char*>>{
           {UpstreamOutcome::kRefused, "can't be reached"},
           {UpstreamOutcome::kTimeout, "did not answer in time"},
           {UpstreamOutcome::kOverloaded, "too much to do"},
           {UpstreamOutcome::kServerError, "reported a fault"},
           {UpstreamOutcome::kRejected, "did not take the question"},
           {UpstreamOutcome::kTruncated, "broke off in the middle"},
           {UpstreamOutcome::kGarbage, "can't read"},
           {UpstreamOutcome::kCoolingDown, "given a rest"}}) {
    EXPECT_NE(text(outcome).find(words), std::string::npos) << text(outcome);
    EXPECT_EQ(text(outcome).find("reached") != std::string::npos, outcome == UpstreamOutcome::kRefused);
    EXPECT_EQ(text(outcome).find("try again") == std::string::npos, outcome == UpstreamOutcome::kRejected);
  }
}

}  // namespace
}  // namespace bantam
