#include "engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <random>

#include "base/json.h"
#include "base/testing.h"

namespace bantam {
namespace {

std::vector<float> RandomLogits(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

std::vector<int32_t> Ids(const json::value& list) {
  std::vector<int32_t> ids;
  for (const json::value& id : list.as_array()) ids.push_back(static_cast<int32_t>(id.as_int64()));
  return ids;
}

SamplingParams ParamsOf(const json::object& options) {
  SamplingParams params;
  const auto number = [&](const char* name, float& field) {
    if (const json::value* value = options.if_contains(name)) field = value->to_number<float>();
  };
  number("temperature", params.temperature);
  number("top_p", params.top_p);
  number("min_p", params.min_p);
  number("typical_p", params.typical_p);
  number("repetition_penalty", params.repetition_penalty);
  number("frequency_penalty", params.frequency_penalty);
  number("presence_penalty", params.presence_penalty);
  if (const json::value* value = options.if_contains("top_k")) params.top_k = value->to_number<int>();
  if (const json::value* list = options.if_contains("logit_bias")) {
    for (const json::value& pair : list->as_array()) {
      params.logit_bias.emplace_back(pair.at(0).to_number<int32_t>(), pair.at(1).to_number<float>());
    }
  }
  return params;
}

TEST(Sampler, LeavesWhatTransformersLeaves) {
  std::ifstream file("src/engine/golden/sampler.jsonl");
  size_t num_cases = 0;
  for (std::string line; std::getline(file, line); ++num_cases) {
    ASSERT_OK_AND_ASSIGN(const json::value test, ParseJson(line, "sampler.jsonl"));
    std::vector<float> logits;
    for (const json::value& logit : test.at("logits").as_array()) logits.push_back(logit.to_number<float>());
    const SamplingParams params = ParamsOf(test.at("options").as_object());
    ASSERT_OK(CheckSampling(params, static_cast<int>(logits.size())));
    Sampler sampler(params, Ids(test.at("prompt")));
    for (const int32_t id : Ids(test.at("text"))) sampler.Accept(id);
    const json::object& expected = test.at("left").as_object();
    const auto left = sampler.Distribution(logits);
    ASSERT_EQ(left.size(), expected.size()) << line;
    for (const auto& [id, p] : left) {
      const json::value* reference = expected.if_contains(std::to_string(id));
      ASSERT_NE(reference, nullptr) << id << " of " << line;
      ASSERT_NEAR(p, reference->to_number<double>(), 2e-6) << id << " of " << line;
    }
  }
  EXPECT_EQ(num_cases, 240u);
}

// Draws follow the distribution that is left: a chi-square test with fixed seeds.
TEST(Sampler, DrawsAsOftenAsItsProbabilitySays) {
  for (const SamplingParams& base : std::vector<SamplingParams>{
           {}, {.temperature = 0.6f}, {.top_k = 9}, {.top_p = 0.8f}, {.min_p = 0.1f}, {.typical_p = 0.7f}}) {
    const std::vector<float> logits = RandomLogits(30, 4);
    std::vector<float> scratch = logits;
    const auto left = Sampler(base, {}).Distribution(scratch);
    std::map<int32_t, int> count;
    constexpr int kDraws = 20'000;
    for (int i = 0; i < kDraws; ++i) {
      SamplingParams params = base;
      params.seed = static_cast<uint64_t>(i);
      scratch = logits;
      ASSERT_OK_AND_ASSIGN(const TokenChoice choice, Sampler(params, {}).Sample(scratch));
      ++count[choice.id];
    }
    double chi_square = 0;
    for (const auto& [id, p] : left) {
      const double expected = p * kDraws, difference = count[id] - expected;
      chi_square += difference * difference / expected;
      count.erase(id);
    }
    EXPECT_TRUE(count.empty()) << "a token was drawn that should not be left: " << count.begin()->first;
    const auto freedom = static_cast<double>(left.size() - 1);
    EXPECT_LT(chi_square, freedom + 5 * std::sqrt(2 * freedom)) << left.size() << " tokens";
  }
}

TEST(Sampler, TheNthTokenOfASeedFollowsFromBothAlone) {
  const SamplingParams params{.temperature = 1.3f, .seed = 7};
  std::vector<int32_t> whole;
  Sampler first(params, {});
  for (unsigned i = 0; i < 40; ++i) {
    auto logits = RandomLogits(500, i);
    ASSERT_OK_AND_ASSIGN(const TokenChoice choice, first.Sample(logits));
    whole.push_back(choice.id);
  }
  // Gone on with by another sampler after 23.
  Sampler second(params, {});
  for (unsigned i = 0; i < 40; ++i) {
    if (i < 23) {
      second.Accept(whole[i]);
      continue;
    }
    auto logits = RandomLogits(500, i);
    ASSERT_OK_AND_ASSIGN(const TokenChoice choice, second.Sample(logits));
    EXPECT_EQ(choice.id, whole[i]) << i;
  }
  // And another seed gives another text.
  std::vector<int32_t> other;
  Sampler third({.temperature = 1.3f, .seed = 8}, {});
  for (unsigned i = 0; i < 40; ++i) {
    auto logits = RandomLogits(500, i);
    ASSERT_OK_AND_ASSIGN(const TokenChoice choice, third.Sample(logits));
    other.push_back(choice.id);
  }
  EXPECT_NE(other, whole);
}

TEST(Sampler, GreedyTakesTheLowestOfEqualTokens) {
  std::vector<float> logits = {1, 3, 3, -2};
  ASSERT_OK_AND_ASSIGN(const TokenChoice choice, Sampler({.temperature = 0}, {}).Sample(logits));
  EXPECT_EQ(choice.id, 1);
  logits = {1, 3, 3, -2};
  ASSERT_OK_AND_ASSIGN(const TokenChoice biased,
                       Sampler({.temperature = 0, .logit_bias = {{3, 10.0f}}}, {}).Sample(logits));
  EXPECT_EQ(biased.id, 3);
}

// Whatever the steps do to the logits, what is told is the model's own.
TEST(Sampler, LogProbabilitiesAreTheModelsOwnWithEveryOption) {
  const std::vector<float> logits = RandomLogits(60, 9);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  std::vector<int32_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  std::ranges::sort(order, std::greater(), [&](int32_t id) { return logits[static_cast<size_t>(id)]; });
  for (SamplingParams params : std::vector<SamplingParams>{{.temperature = 0},
                                                           {.temperature = 0, .logit_bias = {{5, 100.0f}}},
                                                           {.temperature = 2, .top_k = 3},
                                                           {.top_p = 0.3f},
                                                           {.repetition_penalty = 1.9f},
                                                           {.frequency_penalty = 2, .presence_penalty = 1},
                                                           {.typical_p = 0.4f}}) {
    for (const int top : {0, 1, 5, 100}) {
      params.top_logprobs = top;
      Sampler sampler(params, order);
      sampler.Accept(order[0]);
      std::vector<float> scratch = logits;
      ASSERT_OK_AND_ASSIGN(const TokenChoice choice, sampler.Sample(scratch));
      const auto expected = [&](int32_t id) {
        return static_cast<double>(logits[static_cast<size_t>(id)]) - std::log(sum);
      };
      EXPECT_NEAR(choice.logprob, expected(choice.id), 1e-5);
      ASSERT_EQ(choice.top.size(), std::min<size_t>(static_cast<size_t>(top), logits.size()));
      for (size_t i = 0; i < choice.top.size(); ++i) {
        EXPECT_EQ(choice.top[i].id, order[i]);
        EXPECT_NEAR(choice.top[i].logprob, expected(order[i]), 1e-5);
      }
    }
  }
}

// What is left, in the plainest way: all tokens in their order, probabilities in doubles.
std::map<int32_t, double> LeftByTheBook(std::vector<float> logits, std::span<const uint32_t> allowed,
                                        const SamplingParams& params) {
  struct Token {
    int32_t id;
    double logit, p;
  };
  std::vector<Token> tokens;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!allowed.empty() && (allowed[i / 32] >> i % 32 & 1) == 0) continue;
    if (std::isinf(logits[i])) continue;
    tokens.push_back({static_cast<int32_t>(i), static_cast<double>(logits[i]), 0});
  }
  std::ranges::stable_sort(tokens, std::greater(), &Token::logit);
  if (params.top_k > 0) tokens.resize(std::min(tokens.size(), static_cast<size_t>(params.top_k)));
  const double largest = tokens[0].logit;
  for (Token& token : tokens) token.p = std::exp((token.logit - largest) / static_cast<double>(params.temperature));
  const auto normalise = [&] {
    double sum = 0;
    for (const Token& token : tokens) sum += token.p;
    for (Token& token : tokens) token.p /= sum;
  };
  const auto keep_first = [&](float share) {
    if (share >= 1) return;
    size_t kept = 0;
    for (double before = 0; kept < tokens.size() && before < static_cast<double>(share); ++kept)
      before += tokens[kept].p;
    tokens.resize(kept);
    normalise();
  };
  normalise();
  keep_first(params.top_p);
  const double least = static_cast<double>(params.min_p) * tokens[0].p;
  std::erase_if(tokens, [&](const Token& token) { return token.p < least; });
  normalise();
  double entropy = 0;
  for (const Token& token : tokens) entropy -= token.p > 0 ? token.p * std::log(token.p) : 0;
  if (params.typical_p < 1) {
    std::ranges::stable_sort(tokens, {}, [&](const Token& token) { return std::abs(-std::log(token.p) - entropy); });
  }
  keep_first(params.typical_p);
  std::map<int32_t, double> left;
  for (const Token& token : tokens) left[token.id] = token.p;
  return left;
}

TEST(Sampler, LeavesOfAnyVocabularyWhatIsLeftByTheBook) {
  std::mt19937 random(11);
  const auto chance = [&](double p) { return std::uniform_real_distribution<>(0, 1)(random) < p; };
  const auto between = [&](float low, float high) { return std::uniform_real_distribution<float>(low, high)(random); };
  for (unsigned number = 0; number < 300; ++number) {
    const size_t size = number < 100 ? 1 + number : 1 + random() % 4000;
    std::vector<float> logits = RandomLogits(size, number);
    if (chance(0.2)) logits[random() % size] = -INFINITY;
    SamplingParams params{.temperature = chance(0.5) ? 1.0f : between(0.2f, 2)};
    if (chance(0.3)) params.top_k = 1 + static_cast<int>(random() % (size + 5));
    if (chance(0.5)) params.top_p = between(0.05f, 1);
    if (chance(0.3)) params.min_p = between(0, 0.3f);
    if (chance(0.3)) params.typical_p = between(0.1f, 1);
    std::vector<uint32_t> allowed;
    if (chance(0.5)) {
      allowed.resize((size + 31) / 32);
      for (uint32_t& word : allowed)
        word = chance(0.4) ? 0 : chance(0.5) ? UINT32_MAX : static_cast<uint32_t>(random());
      logits[0] = 0;
      allowed[0] |= 1;
    }
    if (size == 1) logits[0] = 0;
    std::vector<float> scratch = logits;
    const auto left = Sampler(params, {}).Distribution(scratch, allowed);
    const auto expected = LeftByTheBook(logits, allowed, params);
    ASSERT_EQ(left.size(), expected.size()) << number << ", " << size << " tokens";
    for (const auto& [id, p] : left) {
      ASSERT_TRUE(expected.contains(id)) << id << " of " << number;
      ASSERT_NEAR(p, expected.at(id), 1e-5 * expected.at(id) + 1e-9) << id << " of " << number;
    }
    // And what is drawn is one of them.
    scratch = logits;
    params.seed = number;
    ASSERT_OK_AND_ASSIGN(const TokenChoice choice, Sampler(params, {}).Sample(scratch, allowed));
    ASSERT_TRUE(expected.contains(choice.id)) << choice.id << " of " << number;
  }
}

TEST(Sampler, GreedyFindsTheLargestWhereverItIs) {
  for (size_t size = 1; size < 600; size += size < 80 ? 1 : 37) {
    for (size_t at = 0; at < size; at += 1 + at / 20) {
      std::vector<float> logits(size, -3);
      logits[at] = -1;
      if (at + 1 < size) logits[size - 1] = -1;  // as probable, but later
      std::vector<float> scratch = logits;
      ASSERT_OK_AND_ASSIGN(const TokenChoice choice, Sampler({.temperature = 0}, {}).Sample(scratch));
      ASSERT_EQ(choice.id, static_cast<int32_t>(at)) << size;
      for (const float damage : {NAN, INFINITY}) {
        scratch = logits;
        scratch[at] = damage;
        ASSERT_FALSE(Sampler({.temperature = 0}, {}).Sample(scratch)) << at << " of " << size;
      }
    }
  }
}

// What is allowed may be far less probable than anything else, and the temperature close to 0.
TEST(Sampler, ExtremesChangeNothing) {
  std::vector<float> logits(1000, 90);
  for (size_t i = 600; i < 603; ++i) logits[i] = -200;
  std::vector<uint32_t> allowed(32);
  for (const uint32_t id : {600U, 602U}) allowed[id / 32] |= 1U << id % 32;
  std::map<int32_t, int> count;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    std::vector<float> scratch = logits;
    ASSERT_OK_AND_ASSIGN(const TokenChoice choice, Sampler({.seed = seed}, {}).Sample(scratch, allowed));
    ++count[choice.id];
  }
  EXPECT_EQ(count.size(), 2u);
  EXPECT_GT(count[600], 25);
  EXPECT_GT(count[602], 25);
  for (const float temperature : {1e-40f, 1e-20f, 1e-6f, 1e-3f}) {
    std::vector<float> scratch = RandomLogits(700, 5);
    ASSERT_OK_AND_ASSIGN(const TokenChoice greedy, Sampler({.temperature = 0}, {}).Sample(scratch));
    for (uint64_t seed = 0; seed < 20; ++seed) {
      scratch = RandomLogits(700, 5);
      ASSERT_OK_AND_ASSIGN(const TokenChoice choice,
                           Sampler({.temperature = temperature, .seed = seed}, {}).Sample(scratch));
      EXPECT_EQ(choice.id, greedy.id) << temperature;
    }
  }
  // Nothing that may follow has a probability.
  std::fill(logits.begin() + 600, logits.begin() + 603, -INFINITY);
  EXPECT_EQ(Sampler({}, {}).Sample(logits, allowed).error().code, ErrorCode::kCorrupt);
}

TEST(Sampler, OnlyAllowedTokensAreDrawn) {
  for (const float temperature : {0.0f, 1.0f, 50.0f}) {
    Sampler sampler({.temperature = temperature, .seed = 3}, {});
    const std::vector<uint32_t> allowed = {1U << 7 | 1U << 31, 1U << 2};
    for (unsigned i = 0; i < 50; ++i) {
      auto logits = RandomLogits(60, i);
      ASSERT_OK_AND_ASSIGN(const TokenChoice choice, sampler.Sample(logits, allowed));
      EXPECT_THAT(choice.id, ::testing::AnyOf(7, 31, 34));
    }
  }
}

TEST(Sampler, DamagedLogitsAreAnError) {
  std::vector<float> logits = {1, NAN, 2};
  EXPECT_EQ(Sampler({}, {}).Sample(logits).error().code, ErrorCode::kCorrupt);
  logits = {1, INFINITY, 2};
  EXPECT_EQ(Sampler({}, {}).Sample(logits).error().code, ErrorCode::kCorrupt);
  logits = {-INFINITY, -INFINITY};
  EXPECT_EQ(Sampler({}, {}).Sample(logits).error().code, ErrorCode::kCorrupt);
  logits = {-INFINITY, 0.5f};
  ASSERT_OK_AND_ASSIGN(const TokenChoice choice, Sampler({}, {}).Sample(logits));
  EXPECT_EQ(choice.id, 1);
}

TEST(Sampler, RefusesWhatIsOutOfRange) {
  const auto refused = [](const SamplingParams& params, const char* name) {
    const Status status = CheckSampling(params, 100);
    ASSERT_FALSE(status) << name;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(status.error().message, ::testing::HasSubstr(name));
  };
  refused({.temperature = -0.1f}, "temperature");
  refused({.temperature = NAN}, "temperature");
  refused({.top_k = -1}, "top_k");
  refused({.top_p = 0}, "top_p");
  refused({.top_p = 1.1f}, "top_p");
  refused({.min_p = NAN}, "min_p");
  refused({.typical_p = 0}, "typical_p");
  refused({.repetition_penalty = 0}, "repetition_penalty");
  refused({.frequency_penalty = INFINITY}, "frequency_penalty");
  refused({.logit_bias = {{100, 1.0f}}}, "token 100, expected one from 0 to 99");
  refused({.logit_bias = {{1, NAN}}}, "logit_bias");
  refused({.top_logprobs = 1001}, "top_logprobs");
  EXPECT_OK(CheckSampling({}, 100));
}

}  // namespace
}  // namespace bantam
