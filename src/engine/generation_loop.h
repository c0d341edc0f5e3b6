// The steps of the generation engine, without threads: schedule, run, deliver.
//
//   GenerationLoop loop(decoder, pool, cache, options);
//   BANTAM_TRY(uint64_t id, loop.Add(std::move(request)));
//   while (loop.Step()) {}
//
// A step takes one token of each text that is being written, then pieces of prompts, up to a budget: a long prompt
// delays the others by no more than one such step. (One that an encoder reads is a piece of its own, however long.)
// What is left of the budget verifies drafts (speculation.h): tokens that probably follow, computed beside the last
// one. They are taken where they are what is chosen anyway. Where not a text is wanted but how probable some are, the
// prompt is followed by each of them in turn (generation_branches.cc).
//
// Who waits is taken by priority, the lowest number first, then by what its key had so far (fair_shares.h), then in
// order of arrival. When blocks of the cache run out, the last of those that run by the same order gives its own back
// and is computed again later, with the same numbers; none fails for it. One thread.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>

#include "engine/draft_model.h"
#include "engine/generation.h"
#include "engine/kv_blocks.h"
#include "engine/sequence.h"
#include "engine/speculation.h"
#include "models/decoder.h"

namespace bantam {

struct LoopOptions {
  int num_blocks = 0;          // of the cache
  int max_batch_tokens = 256;  // of one step
  int max_prompt_tokens = 64;  // of one step that writes, too: who waits for its next token waits for them
  int max_sequences = 32;      // computed side by side
  bool prefix_cache = true;    // requests find the beginnings of earlier ones
  SpeculationOptions speculation = {};
};

// A smaller decoder for drafts, and memory for as many blocks of it as the other one has; or nothing.
struct DraftDecoder {
  const Decoder* decoder = nullptr;
  KvCacheView cache = {};
};

struct GenerationStats {
  uint64_t steps = 0;
  uint64_t prompt_tokens = 0;  // computed, those computed again included
  uint64_t generated_tokens = 0;
  uint64_t cached_tokens = 0;  // of prompts, not computed because they were in the cache
  uint64_t preemptions = 0;
  uint64_t requests = 0;  // ended
  uint64_t speculated_tokens = 0, accepted_tokens = 0;
  int running = 0, waiting = 0, free_blocks = 0, num_blocks = 0;
};

class GenerationLoop {
 public:
  // cache: memory for options.num_blocks blocks. All must outlive the loop.
  GenerationLoop(const Decoder& decoder, ThreadPool& pool, const KvCacheView& cache, const LoopOptions& options,
                 const DraftDecoder& draft = {});
  ~GenerationLoop();  // what is left ends with kCancelled

  // The longest sequence that model and cache allow, prompt and text together.
  int max_tokens() const;
  // kInvalidArgument for what can never run; the listener hears nothing then.
  Status Check(const GenerationRequest& request) const;
  // `id`: the caller's choice, for Cancel. The request passed Check.
  void Add(uint64_t id, GenerationRequest request);
  // Ends it with kCancelled before the next step; false: it has ended.
  bool Cancel(uint64_t id);
  // Ends the last of the requests of a key that wait and have not begun with `error`; false: it has none.
  bool GiveUp(const std::string& key, const Error& error);
  // How many of each key wait and have not begun.
  std::unordered_map<std::string, int> WaitingByKey() const;
  // False: there is nothing to do.
  bool Step();
  const GenerationStats& Stats();

 private:
  struct Scheduled {
    Sequence* sequence;
    int count;  // tokens of it in this step, without its draft
    bool sampled() const { return count == sequence->missing(); }
  };
  using List = std::deque<std::unique_ptr<Sequence>>;

  uint64_t StartOf(const Sequence& sequence);
  void TakeForm(Sequence& sequence);
  void EndExpired();
  void Schedule();
  bool Admit(int budget);
  Sequence* NextWaiting() const;
  void FindBeginning(Sequence& sequence);
  bool Shares(const Sequence& sequence) const;
  bool WillBeFound(const Sequence& sequence) const;
  bool HasRoomFor(const Sequence& sequence);
  void Begin(Sequence& sequence);
  bool MakeRoom(Sequence& sequence, int num_tokens);
  bool TakeBlock(std::vector<int32_t>& blocks);
  bool Preempt(const Sequence& for_whom);
  void ReleaseBlocks(Sequence& sequence);

  // A continuation of a prompt: all of it in one step, in blocks that are given back at its end.
  struct Branch {
    Sequence* sequence;
    size_t index;                      // of its continuations
    std::vector<int32_t> blocks = {};  // full ones of the prompt, then its own
    size_t num_shared = 0;
    size_t row = 0;                // the first of its rows of logits
    Result<double> logprob = 0.0;  // of all tokens but the first

    std::span<const int32_t> tokens() const { return sequence->request.continuations[index]; }
    int count() const { return static_cast<int>(tokens().size()) - 1; }  // nothing is asked of what follows the last
  };
  Status CheckContinuations(const GenerationRequest& request, int num_prompt) const;
  void ScheduleBranches(int& budget);
  bool MakeRoom(Branch& branch);
  void ReleaseBlocks(const Branch& branch);
  void DropBranches(const Sequence& sequence);
  void StartBranches();
  void Compare(Branch& branch) const;
  void DeliverBranches();

  void DraftTokens(int budget);
  bool OfferDraft(Sequence& sequence, const DraftStep& step, DraftOffer& offer);
  void Run();
  void Deliver();
  std::optional<Result<GenerationSummary>> Say(Sequence& sequence);
  void Advance(Sequence& sequence, int count);
  void End(List& list, size_t index, const Result<GenerationSummary>& result);
  void EndRunning(const Sequence& sequence, const Result<GenerationSummary>& result);

  const Decoder& decoder_;
  ThreadPool& pool_;
  const KvCacheView cache_;
  const LoopOptions options_;
  KvBlocks blocks_;
  std::unique_ptr<DraftModel> draft_model_;  // null: none
  List running_;                             // by priority, then in the order in which they began
  List waiting_;                             // in no order that matters
  uint64_t num_arrived_ = 0, num_begun_ = 0;
  FairShares shares_;
  AcceptanceBook acceptance_;
  StepCosts costs_;
  // What sequences of a kind begin after in the cache; used last first.
  struct Start {
    std::vector<LoraUse> adapters;
    bool is_long;
    uint64_t content;
  };
  std::vector<Start> starts_;
  GenerationStats stats_;

  // Of the step that is being computed.
  std::vector<Scheduled> step_;
  std::vector<Branch> branches_;
  std::unique_ptr<DecoderWorkspace> workspace_;
  std::vector<int32_t> ids_, borders_, cached_, encoded_, lengths_, rows_;
  std::vector<const int32_t*> tables_;
  std::vector<LoraUses> adapters_;
  std::vector<float> logits_;
  std::vector<DraftOffer> offers_;
  std::vector<Sequence*> offering_;
  std::vector<DraftModel::Job> jobs_;
};

}  // namespace bantam
