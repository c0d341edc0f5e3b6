#include "tasks/sequence_list.h"

#include <algorithm>
#include <atomic>
#include <new>

#include "base/check.h"

namespace bantam {
namespace {

class FunctionSink final : public TokenVectorSink {
 public:
  FunctionSink(const std::vector<size_t>& order, const std::function<void(size_t, std::span<const float>)>& take)
      : order_(order), take_(take) {}
  void Take(size_t index, std::span<const float> hidden) noexcept override {
    try {
      take_(order_[index], hidden);
    } catch (const std::bad_alloc&) {
      failed_ = true;
    }
  }
  bool failed() const { return failed_; }

 private:
  const std::vector<size_t>& order_;
  const std::function<void(size_t, std::span<const float>)>& take_;
  std::atomic<bool> failed_ = false;
};

}  // namespace

void SequenceList::Add(std::vector<int32_t> ids, std::vector<int32_t> types) {
  BANTAM_CHECK(types.empty() || types.size() == ids.size());
  sequences_.push_back({std::move(ids), std::move(types)});
}

EncodeList SequenceList::Pack(MonotonicTime deadline, bool skip_empty) {
  for (size_t i = 0; i < sequences_.size(); ++i) {
    if (!skip_empty || !sequences_[i].ids.empty()) order_.push_back(i);
  }
  std::ranges::stable_sort(order_, std::greater<>(), [&](size_t i) { return sequences_[i].ids.size(); });
  const bool typed = std::ranges::any_of(sequences_, [](const Sequence& s) { return !s.types.empty(); });
  borders_ = {0};
  for (const size_t i : order_) {
    Sequence& sequence = sequences_[i];
    ids_.insert(ids_.end(), sequence.ids.begin(), sequence.ids.end());
    if (typed) {
      types_.insert(types_.end(), sequence.types.begin(), sequence.types.end());
      types_.resize(ids_.size());
    }
    borders_.push_back(static_cast<int32_t>(ids_.size()));
    sequence = {};
  }
  return {.token_ids = ids_,
          .cu_seqlens = borders_,
          .token_type_ids = types_,
          .normalize = false,
          .deadline = deadline,
          .times = times_};
}

Result<std::vector<float>> SequenceList::Pooled(EncoderEngine& engine, PoolingMode pooling, MonotonicTime deadline) {
  if (sequences_.empty()) return std::vector<float>();
  EncodeList list = Pack(deadline, false);
  const auto columns = static_cast<size_t>(engine.encoder().hidden_size());
  std::vector<float> sorted(order_.size() * columns), out(sorted.size());
  list.pooling = pooling;
  list.out = sorted;
  BANTAM_RETURN_IF_ERROR(engine.Run(list));
  for (size_t place = 0; place < order_.size(); ++place) {
    std::copy_n(sorted.begin() + static_cast<ptrdiff_t>(place * columns), columns,
                out.begin() + static_cast<ptrdiff_t>(order_[place] * columns));
  }
  return out;
}

Status SequenceList::EachToken(EncoderEngine& engine, MonotonicTime deadline,
                               const std::function<void(size_t i, std::span<const float> hidden)>& take) {
  EncodeList list = Pack(deadline, true);
  if (order_.empty()) return Ok();
  FunctionSink sink(order_, take);
  list.sink = &sink;
  BANTAM_RETURN_IF_ERROR(engine.Run(list));
  if (sink.failed()) return Err(ErrorCode::kOutOfMemory, "not enough memory for the answers of {} texts", size());
  return Ok();
}

}  // namespace bantam
