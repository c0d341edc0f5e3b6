#include "api/memory_watch.h"

#include <fstream>
#include <string>

#include "api/heap_tidy.h"
#include "base/log.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr auto kEvery = std::chrono::milliseconds(100), kTrimEvery = std::chrono::milliseconds(1'000);

void Tell(MemoryPressure pressure, uint64_t used, uint64_t limit) {
  const std::string taken = fmt::format("{} of {} are taken", HumanBytes(used), HumanBytes(limit));
  if (pressure == MemoryPressure::kNone) return Log(LogLevel::kInfo, "memory: {}, enough is free again", taken);
  Log(LogLevel::kWarning, "memory: {}; {}", taken,
      pressure == MemoryPressure::kHard ? "new requests are refused with 503 until some is free"
                                        : "connections close after their reply, and models that nobody uses go");
}

}  // namespace

uint64_t OwnMemoryBytes() {
  std::ifstream status("/proc/self/status");
  uint64_t kib = 0;
  for (std::string line; std::getline(status, line);) {
    for (const std::string_view field : {"RssAnon:", "VmSwap:"}) {
      if (line.starts_with(field)) kib += std::strtoull(line.c_str() + field.size(), nullptr, 10);
    }
  }
  return kib * 1024;
}

MemoryPressure MemoryWatch::Look(MonotonicTime now) {
  MonotonicTime::rep due = next_.load(std::memory_order_relaxed);
  const MonotonicTime::rep at = now.time_since_epoch().count();
  if (at < due || !next_.compare_exchange_strong(due, at + MonotonicTime::duration(kEvery).count()))
    return pressure_.load(std::memory_order_relaxed);
  uint64_t used = used_();
  // What was given back to the allocator, by connections that left above all, is taken for free only when the system
  // has it.
  const auto is_above = [&](double share) { return static_cast<double>(used) >= share * static_cast<double>(limit_); };
  if (is_above(kSome) && at >= next_trim_) {
    TrimAllocator();
    next_trim_ = at + MonotonicTime::duration(kTrimEvery).count();
    used = used_();
  }
  const MemoryPressure pressure = is_above(kHard)   ? MemoryPressure::kHard
                                  : is_above(kSome) ? MemoryPressure::kSome
                                                    : MemoryPressure::kNone;
  if (pressure_.exchange(pressure) != pressure) Tell(pressure, used, limit_);
  return pressure;
}

}  // namespace bantam
