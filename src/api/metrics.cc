#include "api/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

namespace bantam {
namespace {
// Seconds. Local answers take 0.1 to 10 ms, upstream ones seconds.
const prometheus::Histogram::BucketBoundaries kBuckets = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                          .Name("bantam_http_requests_total")
                                                          .Help("HTTP requests by endpoint and status.")
                                                          .Register(registry);
  prometheus::Family<prometheus::Histogram>& request_seconds =
      prometheus::BuildHistogram()
          .Name("bantam_http_request_seconds")
          .Help("From the whole request read to the reply written.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& stage_seconds =
      prometheus::BuildHistogram()
          .Name("bantam_stage_seconds")
          .Help("Of requests that a model answered: waiting, reading the text, computing.")
          .Register(registry);
  prometheus::Histogram& queue = stage_seconds.Add({{"stage", "queue"}}, kBuckets);
  prometheus::Histogram& tokenize = stage_seconds.Add({{"stage", "tokenize"}}, kBuckets);
  prometheus::Histogram& compute = stage_seconds.Add({{"stage", "compute"}}, kBuckets);
  prometheus::Family<prometheus::Counter>& decisions = prometheus::BuildCounter()
                                                           .Name("bantam_decisions_total")
                                                           .Help("Assistant answers by source and kind of decision.")
                                                           .Register(registry);
  prometheus::Family<prometheus::Counter>& exits =
      prometheus::BuildCounter()
          .Name("bantam_exit_layer_total")
          .Help("Questions that the local model decided, by the encoder's layer after which it was certain.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& decision_seconds =
      prometheus::BuildHistogram()
          .Name("bantam_decision_seconds")
          .Help("Time of the decision, upstream included, by source.")
          .Register(registry);

  prometheus::Family<prometheus::Histogram>& first_token =
      prometheus::BuildHistogram()
          .Name("bantam_time_to_first_token_seconds")
          .Help("From the request read to the first token of its text, by model.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& inter_token = prometheus::BuildHistogram()
                                                               .Name("bantam_inter_token_seconds")
                                                               .Help("From one token of a text to the next, by model.")
                                                               .Register(registry);

  prometheus::Family<prometheus::Counter>& reloads = prometheus::BuildCounter()
                                                         .Name("bantam_reloads_total")
                                                         .Help("Reloads of route file, models and keys by result.")
                                                         .Register(registry);

  std::mutex mutex;
  std::array<float, 1024> recent{};
  uint64_t count = 0;
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::CountRequest(std::string_view endpoint, int status, double milliseconds) {
  const std::string name(endpoint);
  state_->requests.Add({{"endpoint", name}, {"status", std::to_string(status)}}).Increment();
  state_->request_seconds.Add({{"endpoint", name}}, kBuckets).Observe(milliseconds / 1e3);
}

void Metrics::CountStages(const StageTimes& times) {
  if (times.queue >= 0) state_->queue.Observe(times.queue / 1e3);
  if (times.tokenize >= 0) state_->tokenize.Observe(times.tokenize / 1e3);
  if (times.compute >= 0) state_->compute.Observe(times.compute / 1e3);
}

void Metrics::CountDecision(std::string_view source, std::string_view decision, double milliseconds) {
  state_->decisions.Add({{"source", std::string(source)}, {"decision", std::string(decision)}}).Increment();
  state_->decision_seconds.Add({{"source", std::string(source)}}, kBuckets).Observe(milliseconds / 1e3);
  std::lock_guard lock(state_->mutex);
  state_->recent[state_->count++ % state_->recent.size()] = static_cast<float>(milliseconds);
}

void Metrics::CountFirstToken(std::string_view model, double milliseconds) {
  state_->first_token.Add({{"model", std::string(model)}}, kBuckets).Observe(milliseconds / 1e3);
}

// Several tokens may be heard of at once: they share the time.
void Metrics::CountTokens(std::string_view model, size_t count, double milliseconds_each) {
  prometheus::Histogram& histogram = state_->inter_token.Add({{"model", std::string(model)}}, kBuckets);
  for (size_t i = 0; i < count; ++i) histogram.Observe(milliseconds_each / 1e3);
}

void Metrics::CountLayers(int exit_layer) {
  state_->exits.Add({{"layer", exit_layer > 0 ? std::to_string(exit_layer) : "all"}}).Increment();
}

void Metrics::CountReload(std::string_view result) {
  state_->reloads.Add({{"result", std::string(result)}}).Increment();
}

LatencySummary Metrics::Decisions() const {
  std::vector<float> values;
  LatencySummary summary;
  {
    std::lock_guard lock(state_->mutex);
    summary.count = state_->count;
    values.assign(state_->recent.begin(),
                  state_->recent.begin() + static_cast<long>(std::min<uint64_t>(state_->count, state_->recent.size())));
  }
  if (values.empty()) return summary;
  std::sort(values.begin(), values.end());
  summary.p50_ms = values[values.size() / 2];
  summary.p99_ms = values[std::min(values.size() - 1, values.size() * 99 / 100)];
  return summary;
}

std::string Metrics::Render(const std::vector<GaugeValue>& more) const {
  std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
  std::map<std::string, prometheus::MetricFamily> extra;
  for (const GaugeValue& gauge : more) {
    prometheus::MetricFamily& family = extra[gauge.name];
    family.name = gauge.name;
    family.help = gauge.help;
    family.type = gauge.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    prometheus::ClientMetric metric;
    if (!gauge.label_name.empty()) metric.label.push_back({gauge.label_name, gauge.label_value});
    (gauge.counter ? metric.counter.value : metric.gauge.value) = gauge.value;
    family.metric.push_back(std::move(metric));
  }
  for (auto& [name, family] : extra) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace bantam
