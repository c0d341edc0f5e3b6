#include "models/batch_plan.h"

#include <utility>

namespace bantam {

void BatchPlan::Make(const EncoderBatch& batch, int group_tokens, int num_threads) {
  const auto& cu = batch.cu_seqlens;
  const int num_sequences = batch.num_sequences(), num_tokens = batch.num_tokens();
  position_ids_.resize(num_tokens);
  longest_sequence_ = 0;
  for (int s = 0; s < num_sequences; ++s) {
    longest_sequence_ = std::max(longest_sequence_, cu[s + 1] - cu[s]);
    for (int i = cu[s]; i < cu[s + 1]; ++i) position_ids_[i] = i - cu[s];
  }
  // Several groups for each thread even out their lengths.
  constexpr int kGroupsPerThread = 4;
  const int target = std::clamp(num_tokens / (kGroupsPerThread * num_threads), 16, group_tokens);
  groups_.clear();
  largest_group_ = 0;
  for (int s = 0; s < num_sequences;) {
    int end = s + 1;
    while (end < num_sequences && cu[end + 1] - cu[s] <= target) ++end;
    groups_.push_back({s, end});
    largest_group_ = std::max(largest_group_, cu[end] - cu[s]);
    s = end;
  }
  // Side by side, the last group to be taken decides when all are done: worth it when no group is a large part of the
  // share of a thread.
  side_by_side_ = num_threads == 1 || (static_cast<int>(groups_.size()) >= 2 * num_threads &&
                                       largest_group_ <= num_tokens / (2 * num_threads) * 5 / 4);
  if (!side_by_side_) {
    groups_.assign(1, {0, num_sequences});
    largest_group_ = num_tokens;
  }
  // The largest first, so that the last ones to be taken are small and the threads end together.
  if (side_by_side_ && num_threads > 1) {
    const auto tokens = [&](const Range& group) { return cu[group.end] - cu[group.begin]; };
    std::sort(groups_.begin(), groups_.end(), [&](const Range& a, const Range& b) {
      return std::pair(-tokens(a), a.begin) < std::pair(-tokens(b), b.begin);
    });
  }
}

}  // namespace bantam
