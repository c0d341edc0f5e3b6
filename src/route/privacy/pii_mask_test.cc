#include "route/privacy/pii_mask.h"

#include <gtest/gtest.h>

#include <random>

#include "base/testing.h"
#include "net/testing/scripted_server.h"
#include "route/privacy/masking_upstream.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::FakeUpstream;
using testing::StoredDesk;

TEST(PiiMask, TheSameValueGetsTheSamePlaceholder) {
  const PiiRule rule;
  PiiMask mask(rule);
  EXPECT_EQ(mask.Mask("I am ann@example.org, not bob@example.org"), "I am <EMAIL_1>, not <EMAIL_2>");
  EXPECT_EQ(mask.Mask("bob@example.org has 4111 1111 1111 1111"), "<EMAIL_2> has <CARD_1>");
  EXPECT_EQ(mask.Restore("Dear <EMAIL_1>, <CARD_1> of <EMAIL_2> is not <CARD_2>."),
            "Dear ann@example.org, 4111 1111 1111 1111 of bob@example.org is not <CARD_2>.");
  json::value parameters =
      ParseJson(R"({"user": "ann@example.org", "stop": ["bob@example.org", "x"], "n": 1})", "x").value();
  mask.Mask(parameters);
  EXPECT_EQ(ToJson(parameters), R"({"user":"<EMAIL_1>","stop":["<EMAIL_2>","x"],"n":1})");
}

// Finds one name, and fails where it is told to.
class OneName : public EntityFinder {
 public:
  Result<std::vector<FoundEntity>> Find(std::string_view text) const override {
    if (text.find("broken") != std::string_view::npos) return Err(ErrorCode::kInternal, "the model fails");
    std::vector<FoundEntity> found;
    for (const auto& [label, score] : {std::pair("PER", 0.9f), std::pair("PER", 0.2f), std::pair("LOC", 0.9f)}) {
      const std::string_view name = score < 0.5f ? "Grace" : label[0] == 'P' ? "Ada Lovelace" : "Oslo";
      const size_t at = text.find(name);
      if (at != std::string_view::npos) found.push_back({label, {at, at + name.size()}, score});
    }
    return found;
  }
};

TEST(PiiMask, NamesOfPeopleAreFoundByAModel) {
  PiiRule rule;
  EXPECT_EQ(PiiMask(rule).Mask("I am Ada Lovelace"), "I am Ada Lovelace") << "without one";
  rule.person.labels = {"PER"};
  rule.person.finder = std::make_shared<OneName>();
  rule.modes[static_cast<size_t>(PiiType::kPerson)] = PiiMode::kOn;
  PiiMask mask(rule);
  EXPECT_EQ(mask.Mask("I am Ada Lovelace of Oslo, not Grace, ada@example.org"),
            "I am <PERSON_1> of Oslo, not Grace, <EMAIL_1>");
  EXPECT_EQ(mask.Restore("Dear <PERSON_1>"), "Dear Ada Lovelace");
  EXPECT_TRUE(mask.status());
  EXPECT_EQ(mask.Mask("broken: Ada Lovelace"), "");
  EXPECT_FALSE(mask.status());
}

TEST(MaskingUpstream, WhatCannotBeMaskedIsNotSent) {
  PiiRule rule;
  rule.person.labels = {"PER"};
  rule.person.finder = std::make_shared<OneName>();
  rule.modes[static_cast<size_t>(PiiType::kPerson)] = PiiMode::kOn;
  auto fake = std::make_unique<FakeUpstream>("big");
  const FakeUpstream& asked = *fake;
  const auto upstream = MaskBefore(std::move(fake), rule);
  AssistantRequest request;
  request.messages = {{"user", "I am Ada Lovelace"}};
  EXPECT_EQ(upstream->Ask(request, {}).outcome, UpstreamOutcome::kOk);
  EXPECT_EQ(asked.calls, 1);
  request.messages = {{"user", "I am Ada Lovelace"}, {"assistant", "broken"}, {"user", "and now?"}};
  const UpstreamReply reply = upstream->Ask(request, {});
  EXPECT_EQ(reply.outcome, UpstreamOutcome::kRejected);
  EXPECT_NE(reply.problem.find("names could not be masked"), std::string::npos) << reply.problem;
  EXPECT_EQ(asked.calls, 1);
}

TEST(PiiMask, WhatSomebodyWroteIsNoPlaceholder) {
  const PiiRule rule;
  PiiMask mask(rule);
  const std::string text = "<EMAIL_1> means ann@example.org, <EMAIL_3> nothing, and c@example.org is another";
  mask.Reserve(text);
  const std::string masked = mask.Mask(text);
  EXPECT_EQ(masked, "<EMAIL_1> means <EMAIL_2>, <EMAIL_3> nothing, and <EMAIL_4> is another");
  EXPECT_EQ(mask.Restore(masked), text);
}

TEST(PiiMask, TypesByTheRule) {
  PiiRule rule;
  rule.modes[static_cast<size_t>(PiiType::kEmail)] = PiiMode::kOff;
  rule.modes[static_cast<size_t>(PiiType::kSecret)] = PiiMode::kMaskOnly;
  PiiMask mask(rule);
  EXPECT_EQ(mask.Mask("a@example.org, +44 20 7946 0958, password: hunter22"),
            "a@example.org, <PHONE_1>, password: <SECRET_1>");
  EXPECT_EQ(mask.Restore("<PHONE_1> <SECRET_1>"), "+44 20 7946 0958 <SECRET_1>");
  rule.reversible = false;
  PiiMask one_way(rule);
  EXPECT_EQ(one_way.Restore(one_way.Mask("+44 20 7946 0958")), "<PHONE_1>");
}

// Whatever is written: masked and restored it is the same, in one piece and in pieces of any size.
TEST(PiiMask, MaskThenRestoreGivesTheText) {
  const std::vector<std::string> pieces = {"ann@example.org",
                                           "+44 20 7946 0958",
                                           "4111 1111 1111 1111",
                                           "203.0.113.7",
                                           "<EMAIL_1>",
                                           "<PHONE_2>",
                                           "<EMAIL_",
                                           "<",
                                           ">",
                                           "1",
                                           " ",
                                           "\n",
                                           "é",
                                           "password: hunter22",
                                           "DE89 3704 0044 0532 0130 00",
                                           "<SECRET_1",
                                           "2001:db8::1",
                                           "a",
                                           "@",
                                           "sk-1234567890abcdefABCDEF",
                                           "\xFF",
                                           "<<EMAIL_1>>"};
  std::minstd_rand random(11);
  const PiiRule rule;
  for (int round = 0; round < 5'000; ++round) {
    std::string text;
    for (size_t i = random() % 12; i > 0; --i) text += pieces[random() % pieces.size()] + (random() % 2 ? " " : "");
    PiiMask mask(rule);
    mask.Reserve(text);
    const std::string masked = mask.Mask(text);
    ASSERT_EQ(mask.Restore(masked), text) << masked;
    std::string restored;
    PiiRestorer restorer(mask, [&](std::string_view piece) { restored += piece; });
    for (size_t at = 0; at < masked.size();) {
      const size_t step = 1 + random() % 9;
      restorer.Feed(std::string_view(masked).substr(at, step));
      at += step;
    }
    restorer.Finish();
    ASSERT_EQ(restored, text) << masked;
  }
}

TEST(PiiRestorer, HoldsBackNoMoreThanItMust) {
  const PiiRule rule;
  PiiMask mask(rule);
  mask.Mask("ann@example.org");
  std::vector<std::string> pieces;
  PiiRestorer restorer(mask, [&](std::string_view piece) { pieces.emplace_back(piece); });
  restorer.Feed("Dear <EM");
  EXPECT_EQ(pieces, (std::vector<std::string>{"Dear "}));
  restorer.Feed("AIL_1>, a<b and x<");
  EXPECT_EQ(pieces.back(), "ann@example.org, a<b and x");
  restorer.Feed("y");
  EXPECT_EQ(pieces.back(), "<y");
  restorer.Feed("<EMAIL_1");
  restorer.Finish();
  EXPECT_EQ(pieces.back(), "<EMAIL_1");
}

TEST(MaskBefore, NothingUnmaskedIsAskedAndEverythingIsAnswered) {
  auto fake = std::make_unique<FakeUpstream>("big");
  FakeUpstream* inner = fake.get();
  const auto upstream = MaskBefore(std::move(fake), PiiRule());
  AssistantRequest request;
  request.messages = {{"system", "Ann is ann@example.org."},
                      {"user", "hello"},
                      {"assistant", "Dear ann@example.org!"},
                      {"user", "I am ann@example.org, my card is 4111 1111 1111 1111"}};
  request.upstream_parameters = {{"user", "ann@example.org"}};
  inner->pieces = {"Noted: <EMA", "IL_1>, card <CARD", "_1>."};
  inner->reply.text = "Noted: <EMAIL_1>, card <CARD_1>.";
  std::string streamed;
  UpstreamReply reply = upstream->Ask(request, [&](std::string_view piece) { streamed += piece; });
  EXPECT_EQ(reply.text, "Noted: ann@example.org, card 4111 1111 1111 1111.");
  EXPECT_EQ(streamed, reply.text);
  EXPECT_EQ(inner->last_request.messages[0].content, "Ann is <EMAIL_1>.");
  EXPECT_EQ(inner->last_request.messages[2].content, "Dear <EMAIL_1>!");
  EXPECT_EQ(inner->last_request.messages[3].content, "I am <EMAIL_1>, my card is <CARD_1>");
  EXPECT_EQ(inner->last_request.upstream_parameters.at("user"), "<EMAIL_1>");
  // A stream that broke off in the middle of a placeholder: what came has been passed on.
  inner->pieces = {"Dear <EMA"};
  inner->reply.outcome = UpstreamOutcome::kTruncated;
  inner->reply.text_was_sent = true;
  streamed.clear();
  upstream->Ask(request, [&](std::string_view piece) { streamed += piece; });
  EXPECT_EQ(streamed, "Dear <EMA");
}

// Over the wire, in each protocol: what arrives holds nothing of it, and the key only where it belongs.
TEST(MaskBefore, ARecordingEndpointSeesNothing) {
  const std::vector<std::string> secrets = {"ann@example.org",     "+44 20 7946 0958",
                                            "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00",
                                            "203.0.113.42",        "hunter22"};
  std::string question;
  for (const std::string& secret : secrets) question += (secret == secrets.back() ? ", password: " : ", ") + secret;
  struct Protocol {
    const char *model, *path, *key_header, *type, *answer;
  };
  for (const Protocol& protocol :
       {Protocol{"openai/m", "/chat/completions", "Authorization: Bearer the-key", "application/json",
                 R"({"choices":[{"message":{"content":"Dear <EMAIL_1>, <PHONE_1>"}}]})"},
        Protocol{"anthropic/m", "/v1/messages", "x-api-key: the-key", "application/json",
                 R"({"content":[{"type":"text","text":"Dear <EMAIL_1>, <PHONE_1>"}],"stop_reason":"end_turn"})"},
        Protocol{"ollama/m", "/api/chat", "Authorization: Bearer the-key", "application/x-ndjson",
                 "{\"message\":{\"content\":\"Dear <EMA\"}}\n{\"message\":{\"content\":\"IL_1>, "
                 "<PHONE_1>\"},\"done\":true}\n"}}) {
    SCOPED_TRACE(protocol.model);
    testing::ScriptedServer server([&](testing::ScriptedServer::Connection& c) {
      while (!c.ReadRequest().empty()) {
        c.Send(fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}", protocol.type,
                           std::string_view(protocol.answer).size(), protocol.answer));
      }
    });
    UpstreamConfig config;
    config.name = "big";
    config.model = protocol.model;
    config.api_base = server.Url("");
    config.api_key = "the-key";
    config.max_tokens = 100;
    const auto upstream = MaskBefore(Upstream::Create(config, std::make_shared<HttpClient>()), PiiRule());
    AssistantRequest request;
    request.messages = {{"system", "Ann: " + secrets[0]}, {"user", question}};
    request.tenant = "Bearer client-key";
    std::string streamed;
    const UpstreamReply reply = upstream->Ask(request, [&](std::string_view piece) { streamed += piece; });
    EXPECT_EQ(reply.text, "Dear ann@example.org, +44 20 7946 0958") << reply.problem;
    EXPECT_EQ(streamed, reply.text);
    const std::string seen = server.requests().at(0);
    EXPECT_TRUE(seen.starts_with(fmt::format("POST {} HTTP/1.1", protocol.path))) << seen;
    for (const std::string& secret : secrets) EXPECT_EQ(seen.find(secret), std::string::npos) << secret;
    for (const char* placeholder : {"<EMAIL_1>", "<PHONE_1>", "<CARD_1>", "<IBAN_1>", "<IP_1>", "<SECRET_1>"})
      EXPECT_NE(seen.find(placeholder), std::string::npos) << placeholder;
    EXPECT_NE(seen.find(protocol.key_header), std::string::npos) << seen;
    EXPECT_EQ(seen.find("the-key", seen.find("\r\n\r\n")), std::string::npos) << "not in the body";
    EXPECT_EQ(seen.find("client-key"), std::string::npos);
  }
}

TEST(Router, TheAuditLogHoldsMaskedTexts) {
  StoredDesk stored([](RouterParts& parts) {
    parts.file.fallback_upstream = "big";
    parts.file.audit_texts = true;
    parts.file.pii = PiiRule();
    parts.upstreams["big"] = MaskBefore(std::move(parts.upstreams["big"]), *parts.file.pii);
  });
  stored.desk.big->reply.text = "I wrote to <EMAIL_1>.";
  EXPECT_EQ(stored.desk.Say("do fish write to ann@example.org").text, "I wrote to ann@example.org.");
  EXPECT_EQ(stored.Records().back().question, "do fish write to <EMAIL_1>");
  EXPECT_EQ(stored.Records().back().answer, "I wrote to <EMAIL_1>.");
}

}  // namespace
}  // namespace bantam
