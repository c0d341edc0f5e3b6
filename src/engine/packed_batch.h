// Sequences back to back, equal ones once unless they were added alone: what one forward pass computes. Its buffers are
// kept from batch to batch, so that one of a usual size allocates nothing.
//
//   batch.Clear();
//   size_t row = batch.Add(ids);   // the same number for the same ids
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bantam {

// Token types may be left out where all are zero: equal sequences have equal ids and equal types.
class PackedBatch {
 public:
  using Ids = std::span<const int32_t>;

  PackedBatch();
  void Clear();
  // The number of this sequence in the batch, which it joins if it is new.
  size_t Add(Ids ids, Ids types = {});
  // Joins whatever is there already, and no equal one is ever added to it.
  size_t AddAlone(Ids ids, Ids types = {});
  // Whether the batch would stay within `budget` tokens: always for the first sequence and for one that it holds.
  bool Fits(Ids ids, Ids types, size_t budget) const { return FitsAlone(ids, budget) || Holds(ids, types); }
  bool Fits(Ids ids, size_t budget) const { return Fits(ids, {}, budget); }
  bool FitsAlone(Ids ids, size_t budget) const;  // the same for AddAlone

  Ids token_ids() const { return std::span(ids_).first(static_cast<size_t>(borders_.back())); }
  // [num_tokens], or empty where all are zero.
  Ids token_type_ids() const { return types_.empty() ? Ids() : std::span(types_).first(token_ids().size()); }
  Ids cu_seqlens() const { return borders_; }
  size_t num_sequences() const { return borders_.size() - 1; }
  Ids sequence(size_t i) const { return Part(ids_, i); }

 private:
  static constexpr uint32_t kFree = UINT32_MAX;
  Ids Part(const std::vector<int32_t>& values, size_t i) const;
  bool Equals(size_t i, Ids ids, Ids types) const;
  // The slot of an equal sequence, or the free one where it would go. `types` is empty where all are zero, here and
  // below.
  size_t SlotOf(Ids ids, Ids types) const;
  bool Holds(Ids ids, Ids types) const;
  size_t Append(Ids ids, Ids types);
  void Grow();

  std::vector<int32_t> ids_, types_;  // types_: empty as long as all are zero
  std::vector<int32_t> borders_;
  std::vector<uint32_t> slots_;  // numbers of sequences, by hash; a power of two, at most half full
  std::vector<size_t> used_;     // slots to free again
  const uint64_t seed_;          // at random: no client can make its texts collide
};

}  // namespace bantam
