// The flow of decisions: what is asked when, what is kept, what is recorded. Conversations are in
// testdata/conversations.
#include "route/router.h"

#include "net/testing/scripted_server.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::BagIntentModel;
using testing::Desk;
using testing::ScriptedServer;
using testing::StoredDesk;
using testing::TempFolder;

// -- thresholds

TEST(Router, TheRoutesOwnThresholdComesFirst) {
  Desk desk;
  // "system status now": 2 of 3 words, above the file's 0.6, below the route's 0.9.
  const AssistantAnswer unsure = desk.Say("system status now");
  EXPECT_EQ(unsure.decision, DecisionKind::kUnsure);
  EXPECT_EQ(unsure.route, "");
  EXPECT_FLOAT_EQ(unsure.threshold, 0.9f);
  EXPECT_NEAR(unsure.confidence, 2.0 / 3, 1e-6);
  const AssistantAnswer sure = desk.Say("opening hours now");
  EXPECT_EQ(sure.route, "hours");
  EXPECT_FLOAT_EQ(sure.threshold, 0.6f);
}

TEST(Router, AutoTakesTheHeadsThreshold) {
  Desk desk([](RouterParts& parts) { parts.file.confidence_threshold.reset(); });
  EXPECT_FLOAT_EQ(desk.Say("opening hours").threshold, 0.5f);
}

TEST(Router, NearestExamplesAreAlwaysGivenForADecision) {
  Desk desk;
  for (const char* text : {"opening hours", "do fish sleep", "human please"}) {
    const AssistantAnswer answer = desk.Say(text);
    EXPECT_EQ(answer.nearest.size(), 5u) << text;
    EXPECT_GT(answer.prompt_tokens, 0) << text;
  }
}

TEST(Router, UnsureOffersTheNearestRoutesByDescription) {
  Desk desk;
  const std::string plain = desk.Say("hours of sleep").text;
  EXPECT_TRUE(plain.starts_with("I'm not sure")) << plain;
  EXPECT_NE(plain.find("\n• When are you open?\n"), std::string::npos) << plain;
  Desk own([](RouterParts& parts) { parts.file.responses["utter_unsure"] = "Hm. {nearest} Or ring us."; });
  const std::string text = own.Say("hours of sleep").text;
  EXPECT_TRUE(text.starts_with("Hm.\n• When are you open?\n• ")) << text;
  EXPECT_TRUE(text.ends_with("\nOr ring us.")) << text;
}

// -- requests that are wrong

TEST(Router, NoUserMessageIsTheCallersMistake) {
  Desk desk;
  AssistantRequest request;
  EXPECT_EQ(desk.router->Answer(request, {}).error().code, ErrorCode::kInvalidArgument);
  request.messages = {{"system", "x"}, {"assistant", "y"}};
  EXPECT_EQ(desk.router->Answer(request, {}).error().code, ErrorCode::kInvalidArgument);
}

TEST(Router, StrangeTextsAreAnswered) {
  Desk desk;
  for (const std::string& text : {std::string(), std::string("\n \t"), std::string("\xFF\xFE{nearest}{{x}}"),
                                  std::string(100'000, 'x'), std::string(50'000, '@'), std::string("\0\x1B[31m", 6)}) {
    EXPECT_EQ(desk.Say(text).decision, DecisionKind::kUnsure);
    const std::string session = "s" + std::to_string(text.size());
    desk.Say("refund please", session);
    EXPECT_EQ(desk.Say(text, session).form->asked, "order_id");
  }
}

TEST(Router, DeadlineAndCancellationAreErrors) {
  StoredDesk stored;
  AssistantRequest request = Desk::Ask("opening hours");
  request.deadline = MonotonicNow() - std::chrono::seconds(1);
  EXPECT_EQ(stored.desk.router->Answer(request, {}).error().code, ErrorCode::kDeadline);
  std::stop_source stop;
  stop.request_stop();
  AssistantRequest gone = Desk::Ask("opening hours");
  gone.stop = stop.get_token();
  EXPECT_EQ(stored.desk.router->Answer(gone, {}).error().code, ErrorCode::kCancelled);
  const auto records = stored.Records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].outcome, "deadline_exceeded");
  EXPECT_EQ(records[1].outcome, "cancelled");
  EXPECT_EQ(records[1].answer_sha256, "");
}

// -- the audit log

TEST(Router, EveryDecisionIsRecorded) {
  StoredDesk stored;
  Desk& desk = stored.desk;
  AssistantRequest request = Desk::Ask("opening hours", "my-session");
  request.request_id = "req-x";
  const AssistantAnswer answer = desk.Send(request);
  desk.Say("refund please", "my-session");
  desk.Say("AB123456", "my-session");
  const auto records = stored.Records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].request_id, "req-x");
  EXPECT_EQ(records[0].route, "hours");
  EXPECT_EQ(records[0].source, "local model");
  EXPECT_EQ(records[0].decision, "answer");
  EXPECT_EQ(records[0].outcome, "ok");
  EXPECT_EQ(records[0].question_sha256, Sha256Hex("opening hours"));
  EXPECT_EQ(records[0].answer_sha256, Sha256Hex(answer.text));
  EXPECT_EQ(records[0].question, "") << "texts only when the file says so";
  EXPECT_EQ(records[0].session_hash, Sha256Hex("my-session"));
  EXPECT_EQ(records[0].nearest.size(), 3u);
  EXPECT_EQ(records[0].route_file_sha256, desk.router->file().sha256);
  EXPECT_EQ(records[0].head_sha256, "bag");
  EXPECT_EQ(records[1].decision, "form");
  EXPECT_EQ(records[2].source, "rule");
  EXPECT_EQ(records[2].confidence, 1);
  StoredDesk open([](RouterParts& parts) { parts.file.audit_texts = true; });
  open.desk.Say("opening hours");
  EXPECT_EQ(open.Records()[0].question, "opening hours");
  EXPECT_EQ(open.Records()[0].answer, "We are open from 9 to 17.");
}

TEST(Router, AServiceThatFailsIsInTheAuditLog) {
  StoredDesk stored;
  Desk& desk = stored.desk;
  for (const auto& [mode, outcome] : std::vector<std::pair<std::string, std::string>>{{"ok", "ok"},
                                                                                      {"fail", "http_status"},
                                                                                      {"hang", "http_timeout"},
                                                                                      {"refuse", "http_refused"},
                                                                                      {"garbage", "http_garbage"}}) {
    desk.service.mode = mode;
    desk.Say("what is the system status");
    EXPECT_EQ(stored.Records().back().outcome, outcome);
    const std::string session = "s-" + mode;
    desk.Say("leave feedback", session);
    desk.Say("nice", session);
    const std::string submitted = mode == "garbage" || mode == "ok" ? "ok" : "submit" + outcome.substr(4);
    EXPECT_EQ(stored.Records().back().outcome, submitted);
  }
}

// -- explanations

TEST(Router, ExplainDoesNothingButExplain) {
  StoredDesk stored;
  Desk& desk = stored.desk;
  ASSERT_OK_AND_ASSIGN(const Explanation refund, desk.router->Explain("refund please"));
  EXPECT_EQ(refund.route, "refund");
  EXPECT_EQ(refund.decision, DecisionKind::kForm);
  EXPECT_EQ(refund.action, "form refund_form");
  EXPECT_EQ(refund.threshold_from, "route file");
  ASSERT_OK_AND_ASSIGN(const Explanation status, desk.router->Explain("system status"));
  EXPECT_EQ(status.threshold_from, "route");
  EXPECT_EQ(status.action, "http GET http://service/status?q={text}");
  ASSERT_OK_AND_ASSIGN(const Explanation unsure, desk.router->Explain("do fish sleep"));
  EXPECT_EQ(unsure.route, "");
  EXPECT_EQ(unsure.action, "respond utter_unsure");
  EXPECT_TRUE(desk.service.requests.empty());
  EXPECT_TRUE(stored.Records().empty());
}

// -- over the wire: the real HTTP client against a scripted server

TEST(Router, FormsAndActionsSpeakHttp) {
  ScriptedServer server([](ScriptedServer::Connection& connection) {
    while (true) {
      const std::string request = connection.ReadRequest();
      if (request.empty()) return;
      if (request.find("\"words\":\"slow\"") != std::string::npos) {
        connection.WaitForPeerToClose();
        return;
      }
      const std::string body = R"({"summary": "All {{at.0}}\u001b[31m fine", "at": [3.5]})";
      const int status = request.find("\"words\":\"no\"") != std::string::npos ? 422 : 200;
      connection.Send(fmt::format("HTTP/1.1 {} X\r\ncontent-length: {}\r\n\r\n{}", status, body.size(), body));
    }
  });
  std::string yaml = ReadFile(testing::kDeskFile).value();
  const auto replace = [&](std::string_view from, const std::string& to) {
    yaml.replace(yaml.find(from), from.size(), to);
  };
  replace("http://service/status", server.Url("/status"));
  replace("http://erp/feedback", server.Url("/feedback"));
  replace("timeout: 2s}\n    done: \"Thank", "timeout: 150ms}\n    done: \"Thank");
  const auto client = std::make_shared<HttpClient>();
  Desk desk([&](RouterParts& parts) {
    parts.file = ParseRouteFile(yaml, testing::kDeskFile).value();
    parts.intents = std::make_unique<BagIntentModel>(parts.file);
    parts.send = [client](const OutgoingRequest& request, std::stop_token stop) {
      return client->Send(request, {}, stop);
    };
  });
  // What a service says is text: no holes are filled in it again, no control characters pass.
  EXPECT_EQ(desk.Say("what is the system status?").text, "All {{at.0}} [31m fine since 3.5");
  EXPECT_NE(server.requests().back().find("GET /status?q=what%20is%20the%20system%20status%3F HTTP/1.1"),
            std::string::npos)
      << server.requests().back();
  for (const auto& [words, state] :
       std::vector<std::pair<std::string, std::string>>{{"slow", "failed"}, {"no", "failed"}, {"fine", "done"}}) {
    desk.Say("leave feedback", words);
    EXPECT_EQ(desk.Say(words, words).form->state, state) << words;
  }
  const std::string last = server.requests().back();
  EXPECT_NE(last.find("POST /feedback HTTP/1.1"), std::string::npos) << last;
  EXPECT_NE(last.find("{\"words\":\"fine\"}"), std::string::npos) << last;
  EXPECT_NE(last.find("Idempotency-Key: "), std::string::npos) << last;
}

}  // namespace
}  // namespace bantam
