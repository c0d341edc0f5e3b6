// GenerationLoop: how probable continuations of a prompt are. The prompt is computed as any other; then each
// continuation goes on from it as if it were alone: it shares the prompt's full blocks, and gets a copy of the one that
// is not full.
#include <algorithm>
#include <cstring>

#include "engine/generation_loop.h"
#include "engine/logits.h"

namespace bantam {
namespace {

// Rows of logits of a step, but that one continuation is computed in any case: with a vocabulary of 150,000 they are
// 19 MB.
constexpr int kMostBranchRows = 32;

}  // namespace

Status GenerationLoop::CheckContinuations(const GenerationRequest& request, int num_prompt) const {
  // So many that whoever writes a text leaves room for them in every step.
  const int most = std::clamp(options_.max_batch_tokens - options_.max_sequences + 2, 2, kMostContinuationTokens);
  for (size_t i = 0; i < request.continuations.size(); ++i) {
    const std::vector<int32_t>& tokens = request.continuations[i];
    if (tokens.empty() || tokens.size() > static_cast<size_t>(most)) {
      return Err(ErrorCode::kInvalidArgument, "continuation {} has {} tokens, expected 1 to {}", i, tokens.size(),
                 most);
    }
    const auto unknown =
        std::ranges::find_if(tokens, [&](int32_t id) { return id < 0 || id >= decoder_.vocab_size(); });
    if (unknown != tokens.end()) {
      return Err(ErrorCode::kInvalidArgument, "token id {} of continuation {} is not in the model's vocabulary of {}",
                 *unknown, i, decoder_.vocab_size());
    }
    const int more = static_cast<int>(tokens.size()) - 1;
    // Beside the prompt's blocks a copy of the last of them.
    const int copied = more > 0 && num_prompt % kKvBlockTokens != 0 ? 1 : 0;
    if (num_prompt + more <= decoder_.max_positions() &&
        BlocksFor(num_prompt + more) + copied <= blocks_.num_blocks()) {
      continue;
    }
    return Err(ErrorCode::kInvalidArgument,
               "the prompt has {} tokens and continuation {} has {}: together they are too long; {} may have {}",
               num_prompt, i, tokens.size(),
               decoder_.max_positions() <= max_tokens() ? "the model's sequences" : "a sequence in this cache",
               max_tokens());
  }
  return Ok();
}

// As many as the budget and the free blocks allow, in the order of those that run.
void GenerationLoop::ScheduleBranches(int& budget) {
  int rows = 0;
  for (size_t i = 0; i < running_.size(); ++i) {  // the last of them may have to give way
    Sequence& sequence = *running_[i];
    if (!sequence.branches()) continue;
    for (size_t index = sequence.num_compared; index < sequence.request.continuations.size(); ++index) {
      Branch branch{.sequence = &sequence, .index = index};
      const int count = branch.count();
      if (count == 0) continue;
      if (count > budget || (rows > 0 && rows + count > kMostBranchRows) || !MakeRoom(branch)) return;
      budget -= count;
      rows += count;
      branches_.push_back(std::move(branch));
    }
  }
}

// False: there is no room beside what has been scheduled, or those that began earlier need it.
bool GenerationLoop::MakeRoom(Branch& branch) {
  const Sequence& sequence = *branch.sequence;
  const bool first = branches_.empty() || branches_.back().sequence != &sequence;
  branch.num_shared = static_cast<size_t>(sequence.num_tokens() / kKvBlockTokens);
  branch.blocks.assign(sequence.blocks.begin(), sequence.blocks.begin() + static_cast<ptrdiff_t>(branch.num_shared));
  while (static_cast<int>(branch.blocks.size()) < BlocksFor(sequence.num_tokens() + branch.count())) {
    if (TakeBlock(branch.blocks)) continue;
    if (first && running_.back().get() != &sequence) {
      Preempt(sequence);
      continue;
    }
    ReleaseBlocks(branch);
    return false;
  }
  return true;
}

void GenerationLoop::ReleaseBlocks(const Branch& branch) {
  for (size_t i = branch.num_shared; i < branch.blocks.size(); ++i) blocks_.Release(branch.blocks[i]);
}

void GenerationLoop::DropBranches(const Sequence& sequence) {
  std::erase_if(branches_, [&](const Branch& branch) {
    if (branch.sequence != &sequence) return false;
    ReleaseBlocks(branch);
    return true;
  });
}

void GenerationLoop::StartBranches() {
  const size_t bytes = cache_.shape.block_bytes();
  const auto place = [&](int32_t block) { return cache_.data + static_cast<size_t>(block) * bytes; };
  for (const Branch& branch : branches_) {
    const Sequence& sequence = *branch.sequence;
    if (sequence.num_tokens() % kKvBlockTokens == 0) continue;
    std::memcpy(place(branch.blocks[branch.num_shared]), place(sequence.blocks[branch.num_shared]), bytes);
  }
}

// On any thread.
void GenerationLoop::Compare(Branch& branch) const {
  const auto width = static_cast<size_t>(decoder_.vocab_size());
  for (size_t i = 1; i < branch.tokens().size() && branch.logprob; ++i) {
    const auto logits = std::span(logits_).subspan((branch.row + i - 1) * width, width);
    const Result<double> sum = LogSumExp(logits);
    if (sum) {
      *branch.logprob += static_cast<double>(logits[static_cast<size_t>(branch.tokens()[i])]) - *sum;
    } else {
      branch.logprob = sum.error();
    }
  }
}

void GenerationLoop::DeliverBranches() {
  for (const Branch& branch : branches_) ReleaseBlocks(branch);
  for (size_t i = 0; i < branches_.size(); ++i) {
    Sequence& sequence = *branches_[i].sequence;
    FairShares::Charge(*sequence.share, FairShares::kPromptToken * branches_[i].count());
    if (branches_[i].logprob) {
      sequence.logprobs[branches_[i].index] += *branches_[i].logprob;
      sequence.Compared();
    } else {
      sequence.failed = branches_[i].logprob.error();
    }
    if (i + 1 < branches_.size() && branches_[i + 1].sequence == &sequence) continue;
    if (sequence.failed) {
      EndRunning(sequence, *sequence.failed);
    } else if (sequence.all_compared()) {
      EndRunning(sequence, sequence.Summary(FinishReason::kLength));
    }
  }
  branches_.clear();
}

}  // namespace bantam
