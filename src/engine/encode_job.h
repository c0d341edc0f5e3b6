// A list of sequences on its way through the engine, and a queue of such lists. Neither allocates: the caller owns the
// job and the engine links it into its queue.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "engine/layer_pooling.h"
#include "engine/token_vector_sink.h"

namespace bantam {

// Where the time of a list went, for whoever asks by pointing to one. Written before Done is called.
struct EngineTimes {
  MonotonicTime submitted{};            // the epoch: never, there was nothing to compute
  double queue_ms = 0, compute_ms = 0;  // until the first sequence was taken, and from then on
};

// What to encode and where to put it. Sequence i is token_ids[cu_seqlens[i] .. cu_seqlens[i + 1]).
struct EncodeList {
  std::span<const int32_t> token_ids;
  std::span<const int32_t> cu_seqlens;  // [num_sequences + 1], starts with 0
  // [num_tokens], or empty for all zero: which of two texts a token belongs to. A model without token types ignores it.
  std::span<const int32_t> token_type_ids = {};
  PoolingMode pooling = PoolingMode::kMean;
  bool normalize = true;
  const SentenceHead* head = nullptr;  // what to do in place of pooling and normalize; null: just those
  size_t skip_tokens = 0;              // with a head: at the beginning of each sequence, that are not pooled
  MonotonicTime deadline = MonotonicTime::max();
  // May end the one sequence of this list before the last layer; `out` is then the pooled vector of that layer. Null:
  // all layers, as an embedding needs them.
  ExitJudge* judge = nullptr;
  // The layers whose pooled vectors are wanted, as in LayerPooling::Sequence: each sequence's row of `out` is then
  // theirs, one after the other. Empty: the last one's. Not with a sink.
  std::span<const int> layers = {};
  std::span<float> out = {};        // [num_sequences, hidden_size], or the head's dimensions; empty with a sink
  TokenVectorSink* sink = nullptr;  // gets the vectors of all tokens; pooling and out are not used. Not with a judge.
  // [num_sequences], how many first tokens of a sequence its tokens see; empty: all. With a sink only.
  std::span<const int32_t> num_keys = {};
  EngineTimes* times = nullptr;  // gets those of this list

  size_t num_sequences() const { return cu_seqlens.size() - 1; }
  std::span<const int32_t> sequence(size_t i) const {
    const auto begin = static_cast<size_t>(cu_seqlens[i]);
    return token_ids.subspan(begin, static_cast<size_t>(cu_seqlens[i + 1]) - begin);
  }
  // Empty for all zero.
  std::span<const int32_t> types(size_t i) const {
    if (token_type_ids.empty()) return {};
    const auto begin = static_cast<size_t>(cu_seqlens[i]);
    return token_type_ids.subspan(begin, static_cast<size_t>(cu_seqlens[i + 1]) - begin);
  }
};

// The job, and all that its spans point to, stay in place and unchanged from a successful Submit until Done.
class EncodeJob : public EncodeList {
 public:
  EncodeJob() = default;
  explicit EncodeJob(const EncodeList& list) : EncodeList(list) {}
  virtual ~EncodeJob() = default;
  EncodeJob(const EncodeJob&) = delete;
  EncodeJob& operator=(const EncodeJob&) = delete;
  // Called exactly once, on whichever thread computed it; must not block. May destroy the job.
  virtual void Done(Status status) = 0;

 private:
  friend class JobQueue;
  friend class EncoderEngineImpl;
  EncodeJob* next_ = nullptr;
  size_t taken_ = 0;            // sequences that are in a batch already
  MonotonicTime begun_{};       // when the first was, where it is asked for
  std::optional<Error> error_;  // of a sequence that failed
};

// First in, first out. Not thread-safe.
class JobQueue {
 public:
  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }
  void Push(EncodeJob& job) {
    job.next_ = nullptr;
    (last_ == nullptr ? first_ : last_->next_) = &job;
    last_ = &job;
    ++size_;
  }
  // Null when empty.
  EncodeJob* Pop() {
    EncodeJob* job = first_;
    if (job == nullptr) return nullptr;
    first_ = job->next_;
    if (first_ == nullptr) last_ = nullptr;
    --size_;
    return job;
  }
  JobQueue TakeAll() { return std::exchange(*this, JobQueue()); }

 private:
  EncodeJob* first_ = nullptr;
  EncodeJob* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace bantam
