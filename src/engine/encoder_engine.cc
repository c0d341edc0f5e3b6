// One thread takes requests from the queue, as many as fit the token budget, and runs them as one packed batch. Whoever
// runs a batch (that thread, a caller of Encode on an idle engine, a caller of EncodeAll) holds `turn_`, which owns the
// buffers below it and is handed out in order of arrival. The queue has its own mutex, held for microseconds.
//
// Encode goes ahead of nobody: it computes at once only when the queue is empty and nobody holds or awaits the turn.
// The engine thread takes its turn before it takes requests out of the queue, so requests that wait are always seen
// there.
#include "engine/encoder_engine.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "base/log.h"
#include "engine/turn_lock.h"
#include "layers/pooling.h"

namespace bantam {
namespace {

class Engine final : public EncoderEngine {
 public:
  Engine(std::unique_ptr<Encoder> encoder, const EngineOptions& options)
      : options_(options),
        encoder_(std::move(encoder)),
        pool_(options.num_threads > 0 ? options.num_threads : ThreadPool::DefaultThreads()),
        workspace_(encoder_->NewWorkspace()),
        thread_([this] { ThreadMain(); }) {}

  ~Engine() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    waiting_.notify_all();
    thread_.join();
  }

  Status Submit(EncodeRequest request) override {
    BANTAM_RETURN_IF_ERROR(Check(request.token_ids));
    {
      std::lock_guard lock(mutex_);
      BANTAM_RETURN_IF_ERROR(CheckQueue());
      queue_.push_back(std::move(request));
    }
    waiting_.notify_one();
    return Ok();
  }

  Result<std::vector<float>> Encode(EncodeRequest request) override {
    BANTAM_RETURN_IF_ERROR(Check(request.token_ids));
    struct Answer {
      std::mutex mutex;
      std::condition_variable ready;
      std::optional<Result<std::vector<float>>> result;
    } answer;
    request.done = [&answer](Result<std::vector<float>> result) {
      // Notified inside the lock: the waiter's stack, which holds `answer`, is gone as soon as it sees the result.
      std::lock_guard lock(answer.mutex);
      answer.result.emplace(std::move(result));
      answer.ready.notify_one();
    };
    if (TryTurn()) {
      std::lock_guard turn(turn_, std::adopt_lock);
      std::vector<EncodeRequest> batch;
      batch.push_back(std::move(request));
      if (Expired(batch[0], MonotonicNow())) {
        Expire(batch[0]);
      } else {
        RunRequests(batch);
      }
    } else {
      BANTAM_RETURN_IF_ERROR(Submit(std::move(request)));
    }
    std::unique_lock lock(answer.mutex);
    answer.ready.wait(lock, [&] { return answer.result.has_value(); });
    return *std::move(answer.result);
  }

  Status EncodeAll(std::span<const std::vector<int32_t>> token_ids, const EncodeListOptions& options,
                   std::span<float> out) override {
    BANTAM_CHECK(out.size() == token_ids.size() * RowSize(options), "{} values for {} texts", out.size(),
                 token_ids.size());
    BANTAM_RETURN_IF_ERROR(CheckLayers(options.layers));
    for (size_t i = 0; i < token_ids.size(); ++i) {
      if (Status status = Check(token_ids[i]); !status) {
        return Err(status.error().code, "text {}: {}", i + 1, status.error().message);
      }
    }
    if (options.counts_against_queue) {
      std::lock_guard lock(mutex_);
      BANTAM_RETURN_IF_ERROR(CheckQueue());
      ++waiting_lists_;
    }
    Status status = RunList(token_ids, options, out);
    if (options.counts_against_queue) {
      std::lock_guard lock(mutex_);
      --waiting_lists_;
    }
    return status;
  }

  const Encoder& encoder() const override { return *encoder_; }

  EngineStats Stats() const override {
    std::lock_guard lock(mutex_);
    EngineStats stats = stats_;
    stats.queued = queue_.size() + waiting_lists_;
    return stats;
  }

 private:
  static bool Expired(const EncodeRequest& request, MonotonicTime now) { return request.deadline <= now; }

  Status Check(std::span<const int32_t> ids) const {
    if (ids.empty()) return Err(ErrorCode::kInvalidArgument, "no tokens to encode");
    if (ids.size() > static_cast<size_t>(encoder_->max_positions())) {
      return Err(ErrorCode::kInvalidArgument, "{} tokens, the model takes at most {}", ids.size(),
                 encoder_->max_positions());
    }
    for (const int32_t id : ids) {
      if (id < 0 || id >= encoder_->vocab_size()) {
        return Err(ErrorCode::kInvalidArgument, "token id {}, the model knows 0 to {}", id, encoder_->vocab_size() - 1);
      }
    }
    return Ok();
  }

  Status CheckLayers(std::span<const int> layers) const {
    const auto not_ascending = [](int a, int b) { return a >= b; };
    if (layers.empty() || (layers.front() >= 1 && layers.back() <= encoder_->num_layers() &&
                           std::ranges::adjacent_find(layers, not_ascending) == layers.end())) {
      return Ok();
    }
    return Err(ErrorCode::kInvalidArgument, "layers {} to {} of an encoder that shows 1 to {}", layers.front(),
               layers.back(), encoder_->num_layers());
  }

  // Holding mutex_.
  Status CheckQueue() {
    if (stopping_) return Err(ErrorCode::kCancelled, "the engine is shutting down");
    const size_t waiting = queue_.size() + waiting_lists_;
    if (waiting < options_.max_queued_requests) return Ok();
    ++stats_.refused;
    return Err(ErrorCode::kOverloaded, "{} requests wait already, the limit is {}: try again later", waiting,
               options_.max_queued_requests);
  }

  bool TryTurn() {
    std::lock_guard lock(mutex_);
    return queue_.empty() && !stopping_ && turn_.try_lock();
  }

  // The callback is moved out first: it is called once, whatever happens in it.
  static void Finish(EncodeRequest& request, Result<std::vector<float>> result) {
    const auto done = std::exchange(request.done, nullptr);
    if (!done) return;
    try {
      done(std::move(result));
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "a request's completion failed: {}", e.what());
    }
  }

  void Expire(EncodeRequest& request) {
    {
      std::lock_guard lock(mutex_);
      ++stats_.expired;
    }
    Finish(request, Err(ErrorCode::kDeadline, "the deadline passed before the text was encoded"));
  }

  void ThreadMain() {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        waiting_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
        if (stopping_) break;
      }
      std::lock_guard turn(turn_);
      std::vector<EncodeRequest> expired;
      std::vector<EncodeRequest> batch = TakeBatch(expired);
      for (EncodeRequest& request : expired) Expire(request);
      if (!batch.empty()) RunRequests(batch);
    }
    std::deque<EncodeRequest> rest;
    {
      std::lock_guard lock(mutex_);
      rest.swap(queue_);
    }
    for (EncodeRequest& request : rest) Finish(request, Err(ErrorCode::kCancelled, "the engine is shutting down"));
  }

  // In order of arrival, so that nobody starves; at least one request however long it is. All that have expired leave
  // the queue, not only those that come first: their clients want to know now.
  std::vector<EncodeRequest> TakeBatch(std::vector<EncodeRequest>& expired) {
    const MonotonicTime now = MonotonicNow();
    std::vector<EncodeRequest> batch;
    size_t tokens = 0;
    std::lock_guard lock(mutex_);
    const auto first_expired = std::stable_partition(
        queue_.begin(), queue_.end(), [&](const EncodeRequest& request) { return !Expired(request, now); });
    expired.assign(std::move_iterator(first_expired), std::move_iterator(queue_.end()));
    queue_.erase(first_expired, queue_.end());
    while (!queue_.empty()) {
      const size_t length = queue_.front().token_ids.size();
      if (!batch.empty() && tokens + length > options_.max_batch_tokens) break;
      tokens += length;
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return batch;
  }

  // Holding the turn. Every request gets its outcome.
  void RunRequests(std::vector<EncodeRequest>& batch) {
    try {
      ids_.clear();
      borders_.assign(1, 0);
      LayerPooling pooling(encoder_->num_layers(), encoder_->hidden_size(), {});
      std::vector<std::vector<float>> vectors(batch.size());
      bool judged = false;
      for (size_t i = 0; i < batch.size(); ++i) {
        Append(batch[i].token_ids);
        vectors[i].resize(HiddenSize());
        pooling.Add({batch[i].pooling, batch[i].normalize, batch[i].judge, vectors[i]});
        judged = judged || batch[i].judge != nullptr;
      }
      judged = judged && encoder_->num_layers() > 0;
      Forward(judged ? &pooling : nullptr);
      for (size_t i = 0; i < batch.size(); ++i) {
        if (!judged) PoolSequence(i, batch[i].pooling, batch[i].normalize, vectors[i]);
        Status status = CheckFinite(vectors[i]);
        Finish(batch[i], status ? Result<std::vector<float>>(std::move(vectors[i])) : std::move(status).error());
      }
    } catch (const std::exception& e) {
      for (EncodeRequest& request : batch) {
        Finish(request, Err(ErrorCode::kOutOfMemory, "a batch of {} tokens failed: {}", ids_.size(), e.what()));
      }
    }
  }

  Status RunList(std::span<const std::vector<int32_t>> token_ids, const EncodeListOptions& options,
                 std::span<float> out) {
    // Longest first: sequences of one length share a batch, and the largest batch comes while there is still memory to
    // refuse. Equal ones lie side by side and are computed once.
    std::vector<uint32_t> order(token_ids.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      const auto &x = token_ids[a], &y = token_ids[b];
      return x.size() != y.size() ? x.size() > y.size() : x < y;
    });
    const auto repeats = [&](size_t i) { return i > 0 && token_ids[order[i]] == token_ids[order[i - 1]]; };
    for (size_t begin = 0; begin < order.size();) {
      size_t end = begin, tokens = 0;
      for (; end < order.size(); ++end) {
        if (repeats(end)) continue;
        const size_t length = token_ids[order[end]].size();
        if (end > begin && tokens + length > options_.max_batch_tokens) break;
        tokens += length;
      }
      try {
        std::lock_guard turn(turn_);
        if (options.deadline <= MonotonicNow()) {
          std::lock_guard lock(mutex_);
          ++stats_.expired;
          return Err(ErrorCode::kDeadline, "the deadline passed after {} of {} texts", begin, order.size());
        }
        ids_.clear();
        borders_.assign(1, 0);
        const auto row = [&](size_t i) { return out.subspan(order[i] * RowSize(options), RowSize(options)); };
        LayerPooling pooling(encoder_->num_layers(), encoder_->hidden_size(), options.layers);
        for (size_t i = begin; i < end; ++i) {
          if (repeats(i)) continue;
          Append(token_ids[order[i]]);
          pooling.Add({.pooling = options.pooling, .normalize = options.normalize, .out = row(i)});
        }
        Forward(options.layers.empty() ? nullptr : &pooling);
        for (size_t i = begin, sequence = 0; i < end; ++i) {
          if (repeats(i)) {
            std::ranges::copy(row(i - 1), row(i).begin());
            continue;
          }
          if (options.layers.empty()) PoolSequence(sequence++, options.pooling, options.normalize, row(i));
          BANTAM_RETURN_IF_ERROR(CheckFinite(row(i)));
        }
      } catch (const std::bad_alloc&) {
        return Err(ErrorCode::kOutOfMemory, "not enough memory for a batch of {} tokens", tokens);
      }
      begin = end;
      if (options.progress) options.progress(begin);
    }
    return Ok();
  }

  size_t RowSize(const EncodeListOptions& options) const {
    return HiddenSize() * std::max<size_t>(1, options.layers.size());
  }
  size_t HiddenSize() const { return static_cast<size_t>(encoder_->hidden_size()); }

  void Append(std::span<const int32_t> ids) {
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    borders_.push_back(static_cast<int32_t>(ids_.size()));
  }

  // ids_ and borders_ -> hidden_, or to the observer
  void Forward(LayerObserver* observer) {
    const size_t values = ids_.size() * HiddenSize();
    if (hidden_.size() < values) hidden_ = AlignedBuffer<float>(values);
    encoder_->Forward({.token_ids = ids_, .cu_seqlens = borders_, .token_type_ids = {}, .observer = observer},
                      *workspace_, pool_, std::span<float>(hidden_.data(), values));
    std::lock_guard lock(mutex_);
    stats_.requests += borders_.size() - 1;
    ++stats_.batches;
    stats_.tokens += ids_.size();
  }

  // Sequence i of the last batch.
  void PoolSequence(size_t i, PoolingMode pooling, bool normalize, std::span<float> out) const {
    const auto begin = static_cast<size_t>(borders_[i]) * out.size(),
               end = static_cast<size_t>(borders_[i + 1]) * out.size();
    Pool(std::span(hidden_.data(), hidden_.size()).subspan(begin, end - begin), encoder_->hidden_size(), pooling,
         normalize, out);
  }

  // A NaN in any weight that matters for this text ends in the sum.
  static Status CheckFinite(std::span<const float> vector) {
    if (std::isfinite(std::reduce(vector.begin(), vector.end()))) return Ok();
    return Err(ErrorCode::kCorrupt, "the model's numbers are not finite: its weights are damaged");
  }

  const EngineOptions options_;
  const std::unique_ptr<Encoder> encoder_;
  ThreadPool pool_;

  TurnLock turn_;  // guards the buffers of a batch:
  const std::unique_ptr<EncoderWorkspace> workspace_;
  std::vector<int32_t> ids_;
  std::vector<int32_t> borders_;
  AlignedBuffer<float> hidden_;

  mutable std::mutex mutex_;  // guards the queue:
  std::condition_variable waiting_;
  std::deque<EncodeRequest> queue_;
  size_t waiting_lists_ = 0;  // calls of EncodeAll that count against it
  EngineStats stats_;
  bool stopping_ = false;

  std::thread thread_;  // last: it starts when everything above is there
};

}  // namespace

std::unique_ptr<EncoderEngine> EncoderEngine::Create(std::unique_ptr<Encoder> encoder, const EngineOptions& options) {
  return std::make_unique<Engine>(std::move(encoder), options);
}

}  // namespace bantam
