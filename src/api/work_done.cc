#include "api/work_done.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/served_model.h"
#include "base/text_util.h"

namespace bantam {
namespace {

double Milliseconds(MonotonicTime from, MonotonicTime to) {
  return std::max(0.0, std::chrono::duration<double, std::milli>(to - from).count());
}

}  // namespace

void WorkDone::Began(MonotonicTime when) { engine.queue_ms = Milliseconds(engine.submitted, when); }

void WorkDone::Tell(const ServedModel& model, size_t num_tokens) const {
  // Of a file that nobody has read as a whole it would take a second to know.
  const auto sha256 = model.identity.known() ? model.identity.Sha256() : Result<std::string>(std::string());
  Tell(model.name, sha256.value_or(""), num_tokens);
}

void WorkDone::Tell(std::string_view model, std::string_view weights_sha256, size_t num_tokens) const {
  const bool submitted = engine.submitted != MonotonicTime{};
  const MonotonicTime read = submitted ? engine.submitted : MonotonicNow();
  StageTimes times = {.queue = Milliseconds(received_, begun_) + engine.queue_ms,
                      .tokenize = Milliseconds(begun_, read)};
  if (engine.compute_ms > 0) times.compute = engine.compute_ms;
  TellModel(model, weights_sha256);
  notes_->Add("X-Bantam-Tokens", std::to_string(num_tokens));
  TellTimes(times);
}

void WorkDone::TellAnswer(double latency_ms, bool cache_hit) const {
  StageTimes times = {.queue = Milliseconds(received_, begun_),
                      .tokenize = std::max(0.0, Milliseconds(begun_, MonotonicNow()) - latency_ms)};
  if (!cache_hit) times.compute = latency_ms;
  TellTimes(times);
}

void WorkDone::TellTimes(const StageTimes& times) const {
  notes_->Add("X-Bantam-Queue-Ms", fmt::format("{:.3f}", times.queue));
  notes_->Add("X-Bantam-Tokenize-Ms", fmt::format("{:.3f}", times.tokenize));
  if (times.compute >= 0) notes_->Add("X-Bantam-Compute-Ms", fmt::format("{:.3f}", times.compute));
  notes_->SetTimes(times);
}

void WorkDone::TellModel(std::string_view model, std::string_view weights_sha256) const {
  notes_->Add("X-Bantam-Model", EscapeForTerminal(model, 200));
  if (!weights_sha256.empty()) notes_->Add("X-Bantam-Model-Sha256", std::string(weights_sha256));
}

void WorkDone::TellEnd(int64_t num_written_tokens) {
  engine.compute_ms = MillisecondsSince(engine.submitted) - engine.queue_ms;
  StageTimes times = notes_->times();
  times.compute = engine.compute_ms;
  notes_->SetTimes(times);
  notes_->Add("X-Bantam-Compute-Ms", fmt::format("{:.3f}", engine.compute_ms));
  notes_->Add("X-Bantam-Completion-Tokens", std::to_string(num_written_tokens));
}

void WorkDone::TellCache(bool hit) const { notes_->Add("X-Bantam-Cache", hit ? "hit" : "miss"); }

}  // namespace bantam
