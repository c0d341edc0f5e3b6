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

}  // namespace
}  // namespace bantam
