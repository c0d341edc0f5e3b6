// What the cache may answer, and what it must not.
#include "route/router.h"

#include <cmath>
#include <limits>

#include "route/answer_codec.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::StoredDesk;

TEST(Router, TheSameQuestionIsAnsweredFromTheCache) {
  StoredDesk stored;
  const AssistantAnswer first = stored.desk.Say("Opening hours?");
  EXPECT_EQ(first.source, AnswerSource::kLocalModel);
  EXPECT_FALSE(first.cache_hit);
  const AssistantAnswer second = stored.desk.Say("  opening   HOURS ");
  EXPECT_EQ(second.source, AnswerSource::kCache);
  EXPECT_TRUE(second.cache_hit);
  EXPECT_EQ(second.text, first.text);
  EXPECT_EQ(second.route, first.route);
  EXPECT_EQ(second.confidence, first.confidence);
  EXPECT_EQ(second.threshold, first.threshold);
  EXPECT_EQ(second.decision, first.decision);
  ASSERT_EQ(second.nearest.size(), first.nearest.size());
  EXPECT_EQ(second.nearest[0].text, first.nearest[0].text);
  EXPECT_EQ(stored.desk.model->calls(), 1);
  const RouterStats stats = stored.desk.router->Stats();
  EXPECT_EQ(stats.cache_lookups, 2u);
  EXPECT_EQ(stats.cache_hits, 1u);
}

TEST(Router, AnAnswerInMemoryIsGivenAtOnceAndNothingElse) {
  StoredDesk stored;
  Router& router = *stored.desk.router;
  AssistantRequest request = Desk::Ask("opening hours");
  EXPECT_FALSE(router.AnswerAtOnce(request).has_value());
  EXPECT_EQ(router.Stats().requests, 0u);
  const AssistantAnswer first = stored.desk.Send(request);
  const auto answer = router.AnswerAtOnce(request);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->text, first.text);
  EXPECT_EQ(answer->source, AnswerSource::kCache);
  EXPECT_EQ(router.Stats().requests, 2u);
  EXPECT_EQ(router.Stats().cache_hits, 1u);
  EXPECT_EQ(stored.desk.model->calls(), 1);
  // A conversation may wait for something else.
  AssistantRequest in_session = request;
  in_session.session_id = "s";
  EXPECT_FALSE(router.AnswerAtOnce(in_session).has_value());
  AssistantRequest goes_on = request;
  goes_on.messages.insert(goes_on.messages.begin(), {{"user", "refund please"}, {"assistant", "Which order?"}});
  EXPECT_FALSE(router.AnswerAtOnce(goes_on).has_value());
  AssistantRequest no_store = request;
  no_store.no_store = true;
  EXPECT_FALSE(router.AnswerAtOnce(no_store).has_value());
  EXPECT_EQ(router.Stats().requests, 2u);
}

TEST(Router, NothingThatCouldChangeTheAnswerIsMissingFromTheKey) {
  StoredDesk stored;
  Desk& desk = stored.desk;
  const auto hit = [&](const std::function<void(AssistantRequest&)>& change) {
    AssistantRequest request = Desk::Ask("opening hours");
    change(request);
    return desk.Send(request).cache_hit;
  };
  EXPECT_FALSE(hit([](auto&) {}));
  EXPECT_TRUE(hit([](auto&) {}));
  EXPECT_FALSE(hit([](auto& r) { r.tenant = "other"; }));
  EXPECT_FALSE(hit([](auto& r) { r.messages.insert(r.messages.begin(), {"system", "Speak French."}); }));
  EXPECT_FALSE(hit([](auto& r) { r.upstream_parameters["temperature"] = 1; }));
  EXPECT_FALSE(hit([](auto& r) { r.upstream_parameters["logit_bias"] = json::object{{"50256", -100}}; }));
  EXPECT_TRUE(hit([](auto& r) { r.upstream_parameters = {{"user", "u1"}, {"service_tier", "auto"}}; }));
  EXPECT_FALSE(hit([](auto& r) { r.no_store = true; }));
  desk.model->set_identity("another head");
  EXPECT_FALSE(hit([](auto&) {}));
  EXPECT_TRUE(hit([](auto&) {}));
}

TEST(Router, NoStoreNeitherReadsNorWrites) {
  StoredDesk stored;
  AssistantRequest request = Desk::Ask("opening hours");
  request.no_store = true;
  stored.desk.Send(request);
  EXPECT_FALSE(stored.desk.Say("opening hours").cache_hit);
  EXPECT_EQ(stored.desk.router->Stats().cache_lookups, 1u);
}

TEST(Router, FormTurnsAndServicesAreNeverCached) {
  StoredDesk stored;
  Desk& desk = stored.desk;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(desk.Say("refund please").decision, DecisionKind::kForm);
    EXPECT_EQ(desk.Say("what is the system status").source, AnswerSource::kLocalModel);
    EXPECT_EQ(desk.Say("refund please", "s").source, AnswerSource::kLocalModel);
    // A digression is part of the form's turn.
    EXPECT_EQ(desk.Say("opening hours", "s").source, AnswerSource::kLocalModel);
    desk.Say("cancel", "s");
  }
  EXPECT_EQ(desk.router->Stats().cache_hits, 0u);
  // And inside a form the cache is not asked: the answer belongs to the form.
  desk.Say("thanks");
  desk.Say("refund please", "t");
  EXPECT_NE(desk.Say("thanks", "t").text.find("Which order?"), std::string::npos);
}

TEST(Router, ADamagedCacheEntryIsAMiss) {
  StoredDesk stored([](RouterParts& parts) {
    const AnswerIdentity identity{parts.file.sha256, parts.intents->identity(), "tenant "};
    parts.cache->Store(LocalAnswerKey(identity, Desk::Ask("opening hours"), "opening hours"), R"({"text": 1})");
  });
  const AssistantAnswer answer = stored.desk.Say("opening hours");
  EXPECT_FALSE(answer.cache_hit);
  EXPECT_EQ(answer.route, "hours");
}

TEST(AnswerCodec, GivesBackWhatItWasGiven) {
  AssistantAnswer answer;
  answer.text = "a \"b\"\n\xE2\x82\xAC";
  answer.route = "r";
  answer.confidence = 0.123456789f;
  answer.threshold = 0.5f;
  answer.decision = DecisionKind::kEscalate;
  answer.model = "big";
  answer.finish_reason = "length";
  answer.prompt_tokens = 7;
  answer.completion_tokens = 9;
  answer.cost = 3;
  answer.nearest = {{"x", "y", -0.25f}, {"z", "w", 1.0f}};
  answer.p_correct = 0.75;
  answer.prediction_set = {"r", "s"};
  answer.budget = BudgetInForce{.max_error = 0.02, .delta = 0.05, .threshold = 0.9, .num_calibration = 300};
  const std::string stored = EncodeAnswer(answer);
  const auto back = DecodeAnswer(stored);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->p_correct, 0.75);
  EXPECT_EQ(back->prediction_set, answer.prediction_set);
  EXPECT_EQ(back->budget->num_calibration, 300);
  EXPECT_EQ(back->nearest[1].text, "z");
  EXPECT_EQ(back->text, answer.text);
  EXPECT_EQ(back->confidence, answer.confidence);
  EXPECT_EQ(back->decision, answer.decision);
  EXPECT_EQ(back->finish_reason, "length");
  EXPECT_EQ(back->completion_tokens, 9);
  EXPECT_EQ(back->nearest[0].similarity, -0.25f);
  EXPECT_EQ(back->cost, 0) << "a cached answer costs nothing";
  EXPECT_EQ(back->source, AnswerSource::kCache);
  for (const char* bad : {"", "{}", "[]", "null", "{\"text\":\"x\"}"}) EXPECT_FALSE(DecodeAnswer(bad)) << bad;
  for (size_t size = 0; size < stored.size(); ++size) EXPECT_FALSE(DecodeAnswer(stored.substr(0, size))) << size;
  EXPECT_FALSE(DecodeAnswer(stored + '\0'));
}

TEST(AnswerCodec, RefusesWhatNoAnswerCanBe) {
  const auto refused = [](const std::function<void(AssistantAnswer&)>& change) {
    AssistantAnswer answer;
    answer.text = "x";
    answer.nearest = {{"y", "z", 0.5f}};
    change(answer);
    return !DecodeAnswer(EncodeAnswer(answer)).has_value();
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_FALSE(refused([](auto& a) { a.threshold = std::numeric_limits<float>::infinity(); }));
  EXPECT_TRUE(refused([](auto& a) { a.text = "\xC0\xAF"; }));
  EXPECT_TRUE(refused([](auto& a) { a.confidence = 1.5f; }));
  EXPECT_TRUE(refused([](auto& a) { a.threshold = std::nanf(""); }));
  EXPECT_TRUE(refused([](auto& a) { a.p_correct = -0.1; }));
  EXPECT_TRUE(refused([](auto& a) { a.decision = static_cast<DecisionKind>(77); }));
  EXPECT_TRUE(refused([](auto& a) { a.completion_tokens = -1; }));
  EXPECT_TRUE(refused([](auto& a) { a.nearest[0].similarity = 2; }));
  EXPECT_TRUE(refused([](auto& a) { a.budget = BudgetInForce{.max_error = 2}; }));
}

}  // namespace
}  // namespace bantam
