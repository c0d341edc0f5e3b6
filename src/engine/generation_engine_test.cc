#include "engine/generation_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/testing.h"
#include "engine/fake_decoder.h"

namespace bantam {
namespace {

class Waiter final : public GenerationListener {
 public:
  bool OnToken(const TokenChoice& token) override {
    std::lock_guard lock(mutex_);
    tokens_.push_back(token.id);
    changed_.notify_all();
    return true;
  }
  void OnDone(const Result<GenerationSummary>& summary) override {
    std::lock_guard lock(mutex_);
    result_ = summary;
    changed_.notify_all();
  }
  void WaitForToken() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !tokens_.empty(); });
  }
  Result<GenerationSummary> Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return result_.has_value(); });
    return *result_;
  }
  std::vector<int32_t> tokens() {
    std::lock_guard lock(mutex_);
    return tokens_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int32_t> tokens_;
  std::optional<Result<GenerationSummary>> result_;
};

std::unique_ptr<GenerationEngine> Engine(const GenerationOptions& options, int max_positions = 2000) {
  auto engine = GenerationEngine::Create(std::make_unique<testing::FakeDecoder>(max_positions), options);
  EXPECT_OK(engine);
  return engine ? *std::move(engine) : nullptr;
}

TEST(GenerationEngine, ManyThreadsGetTheirTexts) {
  const auto engine = Engine({.num_threads = 2, .cache_tokens = 300, .max_batch_tokens = 64});
  const auto request = [](int i, Waiter& waiter) {
    return GenerationRequest{.prompt_ids = {i % 7, 2, 3},
                             .sampling = {.seed = static_cast<uint64_t>(i)},
                             .max_tokens = 40,
                             .listener = &waiter};
  };
  std::vector<std::vector<int32_t>> alone(12);
  for (int i = 0; i < 12; ++i) {
    Waiter waiter;
    ASSERT_OK(engine->Submit(request(i, waiter)));
    ASSERT_OK(waiter.Wait());
    alone[static_cast<size_t>(i)] = waiter.tokens();
    EXPECT_EQ(waiter.tokens().size(), 40u);
  }
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = thread; i < 12; i += 6) {
        Waiter waiter;
        EXPECT_OK(engine->Submit(request(i, waiter)));
        EXPECT_OK(waiter.Wait());
        EXPECT_EQ(waiter.tokens(), alone[static_cast<size_t>(i)]) << i;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(GenerationEngine, CancelEndsARequestThatRuns) {
  const auto engine = Engine({.num_threads = 1}, 1'000'000);
  Waiter waiter;
  ASSERT_OK_AND_ASSIGN(const uint64_t id, engine->Submit({.prompt_ids = {1}, .sampling = {}, .listener = &waiter}));
  waiter.WaitForToken();
  engine->Cancel(id);
  engine->Cancel(id);
  engine->Cancel(9999);
  const auto result = waiter.Wait();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCancelled);
}

TEST(GenerationEngine, AFullQueueRefusesAndTheEndCancels) {
  std::vector<Waiter> waiters(20);
  size_t accepted = 0;
  {
    const auto engine = Engine({.num_threads = 1, .max_queued_requests = 3, .max_sequences = 1}, 1'000'000);
    for (Waiter& waiter : waiters) {
      const auto id = engine->Submit({.prompt_ids = {1}, .sampling = {}, .listener = &waiter});
      if (!id) {
        EXPECT_EQ(id.error().code, ErrorCode::kOverloaded);
        break;
      }
      ++accepted;
    }
    EXPECT_GE(accepted, 3u);
    EXPECT_LE(accepted, 5u);
    const auto refused = engine->Submit({.prompt_ids = {}, .sampling = {}});
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  }
  for (size_t i = 0; i < accepted; ++i) EXPECT_EQ(waiters[i].Wait().error().code, ErrorCode::kCancelled) << i;
}

// One key may fill the queue, as long as nobody else wants a place in it.
TEST(GenerationEngine, AFullQueueMakesRoomForOtherKeys) {
  constexpr size_t kQueue = 6;
  std::vector<Waiter> greedy(20), modest(4);
  const auto engine = Engine({.num_threads = 1, .max_queued_requests = kQueue, .max_sequences = 1}, 1'000'000);
  const auto submit = [&](const std::string& key, Waiter& waiter) {
    return engine->Submit({.prompt_ids = {1}, .sampling = {}, .key = key, .listener = &waiter});
  };
  std::vector<uint64_t> ids;
  size_t accepted = 0;
  ASSERT_OK(submit("a", greedy[accepted++]));
  while (engine->Stats().running == 0) std::this_thread::yield();  // it runs, the others wait
  while (true) {
    const auto id = submit("a", greedy[accepted]);
    if (!id) {
      EXPECT_EQ(id.error().code, ErrorCode::kOverloaded);
      break;
    }
    ids.push_back(*id);
    ++accepted;
  }
  ASSERT_EQ(accepted, 1 + kQueue);
  EXPECT_GE(engine->RetryAfter(), 1);
  // Three of six for the other key: then both have as many, and nobody gives way any more.
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_OK(submit("b", modest[i]));
  }
  EXPECT_EQ(submit("b", modest[3]).error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(submit("a", greedy[19]).error().code, ErrorCode::kOverloaded);
  for (size_t i = accepted - 3; i < accepted; ++i) EXPECT_EQ(greedy[i].Wait().error().code, ErrorCode::kOverloaded);
  for (const uint64_t id : ids) engine->Cancel(id);
  for (size_t i = 1; i < accepted - 3; ++i) EXPECT_EQ(greedy[i].Wait().error().code, ErrorCode::kCancelled);
}

TEST(GenerationEngine, DraftsOfASecondDecoder) {
  const auto write = [](GenerationEngine& engine) {
    Waiter waiter;
    EXPECT_OK(
        engine.Submit({.prompt_ids = {1, 2, 3}, .sampling = {.seed = 3}, .max_tokens = 200, .listener = &waiter}));
    const auto summary = waiter.Wait();
    EXPECT_OK(summary);
    return std::pair(waiter.tokens(), *summary);
  };
  const auto plain = Engine({.num_threads = 1, .speculation = {.max_draft = 0}});
  EXPECT_EQ(plain->draft_decoder(), nullptr);
  auto drafting = GenerationEngine::Create(std::make_unique<testing::FakeDecoder>(2000),
                                           {.num_threads = 2, .speculation = {.lookup = false, .fixed_draft = 4}},
                                           std::make_unique<testing::FakeDecoder>(150));
  ASSERT_OK(drafting);
  EXPECT_NE((*drafting)->draft_decoder(), nullptr);
  const auto [text, summary] = write(*plain);
  const auto [same, with] = write(**drafting);
  EXPECT_EQ(same, text);
  EXPECT_EQ(summary.speculated_tokens, 0);
  EXPECT_EQ(with.speculated_tokens, with.accepted_tokens);
  // As far as the second one can read.
  EXPECT_GT(with.accepted_tokens, 100);
  EXPECT_LT(with.accepted_tokens, 150);
}

}  // namespace
}  // namespace bantam
