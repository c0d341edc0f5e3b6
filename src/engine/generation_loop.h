// The steps of the generation engine, without threads: schedule, run, deliver.
//
//   GenerationLoop loop(decoder, pool, cache, options);
//   BANTAM_TRY(uint64_t id, loop.Add(std::move(request)));
//   while (loop.Step()) {}
//
// A step takes one token of each text that is being written, then pieces of prompts, up to a budget: a long prompt
// delays the others by no more than one such step. When blocks of the cache run out, the request that came last gives
// its own back and is computed again later, with the same numbers; none fails for it. One thread.
#pragma once

#include <deque>
#include <memory>

#include "engine/generation.h"
#include "engine/kv_blocks.h"
#include "models/decoder.h"

namespace bantam {

struct LoopOptions {
  int num_blocks = 0;          // of the cache
  int max_batch_tokens = 256;  // of one step
  int max_sequences = 32;      // computed side by side
  bool prefix_cache = true;    // requests find the beginnings of earlier ones
};

struct GenerationStats {
  uint64_t steps = 0;
  uint64_t prompt_tokens = 0;  // computed, those computed again included
  uint64_t generated_tokens = 0;
  uint64_t cached_tokens = 0;  // of prompts, not computed because they were in the cache
  uint64_t preemptions = 0;
  uint64_t requests = 0;  // ended
  int running = 0, waiting = 0, free_blocks = 0, num_blocks = 0;
};

class GenerationLoop {
 public:
  // cache: memory for options.num_blocks blocks. All must outlive the loop.
  GenerationLoop(const Decoder& decoder, ThreadPool& pool, const KvCacheView& cache, const LoopOptions& options);
  ~GenerationLoop();  // what is left ends with kCancelled

  // The longest sequence that model and cache allow, prompt and text together.
  int max_tokens() const;
  // kInvalidArgument for what can never run; the listener hears nothing then.
  Status Check(const GenerationRequest& request) const;
  // `id`: the caller's choice, for Cancel. The request passed Check.
  void Add(uint64_t id, GenerationRequest request);
  // Ends it with kCancelled before the next step; false: it has ended.
  bool Cancel(uint64_t id);
  // False: there is nothing to do.
  bool Step();
  const GenerationStats& Stats();

 private:
  struct Sequence;
  struct Scheduled {
    Sequence* sequence;
    int count;  // tokens of it in this step
  };
  using List = std::deque<std::unique_ptr<Sequence>>;

  void EndExpired();
  void Schedule();
  bool Admit(int budget);
  bool WillBeFound(const Sequence& sequence) const;
  bool MakeRoom(Sequence& sequence, int num_tokens);
  bool Preempt(const Sequence& for_whom);
  void ReleaseBlocks(Sequence& sequence);
  void Run();
  void Deliver();
  void Advance(Sequence& sequence, int count);
  Result<TokenChoice> Choose(Sequence& sequence, std::span<float> logits) const;
  std::optional<Result<GenerationSummary>> Take(Sequence& sequence, const TokenChoice& choice);
  std::optional<Result<GenerationSummary>> Say(Sequence& sequence, const TokenChoice& choice);
  void End(List& list, size_t index, const Result<GenerationSummary>& result);
  Result<GenerationSummary> SummaryOf(const Sequence& sequence, FinishReason reason) const;

  const Decoder& decoder_;
  ThreadPool& pool_;
  const KvCacheView cache_;
  const LoopOptions options_;
  KvBlocks blocks_;
  List running_, waiting_;  // in order of arrival
  GenerationStats stats_;

  // Of the step that is being computed.
  std::vector<Scheduled> step_;
  std::unique_ptr<DecoderWorkspace> workspace_;
  std::vector<int32_t> ids_, borders_, cached_, rows_;
  std::vector<const int32_t*> tables_;
  std::vector<float> logits_;
  std::vector<std::optional<Result<TokenChoice>>> choices_;
};

}  // namespace bantam
