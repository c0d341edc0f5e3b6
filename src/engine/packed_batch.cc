#include "engine/packed_batch.h"

#include <algorithm>
#include <utility>

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

bool PackedBatch::FitsAlone(std::span<const int32_t> ids, size_t budget) const {
  return num_sequences() == 0 || token_ids().size() + ids.size() <= budget;
}

size_t PackedBatch::AddAlone(std::span<const int32_t> ids) {
  ids_.resize(token_ids().size());  // more there is only after an insertion that ran out of memory
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  borders_.push_back(static_cast<int32_t>(ids_.size()));
  return num_sequences() - 1;
}

size_t PackedBatch::Add(std::span<const int32_t> ids) {
  size_t slot = SlotOf(ids);
  if (slots_[slot] != kFree) return slots_[slot];
  if (2 * (used_.size() + 1) > slots_.size()) {
    Grow();
    slot = SlotOf(ids);
  }
  const size_t number = AddAlone(ids);
  used_.push_back(slot);
  slots_[slot] = static_cast<uint32_t>(number);
  return number;
}

void PackedBatch::Grow() {
  const std::vector<uint32_t> before = std::exchange(slots_, std::vector<uint32_t>(2 * slots_.size(), kFree));
  for (size_t& slot : used_) {
    const uint32_t number = before[slot];
    slot = SlotOf(sequence(number));
    slots_[slot] = number;
  }
}

}  // namespace bantam
