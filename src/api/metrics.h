// Counters and latencies, for Prometheus and for the console. Label values come from the route table and other closed
// lists, never from a request, so their number is bounded.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http_types.h"

namespace bantam {

struct LatencySummary {
  uint64_t count = 0;
  double p50_ms = 0, p99_ms = 0;
};

struct GaugeValue {
  std::string name, help;
  double value = 0;
  std::string label_name, label_value;  // optional
  bool counter = false;
};

// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  void CountRequest(std::string_view endpoint, int status, double milliseconds);
  void CountStages(const StageTimes& times);
  void CountDecision(std::string_view source, std::string_view decision, double milliseconds);
  // Of a model that writes text: from the request to its first token, and between two later ones.
  void CountFirstToken(std::string_view model, double milliseconds);
  void CountTokens(std::string_view model, size_t count, double milliseconds_each);
  void CountLayers(int exit_layer);           // after which a question was understood early; 0: it needed all
  void CountReload(std::string_view result);  // "ok", "failed"
  LatencySummary Decisions() const;           // over the last 1,024
  // The text exposition format; `more` are read at scrape time from where they live.
  std::string Render(const std::vector<GaugeValue>& more) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bantam
