#include "engine/generation_loop.h"

#include <algorithm>

#include "base/check.h"

namespace bantam {
namespace {

int BlocksFor(int num_tokens) { return (num_tokens + kKvBlockTokens - 1) / kKvBlockTokens; }

}  // namespace

std::string_view FinishReasonName(FinishReason reason) { return reason == FinishReason::kStop ? "stop" : "length"; }

struct GenerationLoop::Sequence {
  Sequence(uint64_t own_id, GenerationRequest asked)
      : id(own_id), request(std::move(asked)), sampler(request.sampling, request.prompt_ids) {
    tokens = request.prompt_ids;
    if (request.constraint != nullptr) held.emplace(request.constraint);
  }

  int num_tokens() const { return static_cast<int>(tokens.size()); }
  int num_prompt() const { return static_cast<int>(request.prompt_ids.size()); }
  int generated() const { return num_tokens() - num_prompt(); }
  int missing() const { return num_tokens() - num_cached; }  // 1 while text is being written

  uint64_t id;
  GenerationRequest request;
  Sampler sampler;
  std::optional<grammar::ConstraintState> held;
  std::vector<uint32_t> allowed;  // of the next token
  std::vector<int32_t> tokens;    // prompt, then text
  int num_cached = 0;             // of them, with keys and values in `blocks`
  std::vector<int32_t> blocks;
  int num_published = 0;                // of the blocks
  uint64_t content = KvBlocks::kStart;  // of the published ones
  int found_tokens = 0;                 // of the prompt, in the cache when it began
  int times_preempted = 0;
};

GenerationLoop::GenerationLoop(const Decoder& decoder, ThreadPool& pool, const KvCacheView& cache,
                               const LoopOptions& options)
    : decoder_(decoder),
      pool_(pool),
      cache_(cache),
      options_(options),
      blocks_(options.num_blocks),
      workspace_(decoder.NewWorkspace()) {
  BANTAM_CHECK(options.max_batch_tokens > 0 && options.max_sequences > 0 && options.num_blocks > 0);
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
  const int num_prompt = static_cast<int>(std::min<size_t>(request.prompt_ids.size(), INT32_MAX));
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
  return CheckSampling(request.sampling, decoder_.vocab_size());
}

void GenerationLoop::Add(uint64_t id, GenerationRequest request) {
  const int room = max_tokens() - static_cast<int>(request.prompt_ids.size());
  if (request.max_tokens == 0 || request.max_tokens > room) request.max_tokens = room;
  waiting_.push_back(std::make_unique<Sequence>(id, std::move(request)));
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

void GenerationLoop::End(List& list, size_t index, const Result<GenerationSummary>& result) {
  const std::unique_ptr<Sequence> sequence = std::move(list[index]);
  list.erase(list.begin() + static_cast<ptrdiff_t>(index));
  ReleaseBlocks(*sequence);
  ++stats_.requests;
  if (sequence->request.listener != nullptr) sequence->request.listener->OnDone(result);
}

// The last first: of what stays in the cache the end of a sequence is the first to be taken for something else, since
// without its beginning it finds nothing.
void GenerationLoop::ReleaseBlocks(Sequence& sequence) {
  for (size_t i = sequence.blocks.size(); i > 0; --i) blocks_.Release(sequence.blocks[i - 1]);
  sequence.blocks.clear();
  sequence.num_cached = 0;
  sequence.num_published = 0;
  sequence.content = KvBlocks::kStart;
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
      End(*list, i - 1, Err(ErrorCode::kDeadline, "the deadline passed after {} tokens of text", sequence.generated()));
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
  for (const auto& sequence : running_) {
    if (sequence->missing() == 1 && budget > 0) take(*sequence, 1);
  }
  for (const auto& sequence : running_) {
    if (sequence->missing() > 1 && budget > 0) take(*sequence, std::min(budget, sequence->missing()));
  }
  // In order of arrival: who came last gives way.
  std::ranges::stable_sort(step_, {}, [&](const Scheduled& part) {
    return std::ranges::find(running_, part.sequence, &std::unique_ptr<Sequence>::get) - running_.begin();
  });
  for (size_t i = 0; i < step_.size(); ++i) {
    Sequence& sequence = *step_[i].sequence;
    if (!MakeRoom(sequence, sequence.num_cached + step_[i].count)) break;  // it gave way itself, and is the last
  }
  while (budget > 0 && Admit(budget)) budget -= step_.back().count;
}

// Whether somebody's prompt is being computed that begins as this one, further than the cache holds already: then it
// pays to wait for it. So the n texts of one prompt compute it once.
bool GenerationLoop::WillBeFound(const Sequence& sequence) const {
  return std::ranges::any_of(running_, [&](const std::unique_ptr<Sequence>& other) {
    if (other->missing() <= 1) return false;
    const auto [mine, theirs] = std::ranges::mismatch(sequence.tokens, other->tokens);
    // The last token is computed in any case.
    const auto alike = std::min<ptrdiff_t>(mine - sequence.tokens.begin(), sequence.num_tokens() - 1);
    return alike / kKvBlockTokens * kKvBlockTokens > sequence.num_cached;
  });
}

// Takes one of those who wait, if there is room for all that it has so far.
bool GenerationLoop::Admit(int budget) {
  if (waiting_.empty() || static_cast<int>(running_.size()) >= options_.max_sequences) return false;
  Sequence& sequence = *waiting_.front();
  BANTAM_CHECK(sequence.blocks.empty() && sequence.num_cached == 0);
  // The last token is computed in any case: its logits are wanted.
  while (options_.prefix_cache && sequence.num_cached + kKvBlockTokens < sequence.num_tokens()) {
    const KvBlocks::Tokens next(sequence.tokens.data() + sequence.num_cached, kKvBlockTokens);
    const auto found = blocks_.Find(sequence.content, next);
    if (!found) break;
    sequence.blocks.push_back(found->block);
    sequence.content = found->content;
    sequence.num_cached += kKvBlockTokens;
    ++sequence.num_published;
  }
  if (options_.prefix_cache && WillBeFound(sequence)) {
    ReleaseBlocks(sequence);
    return false;
  }
  if (BlocksFor(sequence.num_tokens()) - static_cast<int>(sequence.blocks.size()) > blocks_.num_free()) {
    ReleaseBlocks(sequence);
    return false;
  }
  if (sequence.times_preempted == 0) sequence.found_tokens = sequence.num_cached;
  stats_.cached_tokens += static_cast<uint64_t>(sequence.num_cached);
  running_.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  const int count = std::min(budget, sequence.missing());
  step_.push_back({&sequence, count});
  BANTAM_CHECK(MakeRoom(sequence, sequence.num_cached + count));
  return true;
}

// Blocks for so many tokens. False: the sequence itself had to give way.
bool GenerationLoop::MakeRoom(Sequence& sequence, int num_tokens) {
  while (static_cast<int>(sequence.blocks.size()) < BlocksFor(num_tokens)) {
    const int32_t block = blocks_.Take();
    if (block >= 0) {
      sequence.blocks.push_back(block);
    } else if (!Preempt(sequence)) {
      return false;
    }
  }
  return true;
}

// The one that came last waits again, before all who wait. False: that is `for_whom`.
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
  waiting_.push_front(std::move(last));
  return other;
}

void GenerationLoop::Run() {
  ids_.clear();
  borders_.assign(1, 0);
  cached_.clear();
  tables_.clear();
  rows_.clear();
  for (const auto& [sequence, count] : step_) {
    const auto begin = sequence->tokens.begin() + sequence->num_cached;
    ids_.insert(ids_.end(), begin, begin + count);
    borders_.push_back(static_cast<int32_t>(ids_.size()));
    cached_.push_back(sequence->num_cached);
    tables_.push_back(sequence->blocks.data());
    if (count == sequence->missing()) rows_.push_back(borders_.back() - 1);
    if (sequence->missing() > 1) stats_.prompt_tokens += static_cast<uint64_t>(count);
  }
  const auto width = static_cast<size_t>(decoder_.vocab_size());
  logits_.resize(rows_.size() * width);
  decoder_.Forward({.token_ids = ids_,
                    .cu_seqlens = borders_,
                    .num_cached = cached_,
                    .block_tables = tables_,
                    .cache = cache_,
                    .logits_rows = rows_},
                   *workspace_, pool_, logits_);
  ++stats_.steps;

  std::vector<Sequence*> sampled;
  for (const auto& [sequence, count] : step_) {
    if (count == sequence->missing()) sampled.push_back(sequence);
  }
  choices_.assign(sampled.size(), std::nullopt);
  pool_.Run(static_cast<int>(sampled.size()), [&](int task, int) {
    const auto i = static_cast<size_t>(task);
    choices_[i] = Choose(*sampled[i], std::span(logits_).subspan(i * width, width));
  });
}

// Beside others, on any thread of the pool.
Result<TokenChoice> GenerationLoop::Choose(Sequence& sequence, std::span<float> logits) const {
  if (!sequence.held) return sequence.sampler.Sample(logits);
  const grammar::ConstraintState& held = *sequence.held;
  const size_t tokens = std::max(logits.size(), static_cast<size_t>(sequence.request.constraint->tokens().size()));
  sequence.allowed.resize((tokens + 31) / 32);
  bool any = held.Mask(sequence.allowed);
  const bool can_end = held.CanEnd();
  for (const int32_t id : sequence.request.stop_ids) {
    if (id < 0 || static_cast<size_t>(id) >= logits.size()) continue;
    uint32_t& word = sequence.allowed[static_cast<size_t>(id) / 32];
    const uint32_t bit = 1U << id % 32;
    word = can_end ? word | bit : word & ~bit;
    any |= can_end;
  }
  if (!any) {
    return Err(ErrorCode::kUnsupported,
               "after {} tokens of text the model's vocabulary has none that its grammar or schema lets follow",
               sequence.generated());
  }
  return sequence.sampler.Sample(logits, sequence.allowed);
}

// The tokens of this step are in the cache now; full blocks may be found by others.
void GenerationLoop::Advance(Sequence& sequence, int count) {
  sequence.num_cached += count;
  if (!options_.prefix_cache) return;
  for (; (sequence.num_published + 1) * kKvBlockTokens <= sequence.num_cached; ++sequence.num_published) {
    const auto index = static_cast<size_t>(sequence.num_published);
    const KvBlocks::Tokens tokens(sequence.tokens.data() + index * kKvBlockTokens, kKvBlockTokens);
    sequence.content = blocks_.Publish(sequence.blocks[index], sequence.content, tokens);
  }
}

void GenerationLoop::Deliver() {
  size_t next = 0;
  for (const auto& [sequence, count] : step_) {
    const bool sampled = count == sequence->missing();
    Advance(*sequence, count);
    if (!sampled) continue;
    const Result<TokenChoice>& choice = *choices_[next++];
    std::optional<Result<GenerationSummary>> end;
    if (!choice) {
      end = choice.error();
    } else {
      end = Take(*sequence, *choice);
    }
    if (!end) continue;
    const auto place = std::ranges::find(running_, sequence, &std::unique_ptr<Sequence>::get);
    End(running_, static_cast<size_t>(place - running_.begin()), *end);
  }
}

// A token that was chosen, and those that must follow it: they are computed together, as a prompt's are.
std::optional<Result<GenerationSummary>> GenerationLoop::Take(Sequence& sequence, const TokenChoice& choice) {
  std::optional<Result<GenerationSummary>> end = Say(sequence, choice);
  if (end || !sequence.held || sequence.request.sampling.top_logprobs >= 0) return end;
  for (const int32_t id : sequence.held->ForcedTokens()) {
    sequence.sampler.Accept(id);
    if ((end = Say(sequence, {.id = id}))) return end;
  }
  return std::nullopt;
}

// Puts it at the end of the text; how the text ends, if it does.
std::optional<Result<GenerationSummary>> GenerationLoop::Say(Sequence& sequence, const TokenChoice& choice) {
  sequence.tokens.push_back(choice.id);
  ++stats_.generated_tokens;
  const auto& stops = sequence.request.stop_ids;
  if (std::ranges::find(stops, choice.id) != stops.end()) {
    Result<GenerationSummary> end = SummaryOf(sequence, FinishReason::kStop);
    end->stop_id = choice.id;
    return end;
  }
  if (sequence.held) {
    if (Status accepted = sequence.held->Accept(choice.id); !accepted) return std::move(accepted).error();
  }
  if (sequence.request.listener != nullptr && !sequence.request.listener->OnToken(choice)) {
    return SummaryOf(sequence, FinishReason::kStop);
  }
  if (sequence.held && sequence.held->IsDone()) return SummaryOf(sequence, FinishReason::kStop);
  if (sequence.generated() >= sequence.request.max_tokens) return SummaryOf(sequence, FinishReason::kLength);
  return std::nullopt;
}

Result<GenerationSummary> GenerationLoop::SummaryOf(const Sequence& sequence, FinishReason reason) const {
  return GenerationSummary{.reason = reason,
                           .stop_id = -1,
                           .prompt_tokens = sequence.num_prompt(),
                           .generated_tokens = sequence.generated(),
                           .cached_tokens = sequence.found_tokens,
                           .times_preempted = sequence.times_preempted};
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
