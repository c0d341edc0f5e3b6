// The upstream against a server that does everything wrong that servers do.
#include "route/upstream.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/log.h"
#include "base/testing.h"
#include "net/testing/scripted_server.h"
#include "route/dialects/dialect.h"
#include "route/upstream_readings.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using testing::ScriptedServer;
using Script = ScriptedServer::Script;

constexpr const char* kKey = "sk-very-secret-0123456789";
const std::string kSseHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string Chunk(std::string_view bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }
std::string Event(std::string_view data) { return Chunk(fmt::format("data: {}\n\n", data)); }
std::string Delta(std::string_view text) {
  return Event(fmt::format("{{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{}}}}}]}}", QuoteJson(text)));
}
const std::string kStop = Event(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
const std::string kUsage = Event(R"({"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":200}})");
const std::string kDone = Event("[DONE]") + "0\r\n\r\n";
const std::string kGood = kSseHead + Delta("Hel") + Delta("lo") + kStop + kUsage + kDone;

std::string Status(int status, std::string_view headers = "", std::string_view body = "{}") {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}", status,
                     headers, body.size(), body);
}

// Each request, on whatever connection, gets the next answer; the last one repeats.
Script InTurn(std::vector<std::string> answers,
              std::shared_ptr<std::atomic<size_t>> count = std::make_shared<std::atomic<size_t>>(0)) {
  return [answers, count](ScriptedServer::Connection& c) {
    while (!c.ReadRequest().empty()) {
      const size_t at = std::min((*count)++, answers.size() - 1);
      if (answers[at].empty() || !c.Send(answers[at])) return;
      if (answers[at].find("0\r\n\r\n") == std::string::npos && answers[at].find("Content-Length") == std::string::npos)
        return;
    }
  };
}

struct Asked {
  UpstreamReply reply;
  std::string sunk;
  std::vector<std::string> log;
};

class UpstreamTest : public ::testing::Test {
 protected:
  ~UpstreamTest() override { SetLogSink({}); }

  static UpstreamConfig Config(std::string api_base) {
    UpstreamConfig config;
    config.name = "big";
    config.model = "openai/gpt-test";
    config.api_base = std::move(api_base);
    config.api_key = kKey;
    config.input_per_1m = 0.5;
    config.output_per_1m = 2;
    config.retry_pause = milliseconds(2);
    config.allowed_fails = 1000;
    return config;
  }

  static AssistantRequest Question() {
    AssistantRequest request;
    request.messages = {{"system", "Be brief."}, {"user", "Say \"hello\"."}};
    request.upstream_parameters = {{"temperature", 0.5}, {"model", "evil"}, {"stream", false}, {"n", 5}};
    return request;
  }

  Asked Ask(Upstream& upstream, AssistantRequest request = Question()) {
    Asked asked;
    SetLogSink([&](LogLevel, std::string_view line) { asked.log.emplace_back(line); });
    asked.reply = upstream.Ask(request, [&](std::string_view piece) { asked.sunk += piece; });
    SetLogSink({});
    // Whatever happened: the key is nowhere, and the problem is one line.
    EXPECT_EQ(asked.reply.problem.find("very-secret"), std::string::npos) << asked.reply.problem;
    EXPECT_EQ(asked.reply.problem.find('\n'), std::string::npos);
    EXPECT_EQ(asked.reply.problem.find("127.0.0.1"), std::string::npos) << asked.reply.problem;
    for (const std::string& line : asked.log) EXPECT_EQ(line.find("very-secret"), std::string::npos) << line;
    EXPECT_EQ(asked.reply.text_was_sent, !asked.sunk.empty());
    EXPECT_EQ(asked.reply.problem.empty(), asked.reply.outcome == UpstreamOutcome::kOk);
    return asked;
  }

  Asked Ask(const ScriptedServer& server, const std::function<void(UpstreamConfig&)>& change = {}) {
    UpstreamConfig config = Config(server.Url("/v1/"));
    if (change) change(config);
    return Ask(*Upstream::Create(config, std::make_shared<HttpClient>()));
  }
};

TEST_F(UpstreamTest, WhatTheEndpointHadReadBeforeHasItsOwnPrice) {
  const auto answer = [](std::string_view cached) {
    const std::string body = fmt::format(
        R"({{"choices":[{{"message":{{"content":"x"}}}}],"usage":{{"prompt_tokens":1000,"completion_tokens":200,)"
        R"("prompt_tokens_details":{}}}}})",
        cached);
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", body.size(),
                       body);
  };
  const auto price = [&](std::string_view cached, std::optional<double> per_1m) {
    ScriptedServer server(InTurn({answer(cached)}));
    return Ask(server, [&](UpstreamConfig& config) { config.cached_input_per_1m = per_1m; }).reply.cost * 1e6;
  };
  EXPECT_DOUBLE_EQ(price(R"({"cached_tokens":600})", 0.1), 400 * 0.5 + 600 * 0.1 + 200 * 2);
  EXPECT_DOUBLE_EQ(price(R"({"cached_tokens":600})", {}), 1000 * 0.5 + 200 * 2);
  EXPECT_DOUBLE_EQ(price(R"({"cached_tokens":5000})", 0), 200 * 2) << "no more than there are";
  for (const char* nothing : {"null", "7", "{}", R"({"cached_tokens":-5})", R"({"cached_tokens":"many"})"})
    EXPECT_DOUBLE_EQ(price(nothing, 0), 1000 * 0.5 + 200 * 2) << nothing;
}

TEST_F(UpstreamTest, StreamsAnAnswer) {
  ScriptedServer server(InTurn({kGood}));
  const Asked asked = Ask(server);
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kOk) << asked.reply.problem;
  EXPECT_EQ(asked.reply.text, "Hello");
  EXPECT_EQ(asked.sunk, "Hello");
  EXPECT_EQ(asked.reply.attempts, 1);
  EXPECT_EQ(asked.reply.prompt_tokens, 1000);
  EXPECT_DOUBLE_EQ(asked.reply.cost, (1000 * 0.5 + 200 * 2) / 1e6);
  EXPECT_TRUE(asked.log.empty());

  const std::string sent = server.requests().at(0);
  EXPECT_TRUE(sent.starts_with("POST /v1/chat/completions HTTP/1.1\r\n")) << sent;
  EXPECT_NE(sent.find(std::string("Authorization: Bearer ") + kKey), std::string::npos);
  const auto body = ParseJson(sent.substr(sent.find("\r\n\r\n") + 4), "body");
  ASSERT_OK(body);
  EXPECT_EQ(body->at("model"), "gpt-test");
  EXPECT_EQ(body->at("stream"), true);
  EXPECT_EQ(body->at("stream_options").at("include_usage"), true);
  EXPECT_EQ(body->at("temperature"), 0.5);
  EXPECT_FALSE(body->as_object().contains("n"));
  EXPECT_EQ(body->at("messages").at(1).at("content"), "Say \"hello\".");
}

TEST_F(UpstreamTest, EstimatesWhatIsNotCounted) {
  ScriptedServer server(InTurn({kSseHead + Delta("12345678") + kStop + kDone}));
  const Asked asked = Ask(server);
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kOk);
  EXPECT_EQ(asked.reply.completion_tokens, 2);
  EXPECT_GT(asked.reply.prompt_tokens, 0);
  EXPECT_GT(asked.reply.cost, 0);
}

TEST_F(UpstreamTest, KeepsTheConnectionBetweenAnswers) {
  ScriptedServer server(InTurn({kGood}));
  auto upstream = Upstream::Create(Config(server.Url("/v1")), std::make_shared<HttpClient>());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask(*upstream).reply.text, "Hello");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(UpstreamTest, ServerThatDoesNotStream) {
  ScriptedServer server(
      InTurn({Status(200, "", R"({"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]})")}));
  const Asked asked = Ask(server);
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kOk) << asked.reply.problem;
  EXPECT_EQ(asked.sunk, "Hi");
}

TEST_F(UpstreamTest, Refused) {
  auto upstream = Upstream::Create(Config(fmt::format("http://127.0.0.1:{}", ScriptedServer::ClosedPort())),
                                   std::make_shared<HttpClient>());
  const Asked asked = Ask(*upstream);
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kRefused);
  EXPECT_EQ(asked.reply.attempts, 2);
  EXPECT_FALSE(asked.log.empty());
}

TEST_F(UpstreamTest, ResetOrClosedBeforeAnAnswerIsTriedAgain) {
  for (const bool reset : {false, true}) {
    std::atomic<int> count = 0;
    ScriptedServer server([&](ScriptedServer::Connection& c) {
      c.ReadRequest();
      if (count++ == 0) return reset ? c.Reset() : void();
      c.Send(kGood);
    });
    const Asked asked = Ask(server);
    EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kOk);
    EXPECT_EQ(asked.reply.attempts, 2);
  }
}

TEST_F(UpstreamTest, HangsBeforeHeaders) {
  ScriptedServer server([](ScriptedServer::Connection& c) { c.ReadRequest(), c.WaitForPeerToClose(); });
  const Asked asked = Ask(server, [](UpstreamConfig& c) { c.first_byte_timeout = milliseconds(50); });
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kTimeout);
  EXPECT_EQ(asked.reply.attempts, 1);  // it may be at work on the answer: asking again would pay twice
}

TEST_F(UpstreamTest, HeadersThenHangs) {
  ScriptedServer server(
      [](ScriptedServer::Connection& c) { c.ReadRequest(), c.Send(kSseHead), c.WaitForPeerToClose(); });
  const Asked asked = Ask(server, [](UpstreamConfig& c) { c.idle_timeout = milliseconds(50); });
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kTimeout);
  EXPECT_EQ(asked.reply.attempts, 1);
}

TEST_F(UpstreamTest, HangsAfterSomeText) {
  ScriptedServer server(
      [](ScriptedServer::Connection& c) { c.ReadRequest(), c.Send(kSseHead + Delta("Hel")), c.WaitForPeerToClose(); });
  const Asked asked = Ask(server, [](UpstreamConfig& c) { c.idle_timeout = milliseconds(50); });
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kTimeout);
  EXPECT_EQ(asked.sunk, "Hel");
  EXPECT_GT(asked.reply.cost, 0);
}

TEST_F(UpstreamTest, SlowDripMeetsTheTotalTimeout) {
  ScriptedServer server([](ScriptedServer::Connection& c) { c.ReadRequest(), c.SendSlowly(kGood, milliseconds(10)); });
  const Asked asked = Ask(server, [](UpstreamConfig& c) { c.timeout = milliseconds(150); });
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kTimeout);
}

TEST_F(UpstreamTest, TheRequestsOwnDeadlineCounts) {
  ScriptedServer server([](ScriptedServer::Connection& c) { c.ReadRequest(), c.WaitForPeerToClose(); });
  AssistantRequest request = Question();
  request.deadline = MonotonicNow() + milliseconds(50);
  auto upstream = Upstream::Create(Config(server.Url("/v1")), std::make_shared<HttpClient>());
  EXPECT_EQ(Ask(*upstream, request).reply.outcome, UpstreamOutcome::kTimeout);
}

TEST_F(UpstreamTest, ServerErrorsAreTriedOnceMore) {
  for (const int status : {500, 502, 503, 504}) {
    ScriptedServer recovers(InTurn({Status(status), kGood}));
    Asked asked = Ask(recovers);
    EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kOk) << status;
    EXPECT_EQ(asked.reply.attempts, 2);
    ScriptedServer fails(InTurn({Status(status, "", R"({"error":{"message":"boom"}})")}));
    asked = Ask(fails);
    EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kServerError);
    EXPECT_EQ(asked.reply.http_status, status);
    EXPECT_EQ(asked.reply.attempts, 2);
    EXPECT_NE(asked.reply.problem.find("boom"), std::string::npos);
    EXPECT_EQ(fails.requests().size(), 2u);
    asked = Ask(fails, [](UpstreamConfig& c) { c.num_retries = 0; });
    EXPECT_EQ(asked.reply.attempts, 1);
  }
}

TEST_F(UpstreamTest, RetryAfterIsHonouredWithinTheTimeThatIsLeft) {
  ScriptedServer soon(InTurn({Status(429, "Retry-After: 0\r\n"), kGood}));
  EXPECT_EQ(Ask(soon).reply.outcome, UpstreamOutcome::kOk);
  // A second of waiting is asked for and granted: the second request comes no sooner.
  ScriptedServer second(InTurn({Status(429, "Retry-After: 1\r\n"), kGood}));
  const MonotonicTime start = MonotonicNow();
  EXPECT_EQ(Ask(second).reply.outcome, UpstreamOutcome::kOk);
  EXPECT_GE(MillisecondsSince(start), 1000);
  // More than there is: not waited for, not asked again.
  ScriptedServer late(InTurn({Status(429, "Retry-After: 3600\r\n"), kGood}));
  const Asked asked = Ask(late);
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kOverloaded);
  EXPECT_EQ(asked.reply.attempts, 1);
  EXPECT_EQ(late.requests().size(), 1u);
}

TEST_F(UpstreamTest, CutInMidStreamIsTruncatedAndNeverAskedAgain) {
  for (const bool reset : {false, true}) {
    ScriptedServer server([&](ScriptedServer::Connection& c) {
      c.ReadRequest();
      c.Send(kSseHead + Delta("Hel") + "40\r\ndata: {\"choi");
      c.Pause(milliseconds(20));  // a reset overtakes what has not been read
      if (reset) c.Reset();
    });
    const Asked asked = Ask(server);
    EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kTruncated);
    EXPECT_EQ(asked.sunk, "Hel");
    EXPECT_EQ(asked.reply.attempts, 1);
    EXPECT_GT(asked.reply.cost, 0);  // it was paid for
    EXPECT_EQ(server.requests().size(), 1u);
  }
}

TEST_F(UpstreamTest, EndsWithoutDoneIsTruncated) {
  // Complete as HTTP goes: only the protocol above tells that something is missing.
  for (const std::string& text :
       {kSseHead + Delta("Hel") + "0\r\n\r\n", kSseHead + Delta("Hel") + kStop + "0\r\n\r\n", kSseHead + "0\r\n\r\n"}) {
    ScriptedServer server(InTurn({text}));
    EXPECT_EQ(Ask(server).reply.outcome, UpstreamOutcome::kTruncated);
    EXPECT_EQ(server.requests().size(), 1u);
  }
}

TEST_F(UpstreamTest, Garbage) {
  const std::string close = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
  for (const std::string& text :
       {std::string("\x16\x03\x01 what?\r\n\r\n"), Status(200, "", "<html><body>Sign in</body></html>"),
        std::string("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>"),
        close + "<html>\n\n", close + "data: {\"choices\":[{\"delta\":{\"content\":\"\xC3\x28\"}}]}\n\n",
        close + "data: " + std::string(3 << 20, 'x'), close + std::string(3 << 20, ':')}) {
    ScriptedServer server([&](ScriptedServer::Connection& c) { c.ReadRequest(), c.Send(text); });
    const Asked asked = Ask(server);
    EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kGarbage) << asked.reply.problem << " " << text.substr(0, 90);
    EXPECT_EQ(asked.sunk, "");
  }
}

TEST_F(UpstreamTest, EndlessBodyIsCutOff) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    c.ReadRequest();
    c.Send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[");
    while (c.Send(std::string(100'000, ' '))) {
    }
  });
  EXPECT_EQ(Ask(server).reply.outcome, UpstreamOutcome::kGarbage);
}

TEST_F(UpstreamTest, MoreAfterDoneDoesNotHoldTheAnswerUp) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    c.ReadRequest();
    c.Send(kSseHead + Delta("Hi") + kStop + Event("[DONE]"));
    if (c.number() == 0) c.WaitForPeerToClose();
    while (c.Send(Delta("more"))) {
    }
  });
  for (int i = 0; i < 2; ++i) {
    const Asked asked = Ask(server);
    EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kOk) << asked.reply.problem;
    EXPECT_EQ(asked.reply.text, "Hi");
  }
}

TEST_F(UpstreamTest, ErrorObjectInsideASuccess) {
  ScriptedServer server(
      InTurn({kSseHead + Delta("Hel") + Event(R"({"error":{"message":"out of memory","code":500}})") + kDone}));
  const Asked asked = Ask(server);
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kServerError);
  EXPECT_EQ(asked.sunk, "Hel");
  EXPECT_EQ(asked.reply.attempts, 1);
  EXPECT_NE(asked.reply.problem.find("out of memory"), std::string::npos);
}

TEST_F(UpstreamTest, Redirect) {
  ScriptedServer thief(InTurn({kGood}));
  ScriptedServer server(InTurn({Status(307, "Location: " + thief.Url("/v1/chat/completions") + "\r\n")}));
  const Asked asked = Ask(server);
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kRejected);
  EXPECT_EQ(thief.connections(), 0);
}

TEST_F(UpstreamTest, TheKeyIsNeverEchoed) {  // Ask checks problem and log
  for (const int status : {400, 401, 403, 404, 429, 500}) {
    ScriptedServer server(InTurn(
        {Status(status, "", fmt::format(R"({{"error":{{"message":"Incorrect API key provided: {}"}}}})", kKey))}));
    const Asked asked = Ask(server);
    EXPECT_NE(asked.reply.outcome, UpstreamOutcome::kOk);
    EXPECT_EQ(asked.reply.http_status, status);
    ScriptedServer part(InTurn({Status(status, "", R"({"error":{"message":"key sk-very-secr*** is wrong"}})")}));
    EXPECT_EQ(Ask(part).reply.problem.find("very-secr"), std::string::npos);
  }
  ScriptedServer stream(
      InTurn({kSseHead + Event(fmt::format(R"({{"error":{{"message":"bad key {}"}}}})", kKey)) + kDone}));
  EXPECT_EQ(Ask(stream).reply.outcome, UpstreamOutcome::kServerError);
  auto broken = Config("http://127.0.0.1:1");
  broken.api_key = std::string(kKey) + "\n";
  EXPECT_EQ(Ask(*Upstream::Create(broken, std::make_shared<HttpClient>())).reply.outcome, UpstreamOutcome::kRejected);
}

TEST_F(UpstreamTest, Cancellation) {
  ScriptedServer server(
      [](ScriptedServer::Connection& c) { c.ReadRequest(), c.Send(kSseHead + Delta("Hel")), c.WaitForPeerToClose(); });
  auto upstream = Upstream::Create(Config(server.Url("/v1")), std::make_shared<HttpClient>());
  std::stop_source source;
  AssistantRequest request = Question();
  request.stop = source.get_token();
  std::jthread canceller([&] {
    while (server.requests().empty()) std::this_thread::sleep_for(milliseconds(1));
    std::this_thread::sleep_for(milliseconds(20));
    source.request_stop();
  });
  EXPECT_EQ(Ask(*upstream, request).reply.outcome, UpstreamOutcome::kCancelled);  // the idle time-out would be 15 s
}

TEST_F(UpstreamTest, CancellationEndsTheWaitForARetry) {
  ScriptedServer server(InTurn({Status(503, "Retry-After: 15\r\n")}));
  auto upstream = Upstream::Create(Config(server.Url("/v1")), std::make_shared<HttpClient>());
  std::stop_source source;
  AssistantRequest request = Question();
  request.stop = source.get_token();
  std::jthread canceller([&] {
    while (server.requests().empty()) std::this_thread::sleep_for(milliseconds(1));
    std::this_thread::sleep_for(milliseconds(20));
    source.request_stop();
  });
  const Asked asked = Ask(*upstream, request);
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kCancelled);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(UpstreamTest, IsLeftAloneAfterFailuresInARow) {
  ScriptedServer server(InTurn({Status(500), Status(500), Status(500), Status(500), kGood}));
  UpstreamConfig config = Config(server.Url("/v1"));
  config.allowed_fails = 2;
  config.cooldown_time = milliseconds(100);
  auto upstream = Upstream::Create(config, std::make_shared<HttpClient>());
  EXPECT_EQ(Ask(*upstream).reply.outcome, UpstreamOutcome::kServerError);
  EXPECT_EQ(Ask(*upstream).reply.outcome, UpstreamOutcome::kServerError);
  const Asked asked = Ask(*upstream);
  EXPECT_EQ(asked.reply.outcome, UpstreamOutcome::kCoolingDown);
  EXPECT_EQ(asked.reply.attempts, 0);
  EXPECT_EQ(server.requests().size(), 4u);
  std::this_thread::sleep_for(milliseconds(110));
  EXPECT_EQ(Ask(*upstream).reply.outcome, UpstreamOutcome::kOk);
}

TEST_F(UpstreamTest, ManyAtOnce) {
  ScriptedServer server(InTurn({kGood}));
  auto upstream = Upstream::Create(Config(server.Url("/v1")), std::make_shared<HttpClient>());
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        std::string sunk;
        const UpstreamReply reply = upstream->Ask(Question(), [&](std::string_view piece) { sunk += piece; });
        EXPECT_EQ(reply.outcome, UpstreamOutcome::kOk) << reply.problem;
        EXPECT_EQ(sunk, "Hello");
      }
    });
  }
}

TEST(UpstreamRequest, ProvidersAreCutOnce) {
  EXPECT_EQ(WithoutProvider("openai/gpt-4o-mini"), "gpt-4o-mini");
  EXPECT_EQ(WithoutProvider("openai/openai/gpt-oss-20b"), "openai/gpt-oss-20b");
  EXPECT_EQ(WithoutProvider("meta-llama/Llama-3-8B"), "meta-llama/Llama-3-8B");
  EXPECT_EQ(WithoutProvider("gpt-4o"), "gpt-4o");
  EXPECT_EQ(WithoutProvider("openai/"), "openai/");
}

TEST(UpstreamRequest, RevealsPartsOfASecret) {
  EXPECT_TRUE(Reveals("key: sk-abcdefgh1", "sk-abcdefgh1"));
  EXPECT_TRUE(Reveals("...bcdefgh1...", "sk-abcdefgh1"));
  EXPECT_FALSE(Reveals("sk-...gh1", "sk-abcdefgh1"));
  EXPECT_TRUE(Reveals("it is abc.", "abc"));
  EXPECT_FALSE(Reveals("anything", ""));
}

}  // namespace
}  // namespace bantam
