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

class PackedBatch {
 public:
  PackedBatch();
  void Clear();
  // The number of this sequence in the batch, which it joins if it is new.
  size_t Add(std::span<const int32_t> ids);
  // Joins whatever is there already, and no equal one is ever added to it.
  size_t AddAlone(std::span<const int32_t> ids);
  // Whether the batch would stay within `budget` tokens: always for the first sequence and for one that it holds.
  bool Fits(std::span<const int32_t> ids, size_t budget) const { return FitsAlone(ids, budget) || Holds(ids); }
  bool FitsAlone(std::span<const int32_t> ids, size_t budget) const;  // the same for AddAlone

  std::span<const int32_t> token_ids() const { return std::span(ids_).first(static_cast<size_t>(borders_.back())); }
  std::span<const int32_t> cu_seqlens() const { return borders_; }
  size_t num_sequences() const { return borders_.size() - 1; }
  std::span<const int32_t> sequence(size_t i) const;

 private:
  static constexpr uint32_t kFree = UINT32_MAX;
  // The slot of an equal sequence, or the free one where it would go.
  size_t SlotOf(std::span<const int32_t> ids) const;
  bool Holds(std::span<const int32_t> ids) const { return slots_[SlotOf(ids)] != kFree; }
  void Grow();

  std::vector<int32_t> ids_;
  std::vector<int32_t> borders_;
  std::vector<uint32_t> slots_;  // numbers of sequences, by hash; a power of two, at most half full
  std::vector<size_t> used_;     // slots to free again
  const uint64_t seed_;          // at random: no client can make its texts collide
};

}  // namespace bantam
