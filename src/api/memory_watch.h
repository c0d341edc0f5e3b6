// Whether the process runs short of the memory that it may take: `--memory`, which the models' needs are counted
// against before they load, a tenth more for what nobody counts (bodies, connections, the allocator's gaps), and what
// it took before those models.
//
//   MemoryWatch watch(LimitFor(memory, OwnMemoryBytes()));
//   if (watch.Look() == MemoryPressure::kHard) ...   // no new work: 503
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "api/http_types.h"
#include "base/clock.h"

namespace bantam {

// What the process has for itself alone, resident or swapped out (RssAnon and VmSwap of proc(5)): files that are mapped
// are not in it, and may be dropped by the system at any time. 0 where the system does not say.
uint64_t OwnMemoryBytes();

// Thread-safe.
class MemoryWatch {
 public:
  static constexpr double kSome = 0.92, kHard = 0.95;  // shares of the limit

  explicit MemoryWatch(uint64_t limit_bytes, std::function<uint64_t()> used = OwnMemoryBytes)
      : limit_(limit_bytes), used_(std::move(used)) {}

  static uint64_t LimitFor(uint64_t models_bytes, uint64_t before_bytes) {
    return before_bytes + models_bytes + models_bytes / 10;
  }

  // Reads the memory when the last reading is a tenth of a second old, else costs nothing.
  MemoryPressure Look(MonotonicTime now = MonotonicNow());
  uint64_t limit() const { return limit_; }

 private:
  const uint64_t limit_;
  const std::function<uint64_t()> used_;
  std::atomic<MonotonicTime::rep> next_ = 0;  // when to read again; who takes it alone goes on
  std::atomic<MonotonicTime::rep> next_trim_ = 0;
  std::atomic<MemoryPressure> pressure_ = MemoryPressure::kNone;
};

}  // namespace bantam
