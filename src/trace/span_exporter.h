// Sends spans to a collector, in batches and from a thread of its own. Whoever has a span never waits: what comes
// faster than the collector takes it is dropped and counted.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "net/http_client.h"
#include "trace/export_options.h"
#include "trace/span.h"

namespace bantam {

struct ExportStats {
  uint64_t sent = 0, dropped = 0;  // spans
};

class SpanExporter {
 public:
  explicit SpanExporter(ExportOptions options);
  ~SpanExporter();  // as Stop, at once
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  // Any thread.
  void Add(Span span);
  ExportStats Stats() const;
  // Of all that this process ever had; nothing: it had none.
  static std::optional<ExportStats> StatsOfProcess();
  // Once: sends what waits, until `deadline` and for no more than five seconds. Spans that come later are dropped.
  void Stop(MonotonicTime deadline);

 private:
  struct Attempt;
  void Count(uint64_t sent, uint64_t dropped);  // under mutex_
  void Main();
  std::vector<Span> TakeBatch();
  void Send(const std::vector<Span>& batch);
  Attempt Post(const std::string& body);
  bool MayTryAgain(std::chrono::milliseconds pause, bool reachable);
  void Tell(const std::string& problem);

  const ExportOptions options_;
  const std::string origin_;  // of the collector, for messages
  HttpClient client_;
  std::stop_source stop_;  // ends a request that is under way
  mutable std::mutex mutex_;
  std::condition_variable changed_, ended_;
  std::vector<Span> waiting_;
  ExportStats stats_;
  bool stopping_ = false, over_ = false;
  MonotonicTime give_up_ = MonotonicTime::max();
  bool in_trouble_ = false;  // that was told; of the thread
  std::thread thread_;       // last: it uses the others
};

}  // namespace bantam
