// Whether the engines of the served models get on with their work: the heartbeat behind /healthz. It looks when it is
// asked, and remembers: an engine is stalled when work waited for it and nothing was done from one look to another, for
// so long.
//
//   EngineWatch watch(std::chrono::seconds(60));
//   const std::vector<std::string> stalled = watch.Look(BeatsOf(models));
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"

namespace bantam {

// Of one engine now.
struct EngineBeat {
  std::string model;
  uint64_t steps;  // batches or passes that it has computed
  bool has_work;   // somebody waits for the next
};

// Thread-safe.
class EngineWatch {
 public:
  explicit EngineWatch(std::chrono::milliseconds limit) : limit_(limit) {}
  // The models whose engines are stalled. An engine that is not among the beats any more is forgotten.
  std::vector<std::string> Look(const std::vector<EngineBeat>& beats, MonotonicTime now = MonotonicNow());

 private:
  struct Seen {
    uint64_t steps;
    MonotonicTime since;  // when it was first seen at this step with work to do
  };
  const std::chrono::milliseconds limit_;
  std::mutex mutex_;
  std::map<std::string, Seen> busy_;  // those that had work at the last look
};

}  // namespace bantam
