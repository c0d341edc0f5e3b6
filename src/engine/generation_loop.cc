#include "engine/generation_loop.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/clock.h"
#include "models/lora_adapter.h"

namespace bantam {
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
  BANTAM_RETURN_IF_ERROR(CheckContinuations(request, num_prompt));
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
  if (border == 0 || sequence.is_long || sequence.num_tokens() + sequence.longest_branch <= border) return;
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
  // Room for prompts: beside texts that are being written a part of the budget, so that their tokens come evenly.
  const bool writes = !step_.empty();
  int room = writes ? std::min(budget, options_.max_prompt_tokens) : budget;
  for (const auto& sequence : running_) {
    if (sequence->missing() <= 1 || room <= 0) continue;
    take(*sequence, sequence->Portion(room));
    room -= step_.back().count;
  }
  // In the order of those that run: the last gives way.
  std::ranges::stable_sort(step_, {}, [&](const Scheduled& part) {
    return std::ranges::find(running_, part.sequence, &std::unique_ptr<Sequence>::get) - running_.begin();
  });
  for (size_t i = 0; i < step_.size(); ++i) {
    Sequence& sequence = *step_[i].sequence;
    if (!MakeRoom(sequence, sequence.num_cached + step_[i].count)) break;  // it gave way itself, and is the last
  }
  ScheduleBranches(budget);
  for (room = std::min(room, budget); room > 0 && Admit(room); room -= step_.back().count) {
    budget -= step_.back().count;
  }
  DraftTokens(budget);
}

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
  const auto adapted_one = [](const auto& part) { return !part.sequence->request.adapters.empty(); };
  const bool adapted = std::ranges::any_of(step_, adapted_one) || std::ranges::any_of(branches_, adapted_one);
  std::vector<std::pair<Sequence*, size_t>> sampled;  // with the first of its rows of logits
  const auto describe = [&](const Sequence& sequence, int num_cached, const std::vector<int32_t>& blocks, int drafted) {
    borders_.push_back(static_cast<int32_t>(ids_.size()));
    cached_.push_back(num_cached);
    tables_.push_back(blocks.data());
    lengths_.push_back(sequence.num_tokens() + std::max(drafted, sequence.longest_branch));
    if (decoder_.start_token()) encoded_.push_back(sequence.num_encoded);
    if (adapted) adapters_.emplace_back(sequence.request.adapters);
  };
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
    describe(sequence, sequence.num_cached, sequence.blocks,
             part.sampled() ? static_cast<int>(sequence.draft.size()) : 0);
    if (sequence.missing() > 1) stats_.prompt_tokens += static_cast<uint64_t>(part.count);
  }
  StartBranches();
  for (Branch& branch : branches_) {
    branch.row = rows_.size();
    for (const int32_t token : branch.tokens().first(static_cast<size_t>(branch.count()))) {
      rows_.push_back(static_cast<int32_t>(ids_.size()));
      ids_.push_back(token);
    }
    describe(*branch.sequence, branch.sequence->num_cached, branch.blocks, 0);
    stats_.prompt_tokens += static_cast<uint64_t>(branch.count());
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
  pool_.Run(static_cast<int>(sampled.size() + branches_.size()), [&](int number, int) {
    const auto task = static_cast<size_t>(number);
    if (task >= sampled.size()) return Compare(branches_[task - sampled.size()]);
    const auto& [sequence, row] = sampled[task];
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
    EndRunning(sequence, *end);
  }
  DeliverBranches();
}

void GenerationLoop::EndRunning(const Sequence& sequence, const Result<GenerationSummary>& result) {
  const auto place = std::ranges::find(running_, &sequence, &std::unique_ptr<Sequence>::get);
  End(running_, static_cast<size_t>(place - running_.begin()), result);
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
    FairShares::Charge(*sequence.share, FairShares::kTextToken);
    if (choice.id == sequence.stop_id) break;  // the last, which is not told
    GenerationListener* listener = sequence.request.listener;
    if (listener == nullptr || listener->OnToken(choice)) continue;
    sequence.stop_id = -1;
    return sequence.Summary(FinishReason::kStop);
  }
  if (sequence.failed) return *sequence.failed;
  if (sequence.end) return sequence.Summary(*sequence.end);
  if (sequence.all_compared()) return sequence.Summary(FinishReason::kLength);
  return std::nullopt;
}

bool GenerationLoop::Step() {
  EndExpired();
  Schedule();
  if (step_.empty() && branches_.empty()) {
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
