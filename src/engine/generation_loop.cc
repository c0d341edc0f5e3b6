#include "engine/generation_loop.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/clock.h"
#include "engine/prompt_lookup.h"
#include "models/lora_adapter.h"

namespace bantam {
namespace {

// What a key's share is counted in: tokens computed of prompts, and tokens of text, which take longer, twice.
constexpr double kPromptShare = 1, kTextShare = 2;

int BlocksFor(int num_tokens) { return (num_tokens + kKvBlockTokens - 1) / kKvBlockTokens; }

}  // namespace

std::string_view FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kDeadline:
      return "deadline";
  }
  return "stop";
}

GenerationLoop::GenerationLoop(const Decoder& decoder, ThreadPool& pool, const KvCacheView& cache,
                               const LoopOptions& options, const DraftDecoder& draft)
    : decoder_(decoder),
      pool_(pool),
      cache_(cache),
      options_(options),
      blocks_(options.num_blocks),
      workspace_(decoder.NewWorkspace()) {
  BANTAM_CHECK(options.max_batch_tokens > 0 && options.max_sequences > 0 && options.num_blocks > 0);
  if (draft.decoder != nullptr) {
    draft_model_ = std::make_unique<DraftModel>(*draft.decoder, pool, draft.cache, options.num_blocks);
  }
}

GenerationLoop::~GenerationLoop() {
  for (List* list : {&running_, &waiting_}) {
    while (!list->empty()) {
      End(*list, list->size() - 1, Err(ErrorCode::kCancelled, "the engine stopped before the text was written"));
    }
  }
}

int GenerationLoop::max_tokens() const {
  return std::min(decoder_.max_positions(), blocks_.num_blocks() * kKvBlockTokens);
}

Status GenerationLoop::Check(const GenerationRequest& request) const {
  if (request.prompt_ids.empty()) {
    return Err(ErrorCode::kInvalidArgument, "the prompt has no tokens: a text needs one to begin with");
  }
  // With what a text begins after behind an encoder.
  const size_t more = decoder_.start_token() ? 1 : 0;
  const int num_prompt = static_cast<int>(std::min<size_t>(request.prompt_ids.size() + more, INT32_MAX));
  if (num_prompt >= max_tokens()) {
    return Err(ErrorCode::kInvalidArgument, "the prompt has {} tokens; with at least one of text {} may have {}",
               request.prompt_ids.size(),
               decoder_.max_positions() <= max_tokens() ? "the model's sequences" : "a sequence in this cache",
               max_tokens());
  }
  for (const int32_t id : request.prompt_ids) {
    if (id >= 0 && id < decoder_.vocab_size()) continue;
    return Err(ErrorCode::kInvalidArgument, "token id {} is not in the model's vocabulary of {}", id,
               decoder_.vocab_size());
  }
  if (request.max_tokens < 0) {
    return Err(ErrorCode::kInvalidArgument, "\"max_tokens\" is {}, expected a number from 1", request.max_tokens);
  }
  for (const LoraUse& use : request.adapters) {
    if (use.adapter != nullptr && use.adapter->IsOf(decoder_) && std::isfinite(use.scale)) continue;
    return Err(ErrorCode::kInvalidArgument, "a LoRA adapter of another model, or with a scale of {}", use.scale);
  }
  return CheckSampling(request.sampling, decoder_.vocab_size());
}

void GenerationLoop::Add(uint64_t id, GenerationRequest request) {
  const std::optional<int32_t> start = decoder_.start_token();
  const int room = max_tokens() - static_cast<int>(request.prompt_ids.size()) - (start ? 1 : 0);
  if (request.max_tokens == 0 || request.max_tokens > room) request.max_tokens = room;
  auto sequence = std::make_unique<Sequence>(id, std::move(request), start);
  sequence->arrival = ++num_arrived_;
  sequence->share = shares_.Enter(sequence->request.priority, sequence->request.key);
  sequence->start = sequence->content = StartOf(*sequence);
  TakeForm(*sequence);
  waiting_.push_back(std::move(sequence));
}

// What a sequence begins after in the cache: under other adapters, or at other positions, the same tokens are other
// content.
uint64_t GenerationLoop::StartOf(const Sequence& sequence) {
  const std::vector<LoraUse>& adapters = sequence.request.adapters;
  if (adapters.empty() && !sequence.is_long) return KvBlocks::kStart;
  const auto same = [&](const Start& start) { return start.is_long == sequence.is_long && start.adapters == adapters; };
  const auto found = std::ranges::find_if(starts_, same);
  if (found != starts_.end()) {
    std::rotate(starts_.begin(), found, found + 1);
  } else {
    // Scales are the clients' choice: what was forgotten only misses the cache.
    constexpr size_t kMostKept = 256;
    if (starts_.size() == kMostKept) starts_.pop_back();
    starts_.insert(starts_.begin(), {adapters, sequence.is_long, blocks_.NewStart()});
  }
  return starts_.front().content;
}

// One that has grown beyond the original length is computed again, with the positions of long ones.
void GenerationLoop::TakeForm(Sequence& sequence) {
  const int border = decoder_.original_positions();
  if (border == 0 || sequence.is_long || sequence.num_tokens() <= border) return;
  sequence.is_long = true;
  sequence.start = StartOf(sequence);
  ReleaseBlocks(sequence);
}

bool GenerationLoop::Cancel(uint64_t id) {
  for (List* list : {&running_, &waiting_}) {
    for (size_t i = 0; i < list->size(); ++i) {
      if ((*list)[i]->id != id) continue;
      End(*list, i, Err(ErrorCode::kCancelled, "the request was cancelled"));
      return true;
    }
  }
  return false;
}

bool GenerationLoop::GiveUp(const std::string& key, const Error& error) {
  const Sequence* last = nullptr;
  for (const auto& sequence : waiting_) {
    if (sequence->turn != 0 || sequence->request.key != key) continue;
    const int priority = sequence->request.priority;
    if (last == nullptr || priority > last->request.priority ||
        (priority == last->request.priority && sequence->arrival > last->arrival)) {
      last = sequence.get();
    }
  }
  if (last == nullptr) return false;
  const auto place = std::ranges::find(waiting_, last, &std::unique_ptr<Sequence>::get);
  End(waiting_, static_cast<size_t>(place - waiting_.begin()), error);
  return true;
}

std::unordered_map<std::string, int> GenerationLoop::WaitingByKey() const {
  std::unordered_map<std::string, int> counts;
  for (const auto& sequence : waiting_) {
    if (sequence->turn == 0) ++counts[sequence->request.key];
  }
  return counts;
}

void GenerationLoop::End(List& list, size_t index, const Result<GenerationSummary>& result) {
  const std::unique_ptr<Sequence> sequence = std::move(list[index]);
  list.erase(list.begin() + static_cast<ptrdiff_t>(index));
  ReleaseBlocks(*sequence);
  shares_.Leave(*sequence->share);
  ++stats_.requests;
  if (sequence->request.listener != nullptr) sequence->request.listener->OnDone(result);
}

// The last first: of what stays in the cache the end of a sequence is the first to be taken for something else, since
// without its beginning it finds nothing.
void GenerationLoop::ReleaseBlocks(Sequence& sequence) {
  for (size_t i = sequence.blocks.size(); i > 0; --i) blocks_.Release(sequence.blocks[i - 1]);
  sequence.blocks.clear();
  sequence.num_cached = 0;
  sequence.model_cached = 0;
  sequence.num_published = 0;
  sequence.content = sequence.start;
}

void GenerationLoop::EndExpired() {
  const auto has_deadline = [](const std::unique_ptr<Sequence>& sequence) {
    return sequence->request.deadline != MonotonicTime::max();
  };
  if (std::ranges::none_of(running_, has_deadline) && std::ranges::none_of(waiting_, has_deadline)) return;
  const MonotonicTime now = MonotonicNow();
  for (List* list : {&running_, &waiting_}) {
    for (size_t i = list->size(); i > 0; --i) {
      const Sequence& sequence = *(*list)[i - 1];
      if (sequence.request.deadline > now) continue;
      End(*list, i - 1, sequence.Summary(FinishReason::kDeadline));
    }
  }
}

// Who takes part in the next step, and with how many tokens.
void GenerationLoop::Schedule() {
  step_.clear();
  int budget = options_.max_batch_tokens;
  const auto take = [&](Sequence& sequence, int count) {
    step_.push_back({&sequence, count});
    budget -= count;
  };
  for (const auto& sequence : running_) TakeForm(*sequence);
  for (const auto& sequence : running_) {
    if (sequence->missing() == 1 && budget > 0) take(*sequence, 1);
  }
  for (const auto& sequence : running_) {
    if (sequence->missing() > 1 && budget > 0) take(*sequence, sequence->Portion(budget));
  }
  // In the order of those that run: the last gives way.
  std::ranges::stable_sort(step_, {}, [&](const Scheduled& part) {
    return std::ranges::find(running_, part.sequence, &std::unique_ptr<Sequence>::get) - running_.begin();
  });
  for (size_t i = 0; i < step_.size(); ++i) {
    Sequence& sequence = *step_[i].sequence;
    if (!MakeRoom(sequence, sequence.num_cached + step_[i].count)) break;  // it gave way itself, and is the last
  }
  while (budget > 0 && Admit(budget)) budget -= step_.back().count;
  DraftTokens(budget);
}

// -------------------------------------------------------------------------------------------------------- who is next

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
    sequence.found_tokens = sequence.num_cached;
    shares_.Begin(*sequence.share);
    FairShares::Charge(*sequence.share, kPromptShare * sequence.missing());
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

bool GenerationLoop::TakeBlock(Sequence& sequence) {
  const int32_t block = blocks_.Take();
  if (block < 0) return false;
  if (draft_model_ != nullptr) draft_model_->ForgetBlock(block);
  sequence.blocks.push_back(block);
  return true;
}

// Blocks for so many tokens. False: the sequence itself had to give way.
bool GenerationLoop::MakeRoom(Sequence& sequence, int num_tokens) {
  while (static_cast<int>(sequence.blocks.size()) < BlocksFor(num_tokens)) {
    if (!TakeBlock(sequence) && !Preempt(sequence)) return false;
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
  ReleaseBlocks(*last);
  ++last->times_preempted;
  ++stats_.preemptions;
  waiting_.push_back(std::move(last));
  return other;
}

// -------------------------------------------------------------------------------------------------------------- drafts

// What a text could draft, and with what hope. False: nothing.
bool GenerationLoop::OfferDraft(Sequence& sequence, const DraftStep& step, DraftOffer& offer) {
  sequence.draft_source = DraftSource::kNone;
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
      if (!TakeBlock(sequence)) break;
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

// ------------------------------------------------------------------------------------------------------------ the step

void GenerationLoop::Run() {
  ids_.clear();
  borders_.assign(1, 0);
  cached_.clear();
  tables_.clear();
  adapters_.clear();
  encoded_.clear();
  lengths_.clear();
  rows_.clear();
  // Those with the same adapters beside each other: their products are computed together.
  std::ranges::stable_sort(step_, {}, [](const Scheduled& part) { return part.sequence->start; });
  const bool adapted =
      std::ranges::any_of(step_, [](const Scheduled& part) { return !part.sequence->request.adapters.empty(); });
  std::vector<std::pair<Sequence*, size_t>> sampled;  // with the first of its rows of logits
  for (const Scheduled& part : step_) {
    Sequence& sequence = *part.sequence;
    const auto begin = sequence.tokens.begin() + sequence.num_cached;
    ids_.insert(ids_.end(), begin, begin + part.count);
    if (part.sampled()) {
      sampled.emplace_back(&sequence, rows_.size());
      rows_.push_back(static_cast<int32_t>(ids_.size()) - 1);
      for (const int32_t token : sequence.draft) {
        rows_.push_back(static_cast<int32_t>(ids_.size()));
        ids_.push_back(token);
      }
    }
    borders_.push_back(static_cast<int32_t>(ids_.size()));
    cached_.push_back(sequence.num_cached);
    tables_.push_back(sequence.blocks.data());
    lengths_.push_back(sequence.num_tokens() + static_cast<int>(part.sampled() ? sequence.draft.size() : 0));
    if (decoder_.start_token()) encoded_.push_back(sequence.num_encoded);
    if (adapted) adapters_.emplace_back(sequence.request.adapters);
    if (sequence.missing() > 1) stats_.prompt_tokens += static_cast<uint64_t>(part.count);
  }
  const MonotonicTime start = MonotonicNow();
  const auto width = static_cast<size_t>(decoder_.vocab_size());
  logits_.resize(rows_.size() * width);
  decoder_.Forward({.token_ids = ids_,
                    .cu_seqlens = borders_,
                    .num_cached = cached_,
                    .block_tables = tables_,
                    .cache = cache_,
                    .logits_rows = rows_,
                    .adapters = adapters_,
                    .num_encoded = encoded_,
                    .sequence_lengths = lengths_},
                   *workspace_, pool_, logits_);
  ++stats_.steps;
  pool_.Run(static_cast<int>(sampled.size()), [&](int task, int) {
    const auto& [sequence, row] = sampled[static_cast<size_t>(task)];
    sequence->Write(std::span(logits_).subspan(row * width, (1 + sequence->draft.size()) * width), width);
  });
  costs_.Observe(static_cast<int>(ids_.size()), MillisecondsSince(start));
}

// So many tokens more are in the cache now; full blocks may be found by others.
void GenerationLoop::Advance(Sequence& sequence, int count) {
  sequence.num_cached += count;
  sequence.model_cached = std::min(sequence.model_cached, sequence.num_cached);
  if (!Shares(sequence)) return;
  for (; (sequence.num_published + 1) * kKvBlockTokens <= sequence.num_cached; ++sequence.num_published) {
    const auto index = static_cast<size_t>(sequence.num_published);
    const KvBlocks::Tokens tokens(sequence.tokens.data() + index * kKvBlockTokens, kKvBlockTokens);
    sequence.content = blocks_.Publish(sequence.blocks[index], sequence.content, tokens);
    if (draft_model_ != nullptr) draft_model_->BlockPublished(sequence, sequence.num_published);
  }
}

void GenerationLoop::Deliver() {
  for (const Scheduled& part : step_) {
    Sequence& sequence = *part.sequence;
    if (!part.sampled()) {
      Advance(sequence, part.count);
      continue;
    }
    const int before = sequence.num_tokens(), drafted = static_cast<int>(sequence.draft.size());
    const std::optional<Result<GenerationSummary>> end = Say(sequence);
    // Of the draft only what became text stays in the cache: the rest is written over, its blocks go back.
    Advance(sequence, part.count + std::min(sequence.accepted, sequence.num_tokens() - before));
    while (static_cast<int>(sequence.blocks.size()) > BlocksFor(sequence.num_tokens())) {
      blocks_.Release(sequence.blocks.back());
      sequence.blocks.pop_back();
    }
    if (drafted > 0) {
      // Where the text ended the draft was not wrong.
      const int tried =
          sequence.end && sequence.accepted == static_cast<int>(sequence.written.size()) ? sequence.accepted : drafted;
      acceptance_.Count(sequence.draft_source, tried, sequence.accepted);
      sequence.history.Count(sequence.draft_source, tried, sequence.accepted, sequence.draft_is_probe);
    }
    sequence.draft.clear();
    if (!end) continue;
    const auto place = std::ranges::find(running_, &sequence, &std::unique_ptr<Sequence>::get);
    End(running_, static_cast<size_t>(place - running_.begin()), *end);
  }
}

// Puts what was written at the end of the text; how the text ends, if it does.
std::optional<Result<GenerationSummary>> GenerationLoop::Say(Sequence& sequence) {
  const auto drafted = static_cast<uint64_t>(sequence.draft.size());
  const auto accepted = static_cast<uint64_t>(sequence.accepted);
  sequence.speculated_tokens += static_cast<int>(drafted);
  sequence.accepted_tokens += static_cast<int>(accepted);
  stats_.speculated_tokens += drafted;
  stats_.accepted_tokens += accepted;
  for (const TokenChoice& choice : sequence.written) {
    sequence.tokens.push_back(choice.id);
    ++stats_.generated_tokens;
    FairShares::Charge(*sequence.share, kTextShare);
    if (choice.id == sequence.stop_id) break;  // the last, which is not told
    GenerationListener* listener = sequence.request.listener;
    if (listener == nullptr || listener->OnToken(choice)) continue;
    sequence.stop_id = -1;
    return sequence.Summary(FinishReason::kStop);
  }
  if (sequence.failed) return *sequence.failed;
  if (sequence.end) return sequence.Summary(*sequence.end);
  return std::nullopt;
}

bool GenerationLoop::Step() {
  EndExpired();
  Schedule();
  if (step_.empty()) {
    BANTAM_CHECK(waiting_.empty() || !running_.empty(), "{} requests wait for ever", waiting_.size());
    return false;
  }
  Run();
  Deliver();
  return true;
}

const GenerationStats& GenerationLoop::Stats() {
  stats_.running = static_cast<int>(running_.size());
  stats_.waiting = static_cast<int>(waiting_.size());
  stats_.free_blocks = blocks_.num_free();
  stats_.num_blocks = blocks_.num_blocks();
  return stats_;
}

}  // namespace bantam
