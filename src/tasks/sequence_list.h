// The token sequences of one call on their way through the engine: one list of its queue, longest first, so that
// batches hold sequences of one length.
//
//   SequenceList list;
//   for (...) list.Add(ids, types);
//   BANTAM_RETURN_IF_ERROR(list.EachToken(engine, deadline, [&](size_t i, std::span<const float> hidden) { ... }));
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/encoder_engine.h"

namespace bantam {

// For one thread, and one call of Pooled or EachToken. Nothing is computed for an empty list.
class SequenceList {
 public:
  // times: gets those of the engine; or null.
  explicit SequenceList(EngineTimes* times = nullptr) : times_(times) {}
  // types: as many as ids, or none for all zero.
  void Add(std::vector<int32_t> ids, std::vector<int32_t> types = {});
  size_t size() const { return sequences_.size(); }

  // One vector for each sequence, in the order of Add: [size(), hidden_size], not normalised.
  Result<std::vector<float>> Pooled(EncoderEngine& engine, PoolingMode pooling, MonotonicTime deadline);
  // take(i, hidden): the vectors of all tokens of sequence i, [num_tokens, hidden_size]. On threads of the engine,
  // several at a time, of different sequences; not for one without tokens. May throw std::bad_alloc: the call then
  // ends with kOutOfMemory.
  Status EachToken(EncoderEngine& engine, MonotonicTime deadline,
                   const std::function<void(size_t i, std::span<const float> hidden)>& take);

 private:
  struct Sequence {
    std::vector<int32_t> ids, types;
  };
  // Lays the sequences out for the engine, and lets go of them.
  EncodeList Pack(MonotonicTime deadline, bool skip_empty);

  EngineTimes* const times_;
  std::vector<Sequence> sequences_;
  std::vector<size_t> order_;  // by place in the engine's list: which sequence it is
  std::vector<int32_t> ids_, types_, borders_;
};

}  // namespace bantam
