#include "tasks/compare_texts.h"

#include <condition_variable>
#include <mutex>

namespace bantam {
namespace {

// Hears of all requests of a call, from the engine's thread.
class Waiter {
 public:
  explicit Waiter(size_t count) : listeners_(count), results_(count) {
    for (size_t i = 0; i < count; ++i) listeners_[i].Set(this, i);
  }
  GenerationListener* listener(size_t index) { return &listeners_[index]; }
  std::optional<Result<GenerationSummary>>& result(size_t index) { return results_[index]; }

  // Until so many have ended, or for a while: whether they have.
  bool Wait(size_t count, std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return num_done_ == count; });
  }

 private:
  class Listener final : public GenerationListener {
   public:
    void Set(Waiter* owner, size_t index) {
      owner_ = owner;
      index_ = index;
    }
    bool OnToken(const TokenChoice&) override { return true; }
    void OnDone(const Result<GenerationSummary>& summary) override {
      const std::lock_guard lock(owner_->mutex_);
      owner_->results_[index_] = summary;
      ++owner_->num_done_;
      owner_->changed_.notify_one();
    }

   private:
    Waiter* owner_ = nullptr;
    size_t index_ = 0;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  size_t num_done_ = 0;
  std::vector<Listener> listeners_;
  std::vector<std::optional<Result<GenerationSummary>>> results_;
};

}  // namespace

Result<std::vector<Comparison>> CompareTexts(GenerationEngine& engine, std::span<const CompareCall> calls,
                                             const CompareOptions& options) {
  constexpr std::chrono::milliseconds kPatience{20};
  Waiter waiter(calls.size());
  std::vector<uint64_t> ids;
  Status status = Ok();
  for (size_t i = 0; i < calls.size() && status; ++i) {
    GenerationRequest request{.prompt_ids = calls[i].prompt_ids, .sampling = {}};
    request.continuations = calls[i].continuations;
    request.adapters = options.adapters.value_or(std::vector<LoraUse>());
    request.deadline = options.deadline;
    request.priority = options.priority;
    request.key = options.key;
    request.joins = i > 0;
    request.listener = waiter.listener(i);
    const Result<uint64_t> id = engine.Submit(std::move(request));
    if (id) {
      ids.push_back(*id);
    } else {
      status = id.error();
    }
  }
  bool cancelled = false;
  const auto cancel = [&] {
    for (const uint64_t id : ids) engine.Cancel(id);
    cancelled = true;
  };
  if (!status) cancel();
  while (!waiter.Wait(ids.size(), kPatience)) {
    if (cancelled || !options.stop || !options.stop()) continue;
    status = Err(ErrorCode::kCancelled, "the request was cancelled");
    cancel();
  }
  BANTAM_RETURN_IF_ERROR(status);
  std::vector<Comparison> comparisons;
  for (size_t i = 0; i < calls.size(); ++i) {
    BANTAM_TRY(const GenerationSummary summary, *std::move(waiter.result(i)));
    if (summary.reason == FinishReason::kDeadline) {
      return Err(ErrorCode::kDeadline, "the deadline passed before the question was answered");
    }
    comparisons.push_back(
        {.logprobs = summary.logprobs, .prompt_tokens = summary.prompt_tokens, .cached_tokens = summary.cached_tokens});
  }
  return comparisons;
}

}  // namespace bantam
