// GenerationLoop: whose turn it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/testing_loop.h"

namespace bantam {
namespace {

using testing::Bench;
using testing::Prompt;
using testing::Recorder;
using testing::TextOf;

// Notes the order in which texts end.
class Ender final : public GenerationListener {
 public:
  Ender(char name, std::string& order) : name_(name), order_(order) {}
  bool OnToken(const TokenChoice&) override { return true; }
  void OnDone(const Result<GenerationSummary>& summary) override {
    EXPECT_OK(summary);
    order_ += name_;
  }

 private:
  const char name_;
  std::string& order_;
};

TEST(GenerationLoop, TheLowestPriorityNumberGoesFirst) {
  std::string order;
  std::vector<Ender> enders;
  for (const char name : std::string("abcdef")) enders.emplace_back(name, order);
  Bench bench({.num_blocks = 10, .max_sequences = 1});
  const std::vector<int> priorities = {0, 5, 0, -3, 5, 0};
  for (unsigned i = 0; i < 6; ++i) {
    bench.loop.Add(i, {.prompt_ids = Prompt(5, i),
                       .sampling = {},
                       .max_tokens = 4,
                       .priority = priorities[i],
                       .listener = &enders[i]});
  }
  while (bench.loop.Step()) {
  }
  EXPECT_EQ(order, "dacfbe");
}

// What is urgent takes the place of what is not, which goes on afterwards with the text it would have had; what is
// equally urgent does not.
TEST(GenerationLoop, AnUrgentRequestTakesAPlace) {
  for (const int priority : {-1, 0, 1}) {
    Bench bench({.num_blocks = 8, .max_sequences = 2});
    std::vector<Recorder> recorders(3);
    std::vector<GenerationRequest> requests;
    for (unsigned i = 0; i < 3; ++i) {
      requests.push_back(
          {.prompt_ids = Prompt(40, i), .sampling = {.seed = i}, .max_tokens = 30, .listener = &recorders[i]});
    }
    bench.loop.Add(0, requests[0]);
    bench.loop.Add(1, requests[1]);
    for (int step = 0; step < 10; ++step) bench.loop.Step();
    requests[2].priority = priority;
    bench.loop.Add(2, requests[2]);
    while (!recorders[2].result) bench.loop.Step();
    EXPECT_EQ(priority < 0, recorders[1].tokens.size() < 30);
    EXPECT_EQ(priority < 0, bench.loop.Stats().preemptions > 0);
    while (bench.loop.Step()) {
    }
    for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(recorders[i].tokens, TextOf(bench.decoder, requests[i])) << i;
    EXPECT_EQ((*recorders[0].result)->times_preempted, 0);
  }
}

TEST(GenerationLoop, AHundredRequestsOfOneKeyDoNotStarveAnother) {
  std::string order;
  std::vector<Ender> many(100, Ender('a', order)), few(3, Ender('b', order));
  Bench bench({.num_blocks = 40, .max_sequences = 4});
  const auto request = [](unsigned i, std::string key, Ender& ender) {
    return GenerationRequest{.prompt_ids = Prompt(20, i),
                             .sampling = {.seed = i},
                             .max_tokens = 10,
                             .key = std::move(key),
                             .listener = &ender};
  };
  for (unsigned i = 0; i < 100; ++i) bench.loop.Add(i, request(i, "a", many[i]));
  for (int step = 0; step < 5; ++step) bench.loop.Step();
  for (unsigned i = 0; i < 3; ++i) bench.loop.Add(100 + i, request(100 + i, "b", few[i]));
  while (bench.loop.Step()) {
  }
  ASSERT_EQ(order.size(), 103u);
  // The four that run end first; from then on both keys have one text each for one of the other.
  EXPECT_LE(order.rfind('b'), 12u) << order;
}

// By tokens, not by requests: whoever asks for long texts gets fewer of them.
TEST(GenerationLoop, SharesAreCountedInTokens) {
  std::string order;
  std::vector<Ender> long_ones(30, Ender('l', order)), short_ones(60, Ender('s', order));
  Bench bench({.num_blocks = 40, .max_sequences = 1});
  for (unsigned i = 0; i < 30; ++i) {
    bench.loop.Add(
        i, {.prompt_ids = Prompt(10, i), .sampling = {}, .max_tokens = 45, .key = "l", .listener = &long_ones[i]});
  }
  for (unsigned i = 0; i < 60; ++i) {
    bench.loop.Add(
        100 + i,
        {.prompt_ids = Prompt(10, i), .sampling = {}, .max_tokens = 5, .key = "s", .listener = &short_ones[i]});
  }
  while (bench.loop.Step()) {
  }
  // A long one is 10 + 2 * 45, a short one 10 + 2 * 5: five for one, as long as there are any.
  const std::string begin = order.substr(0, 60);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(begin, 'l')), 10, 1) << order;
}

TEST(GenerationLoop, AKeyThatWaitsCanBeMadeToGiveUp) {
  Recorder running, waiting, urgent, other;
  Bench bench({.num_blocks = 10, .max_sequences = 1});
  const auto add = [&](uint64_t id, const std::string& key, int priority, Recorder& recorder) {
    bench.loop.Add(id, {.prompt_ids = {1, 2},
                        .sampling = {},
                        .max_tokens = 5,
                        .priority = priority,
                        .key = key,
                        .listener = &recorder});
  };
  add(1, "a", 0, running);
  bench.loop.Step();
  add(2, "a", 1, waiting);
  add(3, "a", 0, urgent);
  add(4, "b", 2, other);
  EXPECT_EQ(bench.loop.WaitingByKey(), (std::unordered_map<std::string, int>{{"a", 2}, {"b", 1}}));
  EXPECT_TRUE(bench.loop.GiveUp("a", Err(ErrorCode::kOverloaded, "full")));
  ASSERT_TRUE(waiting.result.has_value());
  EXPECT_EQ(waiting.result->error().code, ErrorCode::kOverloaded);
  EXPECT_FALSE(bench.loop.GiveUp("c", Err(ErrorCode::kOverloaded, "full")));
  while (bench.loop.Step()) {
  }
  EXPECT_OK(*running.result);
  EXPECT_OK(*urgent.result);
  EXPECT_OK(*other.result);
}

TEST(GenerationLoop, ADeadlineEndsATextWithWhatThereIs) {
  Bench bench({.num_blocks = 10, .speculation = {.max_draft = 0}});
  // Its time is over as soon as it has said so much.
  class Slow final : public GenerationListener {
   public:
    bool OnToken(const TokenChoice& token) override {
      tokens.push_back(token.id);
      while (tokens.size() == 5 && MonotonicNow() < deadline) {
      }
      return true;
    }
    void OnDone(const Result<GenerationSummary>& summary) override { result = summary; }
    std::vector<int32_t> tokens;
    MonotonicTime deadline;
    std::optional<Result<GenerationSummary>> result;
  } slow;
  slow.deadline = MonotonicNow() + std::chrono::milliseconds(200);
  GenerationRequest request{.prompt_ids = {1, 2}, .sampling = {}, .max_tokens = 50, .deadline = slow.deadline};
  request.listener = &slow;
  bench.loop.Add(1, request);
  while (bench.loop.Step()) {
  }
  ASSERT_OK(*slow.result);
  EXPECT_EQ((*slow.result)->reason, FinishReason::kDeadline);
  EXPECT_EQ(FinishReasonName((*slow.result)->reason), "deadline");
  EXPECT_LE((*slow.result)->generated_tokens, 5);
  EXPECT_EQ((*slow.result)->generated_tokens, static_cast<int>(slow.tokens.size()));
  const std::vector<int32_t> whole = TextOf(bench.decoder, request);
  EXPECT_TRUE(std::equal(slow.tokens.begin(), slow.tokens.end(), whole.begin()));
}

}  // namespace
}  // namespace bantam
