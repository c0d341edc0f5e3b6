// GenerationLoop: who waits, who is next, and who gives way.
#include <algorithm>

#include "base/check.h"
#include "engine/generation_loop.h"
#include "models/lora_adapter.h"

namespace bantam {

Sequence* GenerationLoop::NextWaiting() const {
  const auto before = [](const Sequence& a, const Sequence& b) {
    if (a.request.priority != b.request.priority) return a.request.priority < b.request.priority;
    // Those that gave way have had their turn, and go on as they began.
    if ((a.turn != 0) != (b.turn != 0)) return a.turn != 0;
    if (a.turn != 0) return a.turn < b.turn;
    if (a.share->used != b.share->used) return a.share->used < b.share->used;
    return a.arrival < b.arrival;
  };
  Sequence* next = nullptr;
  for (const auto& sequence : waiting_) {
    if (next == nullptr || before(*sequence, *next)) next = sequence.get();
  }
  return next;
}

// Whether somebody's prompt is being computed that begins as this one, further than the cache holds already: then it
// pays to wait for it. So the n texts of one prompt compute it once.
bool GenerationLoop::WillBeFound(const Sequence& sequence) const {
  if (!Shares(sequence)) return false;
  return std::ranges::any_of(running_, [&](const std::unique_ptr<Sequence>& other) {
    if (other->missing() <= 1 || other->start != sequence.start) return false;
    const auto [mine, theirs] = std::ranges::mismatch(sequence.tokens, other->tokens);
    // The last token is computed in any case.
    const auto alike = std::min<ptrdiff_t>(mine - sequence.tokens.begin(), sequence.num_tokens() - 1);
    return alike / kKvBlockTokens * kKvBlockTokens > sequence.num_cached;
  });
}

// Behind an encoder a prompt's keys and values depend on all of it.
bool GenerationLoop::Shares(const Sequence& sequence) const {
  return options_.prefix_cache && sequence.num_encoded == 0;
}

void GenerationLoop::FindBeginning(Sequence& sequence) {
  // The last token is computed in any case: its logits are wanted.
  while (Shares(sequence) && sequence.num_cached + kKvBlockTokens < sequence.num_tokens()) {
    const KvBlocks::Tokens next(sequence.tokens.data() + sequence.num_cached, kKvBlockTokens);
    const auto found = blocks_.Find(sequence.content, next);
    if (!found) break;
    sequence.blocks.push_back(found->block);
    sequence.content = found->content;
    sequence.num_cached += kKvBlockTokens;
    ++sequence.num_published;
  }
}

// A place and blocks for all that it has so far. What is less urgent gives way, if that helps.
bool GenerationLoop::HasRoomFor(const Sequence& sequence) {
  const int needed = BlocksFor(sequence.num_tokens()) - static_cast<int>(sequence.blocks.size());
  const auto full = [&] {
    return needed > blocks_.num_free() || static_cast<int>(running_.size()) >= options_.max_sequences;
  };
  const auto gives_way = [&](const std::unique_ptr<Sequence>& other) {
    return other->request.priority > sequence.request.priority;
  };
  int could_have = blocks_.num_free();
  for (const auto& other : running_) {
    if (gives_way(other)) could_have += static_cast<int>(other->blocks.size());
  }
  if (needed > could_have) return false;
  while (full()) {
    if (running_.empty() || !gives_way(running_.back())) return false;
    Preempt(sequence);
  }
  return true;
}

// Takes the next of those who wait, if there is room for it.
bool GenerationLoop::Admit(int budget) {
  Sequence* next = NextWaiting();
  if (next == nullptr) return false;
  Sequence& sequence = *next;
  BANTAM_CHECK(sequence.blocks.empty() && sequence.num_cached == 0);
  TakeForm(sequence);
  FindBeginning(sequence);
  if (WillBeFound(sequence) || !HasRoomFor(sequence)) {
    ReleaseBlocks(sequence);
    return false;
  }
  Begin(sequence);
  const int count = sequence.Portion(budget);
  step_.push_back({&sequence, count});
  BANTAM_CHECK(MakeRoom(sequence, sequence.num_cached + count));
  return true;
}

// From those who wait to those who run.
void GenerationLoop::Begin(Sequence& sequence) {
  if (sequence.turn == 0) {
    sequence.turn = ++num_begun_;
    if (sequence.request.listener != nullptr) sequence.request.listener->OnBegin();
    sequence.found_tokens = sequence.num_cached;
    shares_.Begin(*sequence.share);
    FairShares::Charge(*sequence.share, FairShares::kPromptToken * sequence.missing());
  }
  if (draft_model_ != nullptr) draft_model_->Begin(sequence);
  stats_.cached_tokens += static_cast<uint64_t>(sequence.num_cached);
  const auto place = std::ranges::find(waiting_, &sequence, &std::unique_ptr<Sequence>::get);
  std::unique_ptr<Sequence> own = std::move(*place);
  waiting_.erase(place);
  const auto after = std::ranges::find_if(running_, [&](const std::unique_ptr<Sequence>& other) {
    return std::pair(other->request.priority, other->turn) > std::pair(sequence.request.priority, sequence.turn);
  });
  running_.insert(after, std::move(own));
}

bool GenerationLoop::TakeBlock(std::vector<int32_t>& blocks) {
  const int32_t block = blocks_.Take();
  if (block < 0) return false;
  if (draft_model_ != nullptr) draft_model_->ForgetBlock(block);
  blocks.push_back(block);
  return true;
}

// Blocks for so many tokens. False: the sequence itself had to give way.
bool GenerationLoop::MakeRoom(Sequence& sequence, int num_tokens) {
  while (static_cast<int>(sequence.blocks.size()) < BlocksFor(num_tokens)) {
    if (!TakeBlock(sequence.blocks) && !Preempt(sequence)) return false;
  }
  return true;
}

// The last of those that run waits again, before all of its priority that have not begun. False: that is `for_whom`.
bool GenerationLoop::Preempt(const Sequence& for_whom) {
  BANTAM_CHECK(!running_.empty());
  std::unique_ptr<Sequence> last = std::move(running_.back());
  running_.pop_back();
  const bool other = last.get() != &for_whom;
  // Alone it has the whole cache, which Check compared with its length.
  BANTAM_CHECK(other || !running_.empty(), "a cache of {} blocks is too small for one sequence", blocks_.num_blocks());
  std::erase_if(step_, [&](const Scheduled& part) { return part.sequence == last.get(); });
  DropBranches(*last);
  ReleaseBlocks(*last);
  ++last->times_preempted;
  ++stats_.preemptions;
  waiting_.push_back(std::move(last));
  return other;
}

}  // namespace bantam
