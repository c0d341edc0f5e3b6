#include "engine/packed_batch.h"

#include <algorithm>

#include "engine/hash_ids.h"

namespace bantam {

PackedBatch::PackedBatch() : borders_(1, 0), slots_(64, kFree), seed_(RandomSeed()) {}

void PackedBatch::Clear() {
  ids_.clear();
  borders_.assign(1, 0);
  for (const size_t slot : used_) slots_[slot] = kFree;
  used_.clear();
}

std::span<const int32_t> PackedBatch::sequence(size_t i) const {
  const auto begin = static_cast<size_t>(borders_[i]);
  return std::span(ids_).subspan(begin, static_cast<size_t>(borders_[i + 1]) - begin);
}

size_t PackedBatch::SlotOf(std::span<const int32_t> ids) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = HashIds(ids, seed_) & mask;
  while (slots_[slot] != kFree && !std::ranges::equal(sequence(slots_[slot]), ids)) slot = (slot + 1) & mask;
  return slot;
}

bool PackedBatch::Fits(std::span<const int32_t> ids, size_t budget) const {
  return num_sequences() == 0 || ids_.size() + ids.size() <= budget || slots_[SlotOf(ids)] != kFree;
}

size_t PackedBatch::Add(std::span<const int32_t> ids) {
  size_t slot = SlotOf(ids);
  if (slots_[slot] != kFree) return slots_[slot];
  const size_t number = num_sequences();
  if (2 * (number + 1) > slots_.size()) {
    Grow();
    slot = SlotOf(ids);
  }
  ids_.resize(token_ids().size());  // more there is only after an insertion that ran out of memory
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  borders_.push_back(static_cast<int32_t>(ids_.size()));
  slots_[slot] = static_cast<uint32_t>(number);
  used_.push_back(slot);
  return number;
}

void PackedBatch::Grow() {
  slots_.assign(2 * slots_.size(), kFree);
  used_.clear();
  for (size_t i = 0; i < num_sequences(); ++i) {
    const size_t slot = SlotOf(sequence(i));
    slots_[slot] = static_cast<uint32_t>(i);
    used_.push_back(slot);
  }
}

}  // namespace bantam
