#include "api/engine_watch.h"

namespace bantam {

std::vector<std::string> EngineWatch::Look(const std::vector<EngineBeat>& beats, MonotonicTime now) {
  std::vector<std::string> stalled;
  std::map<std::string, Seen> busy;
  std::lock_guard lock(mutex_);
  for (const EngineBeat& beat : beats) {
    if (!beat.has_work) continue;
    Seen seen{beat.steps, now};
    const auto before = busy_.find(beat.model);
    if (before != busy_.end() && before->second.steps == beat.steps) seen.since = before->second.since;
    if (now - seen.since >= limit_) stalled.push_back(beat.model);
    busy.emplace(beat.model, seen);
  }
  busy_ = std::move(busy);
  return stalled;
}

}  // namespace bantam
