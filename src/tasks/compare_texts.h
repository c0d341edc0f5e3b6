// How probable texts are after a prompt, by the model that would write them: nothing is written.
//
//   BANTAM_TRY(const auto compared, generator->Compare({{.prompt_ids = ids, .continuations = {yes_ids, no_ids}}}, {}));
//   compared[0].logprobs   // [continuations]: of each the sum over its tokens
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/generation_engine.h"

namespace bantam {

struct CompareCall {
  std::vector<int32_t> prompt_ids;
  std::vector<std::vector<int32_t>> continuations;
  bool operator==(const CompareCall&) const = default;
};

struct CompareOptions {
  std::optional<std::vector<LoraUse>> adapters = {};  // as GenerateCall's
  MonotonicTime deadline = MonotonicTime::max();
  int priority = 0;
  std::string key = {};
  std::function<bool()> stop = {};  // asked while the engine works; true: kCancelled
};

struct Comparison {
  std::vector<double> logprobs;
  int prompt_tokens = 0;
  int cached_tokens = 0;  // of those, computed before
};

// Waits for all of them; what begins alike is computed once. The error of one ends all: kInvalidArgument for what can
// never run, kOverloaded when the queue is full, kDeadline.
Result<std::vector<Comparison>> CompareTexts(GenerationEngine& engine, std::span<const CompareCall> calls,
                                             const CompareOptions& options);

}  // namespace bantam
