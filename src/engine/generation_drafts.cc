// GenerationLoop: what is drafted in a step.
#include <algorithm>

#include "engine/generation_loop.h"
#include "engine/prompt_lookup.h"

namespace bantam {

// What a text could draft, and with what hope. False: nothing.
bool GenerationLoop::OfferDraft(Sequence& sequence, const DraftStep& step, DraftOffer& offer) {
  sequence.draft_source = DraftSource::kNone;
  if (sequence.compares()) return false;
  // The last token that it may have is chosen without a draft.
  offer = {.length = std::min(options_.speculation.max_draft, sequence.request.max_tokens - sequence.generated() - 1)};
  // What is drafted beyond the original length would have the positions of the text before it.
  if (const int border = decoder_.original_positions(); border > 0 && !sequence.is_long) {
    offer.length = std::min(offer.length, border - sequence.num_tokens());
  }
  if (offer.length <= 0) return false;
  if (options_.speculation.lookup) {
    sequence.repeat = FindRepeat(sequence.tokens);
    if (sequence.repeat.matched > 0) {
      sequence.draft_source = RepeatSource(sequence.repeat.matched);
      offer.acceptance = sequence.history.Rate(sequence.draft_source, acceptance_);
    }
  }
  if (draft_model_ != nullptr && draft_model_->CanRead(sequence, offer.length)) {
    DraftOffer other = offer;
    other.acceptance = sequence.history.Rate(DraftSource::kModel, acceptance_);
    other.pass_ms = draft_model_->pass_ms();
    // A repeat costs nothing to draft.
    if (sequence.draft_source == DraftSource::kNone || BestRate(other, costs_, step) > BestRate(offer, costs_, step)) {
      sequence.draft_source = DraftSource::kModel;
      offer = other;
    }
  }
  if (sequence.draft_source == DraftSource::kNone) return false;
  offer.probe = sequence.history.Probes(sequence.draft_source);
  return true;
}

// Never at the cost of others: with the rows that the step has left, and blocks that are free.
void GenerationLoop::DraftTokens(int budget) {
  offers_.clear();
  offering_.clear();
  jobs_.clear();
  const int fixed = options_.speculation.fixed_draft;
  DraftStep step{.budget = budget};
  for (const Scheduled& part : step_) {
    step.rows += part.count;
    if (part.sampled()) ++step.texts;
  }
  if (budget <= 0 || (fixed == 0 && step.rows > StepCosts::kMostRows)) return;
  for (const Scheduled& part : step_) {
    DraftOffer offer;
    if (!part.sampled() || !OfferDraft(*part.sequence, step, offer)) continue;
    offers_.push_back(offer);
    offering_.push_back(part.sequence);
  }
  if (offers_.empty()) return;
  if (fixed == 0) PlanDrafts(offers_, costs_, step);
  for (size_t i = 0; i < offers_.size(); ++i) {
    Sequence& sequence = *offering_[i];
    int length = fixed > 0 ? std::min({fixed, offers_[i].length, budget}) : offers_[i].granted;
    while (length > 0 && static_cast<int>(sequence.blocks.size()) < BlocksFor(sequence.num_tokens() + length)) {
      if (!TakeBlock(sequence.blocks)) break;
    }
    length = std::min(length, static_cast<int>(sequence.blocks.size()) * kKvBlockTokens - sequence.num_tokens());
    if (length <= 0) {
      sequence.history.Declined(sequence.draft_source);
      continue;
    }
    budget -= length;
    sequence.draft_is_probe = offers_[i].probe;
    if (sequence.draft_source == DraftSource::kModel) {
      jobs_.push_back({&sequence, length});
      continue;
    }
    CopyRepeat(sequence.tokens, sequence.repeat, static_cast<size_t>(length), sequence.draft);
    sequence.CutDraft();
  }
  if (!jobs_.empty()) draft_model_->Draft(jobs_, options_.max_batch_tokens, decoder_.vocab_size());
}

}  // namespace bantam
