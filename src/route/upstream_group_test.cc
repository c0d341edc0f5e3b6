#include "route/upstream_group.h"

#include <gtest/gtest.h>

#include "base/testing.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::StoredDesk;

// Answers as it is told, and counts.
class Member : public Upstream {
 public:
  Member(std::string label, int order, double weight, int& calls, UpstreamReply& reply) : calls_(calls), reply_(reply) {
    config_.name = "big";
    config_.label = std::move(label);
    config_.order = order;
    config_.weight = weight;
  }
  UpstreamReply Ask(const AssistantRequest&, const DeltaSink&) override {
    ++calls_;
    UpstreamReply reply = reply_;
    reply.label = config_.label;
    return reply;
  }
  const UpstreamConfig& config() const override { return config_; }

 private:
  UpstreamConfig config_;
  int& calls_;
  UpstreamReply& reply_;
};

UpstreamReply Failed(UpstreamOutcome outcome, int status = 0) {
  UpstreamReply reply;
  reply.outcome = outcome;
  reply.http_status = status;
  reply.problem = "\"big\" had trouble";
  return reply;
}

struct Group {
  explicit Group(std::vector<std::pair<int, double>> order_and_weight)
      : calls(order_and_weight.size()), replies(order_and_weight.size()) {
    std::vector<std::unique_ptr<Upstream>> members;
    for (size_t i = 0; i < order_and_weight.size(); ++i) {
      replies[i].text = std::to_string(i);
      members.push_back(std::make_unique<Member>(fmt::format("big#{}", i + 1), order_and_weight[i].first,
                                                 order_and_weight[i].second, calls[i], replies[i]));
    }
    upstream = MakeUpstreamGroup(std::move(members));
  }
  UpstreamReply Ask() { return upstream->Ask({}, {}); }
  std::vector<int> calls;
  std::vector<UpstreamReply> replies;
  std::unique_ptr<Upstream> upstream;
};

TEST(UpstreamGroup, TheLowestOrderFirstThenTheNext) {
  Group group({{2, 1}, {1, 1}});
  EXPECT_EQ(group.Ask().text, "1");
  EXPECT_EQ(group.calls, (std::vector<int>{0, 1}));
  for (const UpstreamReply& failure :
       {Failed(UpstreamOutcome::kRefused), Failed(UpstreamOutcome::kTimeout), Failed(UpstreamOutcome::kOverloaded, 429),
        Failed(UpstreamOutcome::kServerError, 500), Failed(UpstreamOutcome::kRejected, 401),
        Failed(UpstreamOutcome::kCoolingDown), Failed(UpstreamOutcome::kBusy), Failed(UpstreamOutcome::kOverBudget)}) {
    group.replies[1] = failure;
    EXPECT_EQ(group.Ask().text, "0") << UpstreamOutcomeName(failure.outcome);
  }
  // Both: the last one's trouble is told.
  group.replies[0] = Failed(UpstreamOutcome::kTimeout);
  EXPECT_EQ(group.Ask().outcome, UpstreamOutcome::kTimeout);
}

TEST(UpstreamGroup, NobodyElseIsAskedOnceAnAnswerBegan) {
  Group group({{1, 1}, {2, 1}});
  UpstreamReply cut = Failed(UpstreamOutcome::kTruncated, 200);
  cut.began = true;
  UpstreamReply shown = Failed(UpstreamOutcome::kTimeout);
  shown.text_was_sent = true;
  for (const UpstreamReply& failure :
       {cut, shown, Failed(UpstreamOutcome::kCancelled), Failed(UpstreamOutcome::kRejected, 400)}) {
    group.replies[0] = failure;
    EXPECT_EQ(group.Ask().outcome, failure.outcome);
  }
  EXPECT_EQ(group.calls[1], 0);
}

TEST(UpstreamGroup, ByWeight) {
  Group group({{1, 3}, {1, 1}, {1, 0.001}});
  for (int i = 0; i < 4'000; ++i) group.Ask();
  EXPECT_NEAR(group.calls[0], 3'000, 150);
  EXPECT_NEAR(group.calls[1], 1'000, 150);
  EXPECT_LT(group.calls[2], 20);
}

TEST(Router, FallbacksAreAskedInTurnAndFlagged) {
  StoredDesk stored([](RouterParts& parts) {
    parts.file.fallback_upstream = "big";
    parts.file.fallbacks["big"] = {"gone", "other"};
    parts.file.disabled_upstreams["gone"] = "it has no key";
  });
  Desk& desk = stored.desk;
  desk.big->reply = Failed(UpstreamOutcome::kRefused);
  desk.other->reply.text = "Fish do sleep.";
  const AssistantAnswer answer = desk.Say("do fish sleep");
  EXPECT_EQ(answer.text, "Fish do sleep.");
  EXPECT_EQ(answer.model, "other");
  EXPECT_EQ(answer.upstream_error, "\"big\" had trouble");
  EXPECT_EQ(stored.Records().back().outcome, "ok");
  EXPECT_EQ(stored.Records().back().model, "other");
  EXPECT_EQ(stored.Records().back().problem, "\"big\" had trouble");
  // Not kept: the next one may be answered by the model itself.
  desk.big->reply = UpstreamReply();
  desk.big->reply.text = "They do.";
  EXPECT_EQ(desk.Say("do fish sleep").text, "They do.");
  EXPECT_EQ(desk.Say("do fish sleep").upstream_error, std::nullopt);
}

TEST(Router, AnEmptyPurseAsksTheOneForThat) {
  Desk desk([](RouterParts& parts) {
    parts.file.fallback_upstream = "big";
    parts.file.on_budget_exceeded = "other";
  });
  desk.big->reply = Failed(UpstreamOutcome::kRefused);
  desk.Say("do fish sleep");
  EXPECT_EQ(desk.other->calls, 0) << "only for budgets";
  desk.big->reply = Failed(UpstreamOutcome::kOverBudget);
  desk.other->reply.text = "Cheaply: yes.";
  EXPECT_EQ(desk.Say("do fish sleep").text, "Cheaply: yes.");
  desk.other->reply = Failed(UpstreamOutcome::kOverBudget);
  EXPECT_NE(desk.Say("do fish sleep").text.find("used up"), std::string::npos);
}

TEST(Router, OfflineRefuseIsAnError) {
  Desk desk([](RouterParts& parts) {
    parts.file.fallback_upstream = "big";
    parts.file.offline = OfflineRule::kRefuse;
  });
  desk.big->reply = Failed(UpstreamOutcome::kRefused);
  Result<AssistantAnswer> answer = desk.router->Answer(Desk::Ask("do fish sleep"), {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(answer.error().message, "\"big\" had trouble");
  // A response that the author wrote for it is an answer.
  EXPECT_EQ(desk.Say("my lawyer will call").text, "Write to the legal team.");
}

}  // namespace
}  // namespace bantam
