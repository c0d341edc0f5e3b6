// One thread takes lists of sequences from the queue, as many sequences as fit the token budget, and runs them as one
// packed batch. Whoever runs a batch (that thread, a caller of Run on an idle engine, a caller of EncodeAll) holds
// `turn_`, which owns the batch and is handed out in order of arrival. The queue has its own mutex, held for
// microseconds.
//
// Run goes ahead of nobody: it computes at once only when the queue is empty and nobody holds or awaits the turn. A
// batch is taken out of the queue by whoever has the turn, so requests that wait are always seen there. A list of more
// than one batch goes to the back of the queue after each, with what is left of it.
#include "engine/encoder_engine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "base/log.h"
#include "engine/batch_pass.h"
#include "engine/turn_lock.h"

namespace bantam {
namespace {

// A request with its own memory, which ends with it.
class OwnedJob final : public EncodeJob {
 public:
  OwnedJob(EncodeRequest request, size_t width)
      : request_(std::move(request)), borders_{0, static_cast<int32_t>(request_.token_ids.size())}, values_(width) {
    token_ids = request_.token_ids;
    cu_seqlens = borders_;
    pooling = request_.pooling;
    normalize = request_.normalize;
    head = request_.head;
    skip_tokens = request_.skip_tokens;
    deadline = request_.deadline;
    judge = request_.judge;
    out = values_;
  }
  void Done(Status status) override {
    const std::unique_ptr<OwnedJob> self(this);
    if (!request_.done) return;
    request_.done(status ? Result<std::vector<float>>(std::move(values_)) : std::move(status).error());
  }

 private:
  EncodeRequest request_;
  std::array<int32_t, 2> borders_;
  std::vector<float> values_;
};

// A list whose caller waits.
class WaitingJob final : public EncodeJob {
 public:
  using EncodeJob::EncodeJob;
  void Done(Status status) override {
    // Notified inside the lock: the waiter's stack, which holds this, is gone as soon as it sees the status.
    std::lock_guard lock(mutex_);
    status_.emplace(std::move(status));
    ready_.notify_one();
  }
  Status Wait() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return status_.has_value(); });
    return *std::move(status_);
  }
  bool ready() {
    std::lock_guard lock(mutex_);
    return status_.has_value();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<Status> status_;
};

double Milliseconds(MonotonicTime::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

Error NotFinite() { return Err(ErrorCode::kCorrupt, "the model's numbers are not finite: its weights are damaged"); }

}  // namespace

class EncoderEngineImpl final : public EncoderEngine {
 public:
  EncoderEngineImpl(std::unique_ptr<Encoder> encoder, const EngineOptions& options)
      : options_(options),
        encoder_(std::move(encoder)),
        pool_(options.num_threads > 0 ? options.num_threads : ThreadPool::DefaultThreads()),
        pass_(*encoder_, pool_) {
    if (options.own_thread) thread_ = std::thread([this] { ThreadMain(); });
  }

  ~EncoderEngineImpl() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    waiting_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Status Submit(EncodeRequest request) override {
    auto job = std::make_unique<OwnedJob>(std::move(request), pass_.WidthOf(request.head));
    BANTAM_RETURN_IF_ERROR(Submit(*job));
    (void)job.release();  // Done deletes it
    return Ok();
  }

  Status Submit(EncodeJob& job) override {
    BANTAM_RETURN_IF_ERROR(CheckList(job));
    if (job.times != nullptr) job.times->submitted = MonotonicNow();
    {
      std::lock_guard lock(mutex_);
      BANTAM_RETURN_IF_ERROR(CheckQueue());
      queue_.Push(job);
    }
    if (options_.own_thread) {
      waiting_.notify_one();
    } else {
      ComputeWaiting();
    }
    return Ok();
  }

  Result<std::vector<float>> Encode(EncodeRequest request) override {
    std::vector<float> vector(pass_.WidthOf(request.head));
    const std::array<int32_t, 2> borders{0, static_cast<int32_t>(request.token_ids.size())};
    BANTAM_RETURN_IF_ERROR(Run({.token_ids = request.token_ids,
                                .cu_seqlens = borders,
                                .pooling = request.pooling,
                                .normalize = request.normalize,
                                .head = request.head,
                                .skip_tokens = request.skip_tokens,
                                .deadline = request.deadline,
                                .judge = request.judge,
                                .out = vector}));
    return vector;
  }

  Status Run(const EncodeList& list) override {
    BANTAM_RETURN_IF_ERROR(CheckList(list));
    WaitingJob job(list);
    if (job.times != nullptr) job.times->submitted = MonotonicNow();
    bool mine = false;
    {
      std::lock_guard lock(mutex_);
      mine = queue_.empty() && !stopping_ && turn_.try_lock();
      if (!mine) BANTAM_RETURN_IF_ERROR(CheckQueue());  // who is served at once needs no place
      queue_.Push(job);
    }
    if (mine) {
      {
        std::lock_guard turn(turn_, std::adopt_lock);
        RunBatch();
      }
      std::lock_guard lock(mutex_);
      if (!queue_.empty()) waiting_.notify_one();  // the rest of a long list
    } else {
      waiting_.notify_one();
    }
    if (!options_.own_thread) ComputeUntilReady(job);
    return job.Wait();
  }

  Status EncodeAll(std::span<const std::vector<int32_t>> token_ids, const EncodeListOptions& options,
                   std::span<float> out) override {
    BANTAM_CHECK(out.size() == token_ids.size() * pass_.RowSize(options), "{} values for {} texts", out.size(),
                 token_ids.size());
    BANTAM_RETURN_IF_ERROR(CheckLayers(options.layers));
    for (size_t i = 0; i < token_ids.size(); ++i) {
      if (Status status = CheckIds(token_ids[i]); !status) {
        return Err(status.error().code, "text {}: {}", i + 1, status.error().message);
      }
    }
    return RunList(token_ids, options, out);
  }

  const Encoder& encoder() const override { return *encoder_; }

  EngineStats Stats() const override {
    std::lock_guard lock(mutex_);
    EngineStats stats = stats_;
    stats.batches = pass_.batches_run();
    stats.tokens = pass_.tokens_run();
    stats.queued = queue_.size();
    return stats;
  }

 private:
  static bool Expired(const EncodeList& list, MonotonicTime now) { return list.deadline <= now; }

  Status CheckIds(std::span<const int32_t> ids) const {
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

  Status CheckList(const EncodeList& list) const {
    BANTAM_CHECK(!list.cu_seqlens.empty() && list.cu_seqlens.front() == 0 &&
                 static_cast<size_t>(list.cu_seqlens.back()) == list.token_ids.size());
    BANTAM_CHECK(list.out.size() == (list.sink == nullptr ? list.num_sequences() * pass_.RowSize(list) : 0),
                 "{} values for {} texts", list.out.size(), list.num_sequences());
    BANTAM_CHECK(list.layers.empty() || list.sink == nullptr, "layers of token vectors");
    BANTAM_CHECK(list.layers.empty() || list.judge == nullptr || list.layers.back() == encoder_->num_layers());
    BANTAM_RETURN_IF_ERROR(CheckLayers(list.layers));
    BANTAM_CHECK(list.token_type_ids.empty() || list.token_type_ids.size() == list.token_ids.size());
    BANTAM_CHECK(list.judge == nullptr || list.sink == nullptr, "a judge of token vectors");
    BANTAM_CHECK(list.num_keys.empty() || (list.sink != nullptr && list.num_keys.size() == list.num_sequences()));
    BANTAM_CHECK(list.judge == nullptr || list.num_sequences() == 1, "one judge for {} texts", list.num_sequences());
    if (list.num_sequences() == 0) return Err(ErrorCode::kInvalidArgument, "no texts to encode");
    for (size_t i = 0; i < list.num_sequences(); ++i) BANTAM_RETURN_IF_ERROR(CheckIds(list.sequence(i)));
    const int num_types = encoder_->type_vocab_size();
    for (const int32_t type : num_types > 1 ? list.token_type_ids : std::span<const int32_t>()) {
      if (type < 0 || type >= num_types) {
        return Err(ErrorCode::kInvalidArgument, "token type {}, the model knows 0 to {}", type, num_types - 1);
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
    if (queue_.size() < options_.max_queued_requests) return Ok();
    ++stats_.refused;
    return Err(ErrorCode::kOverloaded, "{} requests wait already, the limit is {}: try again later", queue_.size(),
               options_.max_queued_requests);
  }

  Error OutOfMemory(const char* what) const {
    return Err(ErrorCode::kOutOfMemory, "a batch of {} tokens failed: {}", pass_.num_tokens(), what);
  }

  static void Finish(EncodeJob& job, Status status) {
    if (job.times != nullptr) {
      const MonotonicTime now = MonotonicNow(), begun = job.begun_ == MonotonicTime{} ? now : job.begun_;
      job.times->queue_ms += Milliseconds(begun - job.times->submitted);
      job.times->compute_ms += Milliseconds(now - begun);
    }
    try {
      job.Done(std::move(status));
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "a request's completion failed: {}", e.what());
    }
  }

  void ThreadMain() {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        waiting_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
        if (stopping_) break;
      }
      std::lock_guard turn(turn_);
      RunBatch();
    }
    JobQueue rest;
    {
      std::lock_guard turn(turn_);  // a batch may be under way that goes on with a list of the queue
      std::lock_guard lock(mutex_);
      rest = queue_.TakeAll();
    }
    while (EncodeJob* job = rest.Pop()) Finish(*job, Err(ErrorCode::kCancelled, "the engine is shutting down"));
  }

  // Without a thread of our own: whoever has the turn computes for all who wait. A job that is not ready lies in the
  // queue whenever the turn is free, the rest of a long list too.
  void ComputeUntilReady(WaitingJob& job) {
    while (!job.ready()) {
      std::lock_guard turn(turn_);
      if (!job.ready()) RunBatch();
    }
  }
  void ComputeWaiting() {
    while (true) {
      std::lock_guard turn(turn_);
      {
        std::lock_guard lock(mutex_);
        if (queue_.empty()) return;
      }
      RunBatch();
    }
  }

  // Holding the turn: the next batch of the queue, from taking it to delivering it.
  void RunBatch() {
    JobQueue expired, complete;
    TakeBatch(expired, complete);
    while (EncodeJob* job = expired.Pop()) {
      Finish(*job, Err(ErrorCode::kDeadline, "the deadline passed before the text was encoded"));
    }
    try {
      if (!pass_.pieces().empty()) pass_.Compute();
      for (const BatchPass::Piece& piece : pass_.pieces()) {
        if (!piece.finite) piece.job->error_ = NotFinite();
      }
    } catch (const std::exception& e) {
      for (const BatchPass::Piece& piece : pass_.pieces()) piece.job->error_ = OutOfMemory(e.what());
    }
    while (EncodeJob* job = complete.Pop()) {
      Finish(*job, job->error_ ? Status(*std::move(job->error_)) : Ok());
    }
  }

  // In order of arrival, so that nobody starves; at least one sequence however long it is. All that have expired leave
  // the queue, not only those that come first: their clients want to know now. A list that does not fit goes on behind
  // the others. `complete`: those whose last sequence is in the batch.
  void TakeBatch(JobQueue& expired, JobQueue& complete) {
    const MonotonicTime now = MonotonicNow();
    pass_.Clear();
    bool full = false;
    std::lock_guard lock(mutex_);
    JobQueue waiting = queue_.TakeAll();
    EncodeJob* begun = nullptr;
    while (EncodeJob* job = waiting.Pop()) {
      if (Expired(*job, now)) {
        ++stats_.expired;
        expired.Push(*job);
        continue;
      }
      const size_t before = job->taken_;
      while (!full && job->taken_ < job->num_sequences()) full = !TakeSequence(*job);
      if (before == 0 && job->taken_ > 0) job->begun_ = now;
      if (job->taken_ == job->num_sequences()) {
        complete.Push(*job);
      } else if (job->taken_ > before) {
        begun = job;
      } else {
        queue_.Push(*job);
      }
    }
    if (begun != nullptr) queue_.Push(*begun);
    stats_.requests += pass_.pieces().size();
    stats_.repeated += pass_.pieces().size() - pass_.num_sequences();
  }

  // False when the next sequence of the list does not fit.
  bool TakeSequence(EncodeJob& job) {
    try {
      if (!pass_.Take(job, job.taken_, options_.max_batch_tokens)) return false;
      ++job.taken_;
      return true;
    } catch (const std::exception& e) {
      job.error_ = OutOfMemory(e.what());
      job.taken_ = job.num_sequences();  // nothing more of it is computed
      return false;
    }
  }

  Status RunList(std::span<const std::vector<int32_t>> token_ids, const EncodeListOptions& options,
                 std::span<float> out) {
    // Longest first: sequences of one length share a batch, and the largest batch comes while there is still memory to
    // refuse. Equal ones lie side by side, so that they meet in one batch and are computed once.
    std::vector<uint32_t> order(token_ids.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      const auto &x = token_ids[a], &y = token_ids[b];
      return x.size() != y.size() ? x.size() > y.size() : x < y;
    });
    for (size_t begin = 0; begin < order.size();) {
      size_t end = begin;
      try {
        std::lock_guard turn(turn_);
        if (options.deadline <= MonotonicNow()) {
          std::lock_guard lock(mutex_);
          ++stats_.expired;
          return Err(ErrorCode::kDeadline, "the deadline passed after {} of {} texts", begin, order.size());
        }
        const size_t width = pass_.RowSize(options);
        const auto row = [&](size_t i) { return out.subspan(order[i] * width, width); };
        pass_.Clear();
        while (end < order.size() && pass_.TakeText(token_ids[order[end]], row(end), options_.max_batch_tokens)) ++end;
        pass_.ComputeTexts(options);
        for (size_t i = begin; i < end; ++i) {
          if (!IsFinite(row(i))) return NotFinite();
        }
        std::lock_guard lock(mutex_);
        stats_.requests += end - begin;
        stats_.repeated += end - begin - pass_.num_sequences();
      } catch (const std::bad_alloc&) {
        return Err(ErrorCode::kOutOfMemory, "not enough memory for a batch of {} texts", end - begin);
      }
      begin = end;
      if (options.progress) options.progress(begin);
    }
    return Ok();
  }

  const EngineOptions options_;
  const std::unique_ptr<Encoder> encoder_;
  ThreadPool pool_;

  TurnLock turn_;  // guards the batch:
  BatchPass pass_;

  mutable std::mutex mutex_;  // guards the queue:
  std::condition_variable waiting_;
  JobQueue queue_;
  EngineStats stats_;
  bool stopping_ = false;

  std::thread thread_;  // last: it starts when everything above is there, if the options want one
};

std::unique_ptr<EncoderEngine> EncoderEngine::Create(std::unique_ptr<Encoder> encoder, const EngineOptions& options) {
  return std::make_unique<EncoderEngineImpl>(std::move(encoder), options);
}

}  // namespace bantam
