#include "route/spending.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/testing.h"
#include "net/testing/scripted_server.h"
#include "route/upstream_group.h"

namespace bantam {
namespace {

using testing::ScriptedServer;
using testing::TempFolder;

Account Endpoint(std::string name, std::optional<double> money, std::optional<int64_t> tokens = {}) {
  return {std::move(name), {.money = money, .tokens = tokens}};
}

Spent SpentOn(const Spending& spending, std::string_view name) {
  for (const AccountState& state : spending.States()) {
    if (state.name == name) return state.spent;
  }
  return {};
}

TEST(Spending, ReservesTheWorstAndSettlesThePrice) {
  ASSERT_OK_AND_ASSIGN(const auto spending, Spending::Open({}, {}));
  const Account big = Endpoint("big", 1.0);
  ASSERT_OK_AND_ASSIGN(const uint64_t first, spending->Reserve(big, "", {.money = 0.6, .tokens = 100}));
  EXPECT_DOUBLE_EQ(SpentOn(*spending, "big").money, 0.6);
  const auto second = spending->Reserve(big, "", {.money = 0.6, .tokens = 100});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kForbidden);
  EXPECT_EQ(second.error().message, "is not asked: its budget of 1 is used up, or would be by this question");
  spending->Settle(first, {.money = 0.1, .tokens = 20});
  spending->Settle(first, {.money = 0.1, .tokens = 20});  // once only
  EXPECT_DOUBLE_EQ(SpentOn(*spending, "big").money, 0.1);
  EXPECT_EQ(SpentOn(*spending, "big").tokens, 20);
  EXPECT_DOUBLE_EQ(SpentOn(*spending, "all models").money, 0.1);
  EXPECT_OK(spending->Reserve(big, "", {.money = 0.9, .tokens = 100}));
  EXPECT_FALSE(spending->Reserve(big, "", {.money = 1e-6, .tokens = 1}));
  EXPECT_OK(spending->Reserve(Endpoint("other", {}), "", {.money = 5, .tokens = 1}));
}

TEST(Spending, TokensKeysAndTheTotal) {
  SpendingLimits limits;
  limits.total.tokens = 1000;
  limits.per_key.money = 0.5;
  ASSERT_OK_AND_ASSIGN(const auto spending, Spending::Open({}, limits));
  EXPECT_FALSE(spending->Reserve(Endpoint("a", {}, 100), "", {.tokens = 101}));
  EXPECT_OK(spending->Reserve(Endpoint("a", {}, 100), "k1", {.money = 0.4, .tokens = 100}));
  const auto poor = spending->Reserve(Endpoint("b", {}), "k1", {.money = 0.2, .tokens = 1});
  ASSERT_FALSE(poor);
  EXPECT_EQ(poor.error().message, "is not asked: this key's budget of 0.5 is used up, or would be by this question");
  EXPECT_OK(spending->Reserve(Endpoint("b", {}), "k2", {.money = 0.2, .tokens = 900}));
  const auto all = spending->Reserve(Endpoint("b", {}), "k3", {.money = 0.2, .tokens = 1});
  ASSERT_FALSE(all);
  EXPECT_NE(all.error().message.find("the budget for all models of 1000 tokens"), std::string::npos);
  for (const AccountState& state : spending->States()) EXPECT_EQ(state.name.find("key"), std::string::npos);
  limits.total.tokens = 2000;  // of a route file that took the place of the other
  spending->SetLimits(limits);
  EXPECT_OK(spending->Reserve(Endpoint("b", {}), "k3", {.money = 0.2, .tokens = 1000}));
  EXPECT_FALSE(spending->Reserve(Endpoint("b", {}), "k3", {.tokens = 1}));
}

TEST(Spending, APeriodBeginsAnew) {
  ASSERT_OK_AND_ASSIGN(const auto spending, Spending::Open({}, {}));
  Account big = Endpoint("big", 1.0);
  big.limit.period = std::chrono::seconds(1);
  ASSERT_OK_AND_ASSIGN(const uint64_t first, spending->Reserve(big, "", {.money = 1}));
  EXPECT_FALSE(spending->Reserve(big, "", {.money = 1}));
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_OK(spending->Reserve(big, "", {.money = 1}));
  spending->Settle(first, {});  // of the period before: gives nothing back to this one
  EXPECT_FALSE(spending->Reserve(big, "", {.money = 0.5}));
}

TEST(Spending, IsKept) {
  const TempFolder folder;
  const Path file = folder.path() / "spending.db";
  const Account big = Endpoint("big", 1.0);
  {
    ASSERT_OK_AND_ASSIGN(const auto spending, Spending::Open(file, {}));
    ASSERT_OK_AND_ASSIGN(const uint64_t id, spending->Reserve(big, "k", {.money = 0.5, .tokens = 10}));
    spending->Settle(id, {.money = 0.25, .tokens = 5});
    EXPECT_EQ(Spending::Open(file, {}).error().code, ErrorCode::kConflict);
  }
  ASSERT_OK_AND_ASSIGN(const auto spending, Spending::Open(file, {}));
  EXPECT_DOUBLE_EQ(SpentOn(*spending, "big").money, 0.25);
  EXPECT_EQ(SpentOn(*spending, "all models").tokens, 5);
}

// A process is killed at random instants while it spends: what it had been allowed is never forgotten.
TEST(Spending, NothingIsForgottenWhenTheProcessIsKilled) {
  const TempFolder folder;
  const Path file = folder.path() / "spending.db";
  int64_t allowed = 0;
  for (int round = 0; round < 20; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto spending = Spending::Open(file, {});
      if (!spending) _exit(1);
      for (;;) {
        const auto id = (*spending)->Reserve({"big", {}}, "", {.tokens = 10});
        if (!id || write(pipe_ends[1], "x", 1) != 1) _exit(1);  // "it may leave"
        (*spending)->Settle(*id, {.tokens = 7});
      }
    }
    close(pipe_ends[1]);
    char byte;
    int64_t reserved = 0;
    while (reserved < 3 + round && read(pipe_ends[0], &byte, 1) == 1) ++reserved;
    kill(child, SIGKILL);
    while (read(pipe_ends[0], &byte, 1) == 1) ++reserved;
    close(pipe_ends[0]);
    waitpid(child, nullptr, 0);
    ASSERT_GT(reserved, 0);
    allowed += reserved;
    ASSERT_OK_AND_ASSIGN(const auto spending, Spending::Open(file, {}));
    const int64_t spent = SpentOn(*spending, "big").tokens;
    EXPECT_GE(spent, allowed * 7);
    EXPECT_LE(spent, allowed * 7 + (round + 1) * (10 + 3)) << "one reservation a life may have stayed open";
  }
}

// 200 questions at once, a free endpoint that takes half of them and a paid one behind it: what is really spent on the
// paid one, by its own account, never passes the budget, and most of the budget is used.
TEST(Spending, TwoHundredAtOnceStayWithinTheBudget) {
  constexpr int kQuestions = 200;
  constexpr double kBudget = 1.0, kWorst = 0.05;
  std::atomic<int> free_answers = 0, paid_answers = 0;
  const auto answer = [](std::string_view text) {
    const std::string body = fmt::format(R"({{"choices":[{{"message":{{"content":"{}"}},"finish_reason":"stop"}}],)"
                                         R"("usage":{{"prompt_tokens":10,"completion_tokens":40}}}})",
                                         text);
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", body.size(),
                       body);
  };
  ScriptedServer free_server([&](ScriptedServer::Connection& c) {
    while (!c.ReadRequest().empty()) {
      if (free_answers.fetch_add(1) < kQuestions / 2) {
        if (!c.Send(answer("free"))) return;
      } else if (!c.Send("HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n")) {
        return;
      }
    }
  });
  ScriptedServer paid_server([&](ScriptedServer::Connection& c) {
    while (!c.ReadRequest().empty()) {
      ++paid_answers;
      if (!c.Pause(std::chrono::milliseconds(20)) || !c.Send(answer("paid"))) return;
    }
  });
  UpstreamConfig config;
  config.name = config.label = "big";
  config.model = "m";
  config.api_base = free_server.Url("");
  config.num_retries = 0;
  config.allowed_fails = 1'000;
  config.max_parallel_requests = kQuestions;
  config.max_tokens = 1'000;
  const TempFolder folder;
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Spending> spending, Spending::Open(folder.path() / "spending.db", {}));
  const auto client = std::make_shared<HttpClient>();
  std::vector<std::unique_ptr<Upstream>> members;
  members.push_back(Upstream::Create(config, client, spending));
  config.label = "big#2";
  config.order = 2;
  config.api_base = paid_server.Url("");
  config.output_per_1m = kWorst / 1'000 * 1e6;  // 0.05 at most, 0.002 in the end
  config.limit.money = kBudget;
  members.push_back(Upstream::Create(config, client, spending));
  const auto group = MakeUpstreamGroup(std::move(members));

  std::atomic<int> free_ok = 0, paid_ok = 0, over = 0;
  std::atomic<bool> done = false;
  std::thread watcher([&] {
    while (!done) {
      EXPECT_LE(SpentOn(*spending, "big#2").money, kBudget + 1e-9);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  std::vector<std::thread> askers;
  for (int i = 0; i < kQuestions; ++i) {
    askers.emplace_back([&] {
      AssistantRequest request;
      request.messages = {{"user", "hello"}};
      const UpstreamReply reply = group->Ask(request, {});
      if (reply.outcome == UpstreamOutcome::kOverBudget) ++over;
      if (reply.text == "free") ++free_ok;
      if (reply.text == "paid") ++paid_ok;
    });
  }
  for (std::thread& asker : askers) asker.join();
  done = true;
  watcher.join();
  EXPECT_EQ(free_ok, kQuestions / 2);
  EXPECT_EQ(paid_ok, paid_answers);
  EXPECT_EQ(free_ok + paid_ok + over, kQuestions);
  EXPECT_GE(paid_ok, 1);
  const double real = paid_answers * 40 * config.output_per_1m / 1e6;
  EXPECT_NEAR(SpentOn(*spending, "big#2").money, real, 1e-6);
  EXPECT_LE(real, kBudget);
  EXPECT_EQ(SpentOn(*spending, "big").money, 0);
}

// What an attempt costs by how it ended: nothing without a connection or an answer, the worst when it is not known.
TEST(Spending, EveryEndOfAnAttemptHasItsPrice) {
  const std::string cut =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 900\r\n\r\n"
      "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n";
  const std::string good =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 107\r\n\r\n"
      R"({"choices":[{"message":{"content":"whole"}}],"usage":{"prompt_tokens":7,"completion_tokens":5},"x":"12345"})";
  std::vector<std::string> answers = {"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", good, cut, ""};
  std::atomic<size_t> next = 0;
  ScriptedServer server([&](ScriptedServer::Connection& c) {
    while (!c.ReadRequest().empty()) {
      const std::string& answer = answers[std::min(next++, answers.size() - 1)];
      if (answer.empty()) return (void)c.WaitForPeerToClose();
      if (!c.Send(answer) || answer == cut) return;
    }
  });
  UpstreamConfig config;
  config.name = config.label = "big";
  config.model = "m";
  config.num_retries = 1;
  config.retry_pause = std::chrono::milliseconds(1);
  config.max_tokens = 100;
  config.first_byte_timeout = std::chrono::milliseconds(200);
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Spending> spending, Spending::Open({}, {}));
  AssistantRequest request;
  request.messages = {{"user", "hello"}};
  const int64_t worst = 16 + 16 + 5 + 100;
  const auto ask = [&](const std::string& api_base) {
    config.api_base = api_base;
    return Upstream::Create(config, std::make_shared<HttpClient>(), spending)->Ask(request, {}).outcome;
  };
  int64_t expected = 0;
  EXPECT_EQ(ask(fmt::format("http://127.0.0.1:{}", ScriptedServer::ClosedPort())), UpstreamOutcome::kRefused);
  EXPECT_EQ(SpentOn(*spending, "big").tokens, expected);
  EXPECT_EQ(ask(server.Url("")), UpstreamOutcome::kOk) << "a fault, and asked again";
  EXPECT_EQ(SpentOn(*spending, "big").tokens, expected += 12);
  EXPECT_EQ(ask(server.Url("")), UpstreamOutcome::kTruncated);
  EXPECT_EQ(SpentOn(*spending, "big").tokens, expected += worst);
  EXPECT_EQ(ask(server.Url("")), UpstreamOutcome::kTimeout);
  EXPECT_EQ(SpentOn(*spending, "big").tokens, expected += worst);
  EXPECT_EQ(next, 4u);
}

}  // namespace
}  // namespace bantam
