#include "engine/packed_batch.h"

#include <algorithm>
#include <utility>

#include "engine/hash_ids.h"

namespace bantam {
namespace {

bool AllZero(std::span<const int32_t> types) {
  return std::ranges::all_of(types, [](int32_t type) { return type == 0; });
}

// Empty for types that make no difference.
std::span<const int32_t> Telling(std::span<const int32_t> types) {
  return AllZero(types) ? std::span<const int32_t>() : types;
}

}  // namespace

PackedBatch::PackedBatch() : borders_(1, 0), slots_(64, kFree), seed_(RandomSeed()) {}

void PackedBatch::Clear() {
  ids_.clear();
  types_.clear();
  borders_.assign(1, 0);
  for (const size_t slot : used_) slots_[slot] = kFree;
  used_.clear();
}

PackedBatch::Ids PackedBatch::Part(const std::vector<int32_t>& values, size_t i) const {
  const auto begin = static_cast<size_t>(borders_[i]);
  return std::span(values).subspan(begin, static_cast<size_t>(borders_[i + 1]) - begin);
}

bool PackedBatch::Equals(size_t i, Ids ids, Ids types) const {
  if (!std::ranges::equal(sequence(i), ids)) return false;
  if (types_.empty()) return types.empty();
  return types.empty() ? AllZero(Part(types_, i)) : std::ranges::equal(Part(types_, i), types);
}

size_t PackedBatch::SlotOf(Ids ids, Ids types) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = HashIds(ids, types.empty() ? seed_ : HashIds(types, seed_)) & mask;
  while (slots_[slot] != kFree && !Equals(slots_[slot], ids, types)) slot = (slot + 1) & mask;
  return slot;
}

bool PackedBatch::Holds(Ids ids, Ids types) const { return slots_[SlotOf(ids, Telling(types))] != kFree; }

bool PackedBatch::FitsAlone(Ids ids, size_t budget) const {
  return num_sequences() == 0 || token_ids().size() + ids.size() <= budget;
}

size_t PackedBatch::Append(Ids ids, Ids types) {
  const size_t before = token_ids().size();
  ids_.resize(before);  // more there is only after an insertion that ran out of memory
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  if (!types.empty() || !types_.empty()) {
    types_.resize(before);
    types_.resize(before + ids.size());
    std::ranges::copy(types, types_.begin() + static_cast<ptrdiff_t>(before));
  }
  borders_.push_back(static_cast<int32_t>(ids_.size()));
  return num_sequences() - 1;
}

size_t PackedBatch::AddAlone(Ids ids, Ids types) { return Append(ids, Telling(types)); }

size_t PackedBatch::Add(Ids ids, Ids all_types) {
  const Ids types = Telling(all_types);
  size_t slot = SlotOf(ids, types);
  if (slots_[slot] != kFree) return slots_[slot];
  if (2 * (used_.size() + 1) > slots_.size()) {
    Grow();
    slot = SlotOf(ids, types);
  }
  const size_t number = Append(ids, types);
  used_.push_back(slot);
  slots_[slot] = static_cast<uint32_t>(number);
  return number;
}

void PackedBatch::Grow() {
  const std::vector<uint32_t> before = std::exchange(slots_, std::vector<uint32_t>(2 * slots_.size(), kFree));
  for (size_t& slot : used_) {
    const uint32_t number = before[slot];
    slot = SlotOf(sequence(number), types_.empty() ? Ids() : Telling(Part(types_, number)));
    slots_[slot] = number;
  }
}

}  // namespace bantam
