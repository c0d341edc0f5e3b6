#include "engine/fair_shares.h"

#include <algorithm>

#include "base/check.h"

namespace bantam {

FairShares::Share* FairShares::Enter(int priority, const std::string& key) {
  Level& level = levels_[priority];
  if (level.shares.size() >= level.tidy_at) {
    // Those that are behind would begin at `now` anyway. Keys may be addresses: there is no end of them.
    std::erase_if(level.shares,
                  [&](const auto& entry) { return entry.second.members == 0 && entry.second.used <= level.now; });
    level.tidy_at = std::max<size_t>(64, 2 * level.shares.size());
  }
  Share& share = level.shares[key];
  share.priority = priority;
  if (share.members == 0) share.used = std::max(share.used, level.now);
  ++share.members;
  ++level.members;
  return &share;
}

void FairShares::Begin(const Share& share) {
  Level& level = levels_.at(share.priority);
  level.now = std::max(level.now, share.used);
}

void FairShares::Leave(Share& share) {
  const auto level = levels_.find(share.priority);
  BANTAM_CHECK(level != levels_.end() && share.members > 0);
  --share.members;
  // With nobody there, nobody is owed anything.
  if (--level->second.members == 0) levels_.erase(level);
}

size_t FairShares::num_keys() const {
  size_t count = 0;
  for (const auto& [priority, level] : levels_) count += level.shares.size();
  return count;
}

}  // namespace bantam
