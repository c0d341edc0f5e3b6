// The flow of decisions: what is asked when, what is kept, what is recorded. Conversations are in
// testdata/conversations.
#include "route/router.h"

#include <atomic>
#include <thread>

#include "net/testing/scripted_server.h"
#include "route/answer_codec.h"
#include "route/replay.h"
#include "route/session_locks.h"
#include "route/testing/desk.h"

namespace bantam {
namespace {

using testing::BagIntentModel;
using testing::Desk;
using testing::ScriptedServer;
using testing::TempFolder;

// A desk with the real stores.
struct StoredDesk {
  explicit StoredDesk(std::function<void(RouterParts&)> change = {})
      : desk([&](RouterParts& parts) {
          const StateFiles files(folder.path());
          parts.cache = ResultCache::Open(files.cache, parts.file.cache).value();
          parts.audit = AuditLog::Open(files.audit).value();
          parts.conversations = ConversationStore::Open(files.conversations, std::chrono::seconds(60)).value();
          if (change) change(parts);
        }) {}

  std::vector<AuditRecord> Records() const {
    std::vector<AuditRecord> records;
    EXPECT_OK(ReadAuditLog(StateFiles(folder.path()).audit, [&](const AuditRecord& record, std::string_view) {
      records.push_back(record);
      return true;
    }));
    return records;
  }

  TempFolder folder;
  Desk desk;
};

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

// -- cache

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
    const AnswerIdentity identity{parts.file.sha256, parts.intents->identity()};
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
  const auto back = DecodeAnswer(EncodeAnswer(answer));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->text, answer.text);
  EXPECT_EQ(back->confidence, answer.confidence);
  EXPECT_EQ(back->decision, answer.decision);
  EXPECT_EQ(back->finish_reason, "length");
  EXPECT_EQ(back->completion_tokens, 9);
  EXPECT_EQ(back->nearest[0].similarity, -0.25f);
  EXPECT_EQ(back->cost, 0) << "a cached answer costs nothing";
  EXPECT_EQ(back->source, AnswerSource::kCache);
  for (const char* bad : {"", "{}", "[]", "null", "{\"text\":\"x\"}"}) EXPECT_FALSE(DecodeAnswer(bad)) << bad;
}

// -- the large model

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

// -- conversations

TEST(Router, SessionsSurviveARestartAndTenantsDoNotShareThem) {
  TempFolder folder;
  const auto open = [&](RouterParts& parts) {
    parts.conversations =
        ConversationStore::Open(StateFiles(folder.path()).conversations, std::chrono::seconds(60)).value();
  };
  {
    Desk desk(open);
    desk.Say("refund please for order AB123456", "s");
  }
  Desk desk(open);
  AssistantRequest stranger = Desk::Ask("late", "s");
  stranger.tenant = "other";
  EXPECT_EQ(desk.Send(stranger).decision, DecisionKind::kUnsure);
  const AssistantAnswer answer = desk.Say("late", "s");
  ASSERT_TRUE(answer.form);
  EXPECT_EQ(answer.form->asked, "amount");
  EXPECT_EQ(answer.form->slots[0], (std::pair<std::string, std::string>("order_id", "AB123456")));
  EXPECT_EQ(answer.form->missing, (std::vector<std::string>{"amount", "email", "note"}));
}

TEST(Router, AStateOfAnotherRouteFileIsForgottenOrMended) {
  auto store = MakeMemoryConversations();
  ASSERT_OK(store->Save(
      "gone",
      R"({"version":1,"form":"nothing","route":"x","slots":[],"skipped":[],"asked":"","failures":0,"offered_cancel":false,"submit_failed":false,"seed":""})"));
  ASSERT_OK(store->Save("junk", "not json"));
  ASSERT_OK(store->Save(
      "slots",
      R"({"version":1,"form":"refund_form","route":"refund","slots":[["order_id","AB123456"],["reason","purple"],["x","y"]],"skipped":["note","email"],"asked":"amount","failures":0,"offered_cancel":false,"submit_failed":false,"seed":"s"})"));
  Desk desk([&](RouterParts& parts) { parts.conversations = std::move(store); });
  EXPECT_EQ(desk.Say("opening hours", "gone").route, "hours");
  EXPECT_EQ(desk.Say("opening hours", "junk").route, "hours");
  const AssistantAnswer answer = desk.Say("20", "slots");
  ASSERT_TRUE(answer.form);
  EXPECT_EQ(answer.form->asked, "reason") << "a value that the slot no longer takes is asked for again";
}

TEST(Router, TheSameFormIsHandedInWithTheSameKey) {
  Desk desk;
  const auto key_of = [&](size_t i) {
    for (const auto& [name, value] : desk.service.requests.at(i).headers) {
      if (name == "Idempotency-Key") return value;
    }
    return std::string();
  };
  const auto fill = [&](const std::string& session) {
    desk.Say("refund please for order AB123456", session);
    desk.Say("broken, 20 pounds, jo@company.example", session);
    desk.Say("skip", session);
  };
  desk.service.mode = "hang";
  fill("a");
  desk.Say("yes", "a");
  desk.Say("yes", "a");
  EXPECT_EQ(key_of(0), key_of(1)) << "tried again";
  EXPECT_EQ(key_of(0).size(), 32u);
  desk.Say("change the amount to 21 pounds", "a");
  desk.service.mode = "ok";
  desk.Say("yes", "a");
  EXPECT_NE(key_of(2), key_of(0)) << "other values";
  fill("a");
  desk.Say("yes", "a");
  EXPECT_NE(key_of(3), key_of(0)) << "another conversation with the same values";
  // Without a session: the client repeats its last request, because it never saw the answer.
  std::vector<ChatMessage> messages;
  for (const char* text :
       {"refund please for order AB123456", "broken, 20 pounds, jo@company.example", "skip", "yes"}) {
    messages.push_back({"user", text});
    AssistantRequest request = Desk::Ask("");
    request.messages = messages;
    messages.push_back({"assistant", desk.Send(request).text});
  }
  ASSERT_EQ(desk.service.requests.size(), 5u);
  messages.pop_back();
  AssistantRequest again = Desk::Ask("");
  again.messages = messages;
  EXPECT_EQ(desk.Send(again).form->state, "done");
  EXPECT_EQ(key_of(5), key_of(4));
  EXPECT_EQ(desk.service.requests.at(4).url, "http://erp/returns/AB123456");
}

TEST(Router, ReplayEmbedsOnlyWhereAFormMayHaveBegun) {
  Desk desk;
  AssistantRequest request = Desk::Ask("");
  request.messages.clear();
  for (int i = 0; i < 200; ++i) {
    request.messages.push_back({"user", "question " + std::to_string(i)});
    request.messages.push_back({"assistant", "An answer that no form gives."});
  }
  request.messages.push_back({"user", "opening hours"});
  EXPECT_EQ(desk.Send(request).route, "hours");
  EXPECT_EQ(desk.model->calls(), 1);
  // A client that claims form questions everywhere is played within limits.
  for (ChatMessage& message : request.messages) {
    if (message.role == "assistant") message.content = "Which order?";
  }
  EXPECT_EQ(desk.Send(request).route, "hours");
  EXPECT_LE(desk.model->calls(), 1 + ReplayLimits().most_judged + 1);
}

TEST(Router, ReplayBelievesOnlyAnswersThatAreOurs) {
  Desk desk;
  AssistantRequest request = Desk::Ask("");
  request.messages = {
      {"user", "refund please"}, {"assistant", "Certainly, which one do you mean?"}, {"user", "AB123456"}};
  EXPECT_EQ(desk.Send(request).decision, DecisionKind::kUnsure);
  request.messages[1].content = "  Which \n order? ";
  EXPECT_EQ(desk.Send(request).form->asked, "reason");
  // The client sends tool and system messages in between, and two answers in a row.
  request.messages = {{"user", "refund please"}, {"assistant", "Which order?"}, {"tool", "x"}, {"assistant", "y"},
                      {"system", "z"},           {"user", "AB123456"}};
  EXPECT_EQ(desk.Send(request).form->asked, "reason");
}

TEST(Router, TurnsOfOneSessionWaitForEachOther) {
  Desk desk;
  desk.Say("refund please", "s");
  desk.model->set_delay(std::chrono::milliseconds(5));
  // Each thread says one of the values; whatever the order, none may be lost.
  std::vector<std::thread> threads;
  for (const char* text : {"AB123456 hm", "20 pounds it was", "mail jo@company.example"}) {
    threads.emplace_back([&desk, text] { desk.Say(text, "s"); });
  }
  for (std::thread& thread : threads) thread.join();
  const AssistantAnswer answer = desk.Say("broken", "s");
  ASSERT_TRUE(answer.form);
  EXPECT_EQ(answer.form->missing, std::vector<std::string>{"note"});
}

TEST(SessionLocks, OneAtATimeAndBounded) {
  SessionLocks locks;
  std::atomic<int> inside = 0, most = 0, overloaded = 0, entered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        auto guard = locks.Acquire("s", MonotonicTime::max(), {});
        if (!guard) {
          EXPECT_EQ(guard.error().code, ErrorCode::kOverloaded);
          ++overloaded;
          continue;
        }
        most = std::max(most.load(), ++inside);
        ++entered;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(entered + overloaded, 1600);
  EXPECT_EQ(locks.size(), 0u) << "nothing is kept";
  auto held = locks.Acquire("s", MonotonicTime::max(), {});
  ASSERT_OK(held);
  EXPECT_EQ(locks.Acquire("s", MonotonicNow() + std::chrono::milliseconds(5), {}).error().code, ErrorCode::kDeadline);
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(locks.Acquire("s", MonotonicTime::max(), stop.get_token()).error().code, ErrorCode::kCancelled);
  stopper.join();
  EXPECT_OK(locks.Acquire("other", MonotonicTime::max(), {}));
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
