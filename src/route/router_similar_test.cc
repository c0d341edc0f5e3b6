// What is given to a question that an earlier one means as well, and how the wrong ones among such hits are counted.
#include "route/router.h"

#include <random>

#include "route/answer_codec.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::StoredDesk;

constexpr const char* kAsked = "how do I change my garden password";
constexpr const char* kParaphrase = "how can I change my garden password";

struct SimilarDesk {
  explicit SimilarDesk(SemanticCacheRule rule = {.audit_rate = 0, .audit_similarity = 1},
                       std::function<void(RouterParts&)> change = {})
      : stored([&](RouterParts& parts) {
          parts.file.fallback_upstream = "big";
          parts.file.semantic_cache = rule;
          if (change) change(parts);
          cache = parts.cache.get();
          parts.similar =
              std::make_unique<SemanticCache>(rule, parts.file.sha256, *parts.cache,
                                              std::make_unique<PairVerifier>(rule.pairs, rule.cross_encoder, nullptr));
        }),
        desk(stored.desk) {
    Says("Under settings.");
  }
  void Says(std::string text, UpstreamOutcome outcome = UpstreamOutcome::kOk) {
    desk.big->reply = {};
    desk.big->reply.outcome = outcome;
    desk.big->reply.text = std::move(text);
  }
  SemanticCacheStats Stats() { return *desk.router->Stats().semantic_cache; }

  ResultCache* cache = nullptr;
  StoredDesk stored;
  Desk& desk;
};

TEST(SimilarAnswers, AnotherWayToAskIsNotAskedAgain) {
  SimilarDesk similar;
  Desk& desk = similar.desk;
  EXPECT_EQ(desk.Say(kAsked).source, AnswerSource::kUpstream);
  const AssistantAnswer answer = desk.Say(kParaphrase);
  EXPECT_TRUE(answer.cache_hit);
  EXPECT_EQ(answer.source, AnswerSource::kCache);
  EXPECT_EQ(answer.decision, DecisionKind::kEscalate);
  EXPECT_EQ(answer.text, "Under settings.");
  EXPECT_EQ(answer.model, "big");
  EXPECT_EQ(answer.cost, 0);
  EXPECT_EQ(desk.big->calls, 1);
  EXPECT_EQ(similar.Stats().hits, 1u);
  const auto records = similar.stored.Records();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_FALSE(records[0].similar);
  ASSERT_TRUE(records[1].similar);
  EXPECT_EQ(records[1].similar->verdict, "hit");
  EXPECT_EQ(records[1].similar->question_sha256, Sha256Hex(kAsked));
}

TEST(SimilarAnswers, WhatTheVerifierRefusesIsAskedAndSaysWhy) {
  SimilarDesk similar;
  similar.desk.Say("how do I pay for 2 garden chairs");
  EXPECT_FALSE(similar.desk.Say("how do I pay for 3 garden chairs").cache_hit);
  EXPECT_EQ(similar.desk.big->calls, 2);
  EXPECT_EQ(similar.Stats().refused, 1u);
  const auto records = similar.stored.Records();
  ASSERT_TRUE(records[1].similar);
  EXPECT_EQ(records[1].similar->verdict, "refused");
  EXPECT_EQ(records[1].similar->check, "numbers");
  EXPECT_EQ(records[1].similar->reason, "") << "it has words of the question in it, and the log holds hashes only";

  SimilarDesk with_texts({.audit_rate = 0}, [](RouterParts& parts) { parts.file.audit_texts = true; });
  with_texts.desk.Say("how do I pay for 2 garden chairs");
  with_texts.desk.Say("how do I pay for 3 garden chairs");
  EXPECT_EQ(with_texts.stored.Records()[1].similar->reason, "numbers: \"2\" and \"3\"");
}

// Every pair of two contexts that differ in anything: never an answer of the one in the other.
TEST(SimilarAnswers, NeverCrossAPartition) {
  const std::vector<std::function<void(AssistantRequest&)>> contexts = {
      [](auto&) {},
      [](auto& r) { r.tenant = "key 1"; },
      [](auto& r) { r.tenant = "key 2"; },
      [](auto& r) { r.messages.insert(r.messages.begin(), {"system", "Speak French."}); },
      [](auto& r) { r.messages.insert(r.messages.begin(), {"system", "Speak German."}); },
      [](auto& r) { r.messages.insert(r.messages.begin(), {"developer", "Speak French."}); },
      [](auto& r) { r.messages.insert(r.messages.begin(), {{"user", "I have a pond."}, {"assistant", "Nice."}}); },
      [](auto& r) { r.upstream_parameters["temperature"] = 1; },
      [](auto& r) { r.tenant = "key 1", r.upstream_parameters["temperature"] = 1; },
  };
  SimilarDesk similar;
  for (size_t i = 0; i < contexts.size(); ++i) {
    AssistantRequest request = Desk::Ask(kAsked);
    contexts[i](request);
    similar.Says("answer " + std::to_string(i));
    EXPECT_EQ(similar.desk.Send(request).text, "answer " + std::to_string(i)) << i;
  }
  for (size_t i = 0; i < contexts.size(); ++i) {
    AssistantRequest request = Desk::Ask(kParaphrase);
    contexts[i](request);
    const AssistantAnswer answer = similar.desk.Send(request);
    EXPECT_TRUE(answer.cache_hit) << i;
    EXPECT_EQ(answer.text, "answer " + std::to_string(i)) << i;
  }
  similar.desk.model->set_identity("another model");
  EXPECT_FALSE(similar.desk.Say("how could I change my garden password").cache_hit);
}

// The same of the partition itself: equal exactly where everything that it is made of is equal.
TEST(SimilarAnswers, PartitionsAreEqualOnlyWhereEverythingIs) {
  std::mt19937 random(3);
  const std::vector<std::string> words = {"", "a", "b", "ab", "a b"};
  const auto word = [&] { return words[random() % words.size()]; };
  std::map<std::vector<std::string>, Sha256Digest> seen;
  std::map<Sha256Digest, std::vector<std::string>> back;
  for (int i = 0; i < 3'000; ++i) {
    const std::vector<std::string> parts = {word(), word(), word(), word(), word(), word()};
    AssistantRequest request;
    request.messages = {
        {"system", parts[3]}, {"user", parts[4]}, {"assistant", "x"}, {"user", "the question " + word()}};
    request.upstream_parameters["stop"] = parts[5];
    request.upstream_parameters["user"] = word();
    const Sha256Digest partition = UpstreamPartition({parts[0], parts[1], parts[2]}, request, 3);
    const auto [at, is_new] = seen.emplace(parts, partition);
    EXPECT_EQ(at->second, partition);
    const auto [other, fresh] = back.emplace(partition, parts);
    EXPECT_EQ(other->second, parts);
    static_cast<void>(is_new || fresh);
  }
  EXPECT_GT(seen.size(), 1'000u);
}

TEST(SimilarAnswers, TheScopeSaysWithWhomAnAnswerIsShared) {
  const auto hit = [](CacheScope scope, std::function<void(AssistantRequest&)> first,
                      std::function<void(AssistantRequest&)> second) {
    SimilarDesk similar({.audit_rate = 0}, [&](RouterParts& parts) { parts.file.cache_scope = scope; });
    AssistantRequest a = Desk::Ask(kAsked), b = Desk::Ask(kParaphrase);
    first(a);
    second(b);
    similar.desk.Send(a);
    return similar.desk.Send(b).cache_hit;
  };
  const auto tenant = [](const char* name) { return [name](AssistantRequest& r) { r.tenant = name; }; };
  const auto user = [](const char* name) {
    return [name](AssistantRequest& r) { r.upstream_parameters["user"] = name; };
  };
  EXPECT_TRUE(hit(CacheScope::kGlobal, tenant("a"), tenant("b")));
  EXPECT_FALSE(hit(CacheScope::kTenant, tenant("a"), tenant("b")));
  EXPECT_TRUE(hit(CacheScope::kTenant, user("a"), user("b")));
  EXPECT_FALSE(hit(CacheScope::kUser, user("a"), user("b")));
  EXPECT_TRUE(hit(CacheScope::kUser, user("a"), user("a")));
  EXPECT_FALSE(hit(CacheScope::kUser, [](auto&) {}, [](auto&) {})) << "nobody said who asks";
}

TEST(SimilarAnswers, NothingPartialIsKept) {
  SimilarDesk similar;
  for (const UpstreamOutcome outcome :
       {UpstreamOutcome::kTruncated, UpstreamOutcome::kTimeout, UpstreamOutcome::kGarbage}) {
    similar.Says("half an ans", outcome);
    similar.desk.Say(kAsked);
  }
  similar.Says("Under settings.");
  EXPECT_FALSE(similar.desk.Say(kParaphrase).cache_hit);
  EXPECT_EQ(similar.desk.big->calls, 4);
}

TEST(SimilarAnswers, NoStoreNeitherFindsNorKeeps) {
  SimilarDesk similar;
  AssistantRequest request = Desk::Ask(kAsked);
  request.no_store = true;
  similar.desk.Send(request);
  EXPECT_FALSE(similar.desk.Say(kParaphrase).cache_hit);
  AssistantRequest other = Desk::Ask("how could I change my garden password");
  other.no_store = true;
  EXPECT_FALSE(similar.desk.Send(other).cache_hit);
}

TEST(SimilarAnswers, SurviveARestartAndGoWithTheirEntries) {
  const testing::TempFolder folder;
  const Sha256Digest partition = Sha256Of("p");
  const std::vector<float> vector(16, 1.0f);
  const SimilarKey key{partition, "the question", "route", vector};
  CacheOptions options;
  options.max_entries = 3;
  options.own_thread = false;
  options.epoch = "spring";
  {
    ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
    for (int i = 0; i < 5; ++i) cache->StoreSimilar(Sha256Of(std::to_string(i)), "value", &key);
    EXPECT_EQ(cache->FindSimilar(partition, vector, 0.9f).size(), 3u) << "two were evicted";
    cache->SetCounter("similar.audited", 7);
  }
  options.epoch = "summer";
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", options));
  EXPECT_EQ(cache->Counter("similar.audited"), 7);
  const auto found = cache->FindSimilar(partition, vector, 0.9f);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].question, "the question");
  EXPECT_EQ(found[0].route, "route");
  EXPECT_EQ(cache->Find(found[0].key), "value");
  cache->StoreSimilar(Sha256Of("new"), "value", &key);
  ASSERT_OK(cache->FlushEpoch("spring"));
  ASSERT_EQ(cache->FindSimilar(partition, vector, 0.9f).size(), 1u);
  EXPECT_EQ(cache->Find(found[0].key), std::nullopt);
  EXPECT_EQ(cache->Find(Sha256Of("new")), "value");
  ASSERT_OK(cache->FlushEpoch("summer"));
  EXPECT_EQ(cache->Find(Sha256Of("new")), std::nullopt);
  EXPECT_EQ(cache->Counter("similar.audited"), 7);
  ASSERT_OK(cache->Flush());
  EXPECT_EQ(cache->Counter("similar.audited"), 0);
}

TEST(WrongHits, AnAuditedHitIsAskedAgainAndCounted) {
  SimilarDesk similar({.max_wrong_hit = 0.5, .audit_rate = 1, .audit_similarity = 1});
  Desk& desk = similar.desk;
  desk.Say(kAsked);
  EXPECT_FALSE(desk.Say(kParaphrase).cache_hit);
  EXPECT_EQ(desk.big->calls, 2);
  EXPECT_EQ(similar.Stats().wrong_hits.audited, 1);
  EXPECT_EQ(similar.Stats().wrong_hits.wrong, 0);
  similar.Says("Nowhere.");
  EXPECT_EQ(desk.Say("how could I change my garden password").text, "Nowhere.");
  EXPECT_EQ(similar.Stats().wrong_hits.audited, 2);
  EXPECT_EQ(similar.Stats().wrong_hits.wrong, 1);
  EXPECT_EQ(similar.stored.Records()[2].similar->verdict, "audited_different");
  // Where it cannot be asked again, the answer that was found is still the answer, and nothing is known of it.
  similar.Says("", UpstreamOutcome::kRefused);
  const AssistantAnswer answer = desk.Say("how might I change my garden password");
  EXPECT_TRUE(answer.cache_hit);
  EXPECT_EQ(answer.upstream_error, std::nullopt);
  EXPECT_EQ(similar.Stats().wrong_hits.audited, 2);
}

TEST(WrongHits, TooManyOfThemCloseTheCacheUntilTheFileChanges) {
  const testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", {}));
  const SemanticCacheRule rule{.max_wrong_hit = 0.05};
  const auto make = [&](std::string_view file) {
    return std::make_unique<SemanticCache>(rule, file, *cache,
                                           std::make_unique<PairVerifier>(rule.pairs, rule.cross_encoder, nullptr));
  };
  auto similar = make("file 1");
  for (int i = 0; i < 100; ++i) similar->TakeAudit(i % 50 != 0);
  EXPECT_TRUE(similar->Stats().open) << "2 of 100 are no proof of more than 5 %";
  for (int i = 0; i < 20; ++i) similar->TakeAudit(false);
  EXPECT_FALSE(similar->Stats().open);
  EXPECT_GT(similar->Stats().wrong_hits.interval.low, 0.05);
  const std::vector<float> vector(16, 1.0f);
  const SimilarKey key{Sha256Of("p"), kAsked, "", vector};
  cache->StoreSimilar(Sha256Of("k"), "value", &key);
  EXPECT_FALSE(similar->Find(Sha256Of("p"), kParaphrase, "", vector, MonotonicTime::max()));
  EXPECT_FALSE(make("file 1")->Stats().open) << "a restart is no proof of anything";
  similar = make("file 2");
  EXPECT_TRUE(similar->Stats().open);
  const auto found = similar->Find(Sha256Of("p"), kParaphrase, "", vector, MonotonicTime::max());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->answer, "value");
  EXPECT_FALSE(similar->Find(Sha256Of("p"), kParaphrase, "another route", vector, MonotonicTime::max()));
  ASSERT_OK(cache->Flush());
  EXPECT_EQ(similar->Stats().wrong_hits.audited, 0);
}

// A random share of the hits is asked again, and the interval is looked at again and again meanwhile. In 95 of 100 runs
// or more it must hold the true rate all the time.
TEST(WrongHits, TheIntervalCoversTheTrueRateWheneverItIsLookedAt) {
  std::mt19937_64 random(11);
  for (const double rate : {0.002, 0.01, 0.05, 0.3}) {
    int covered = 0;
    constexpr int kRuns = 400, kHits = 20'000;
    for (int run = 0; run < kRuns; ++run) {
      int64_t audited = 0, wrong = 0;
      bool always = true;
      for (int i = 0; i < kHits; ++i) {
        if (random() % 100 != 0) continue;
        ++audited;
        wrong += std::uniform_real_distribution<>(0, 1)(random) < rate;
        if (audited % 10 != 0) continue;
        const BinomialInterval interval = EstimateWrongHits(audited, wrong).interval;
        always = always && interval.low <= rate && rate <= interval.high;
      }
      covered += always;
    }
    EXPECT_GE(covered, kRuns * 95 / 100) << rate;
  }
  EXPECT_EQ(EstimateWrongHits(0, 0).interval.low, 0);
  EXPECT_EQ(EstimateWrongHits(0, 0).interval.high, 1);
}

TEST(WrongHits, AuditsAreTheStatedShare) {
  const testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto cache, ResultCache::Open(folder / "cache.db", {}));
  const SemanticCacheRule rule{.audit_rate = 0.1};
  const SemanticCache similar(rule, "file", *cache,
                              std::make_unique<PairVerifier>(rule.pairs, rule.cross_encoder, nullptr));
  int audits = 0;
  for (int i = 0; i < 10'000; ++i) audits += similar.Audits("request-" + std::to_string(i));
  EXPECT_NEAR(audits, 1'000, 120);
}

}  // namespace
}  // namespace bantam
