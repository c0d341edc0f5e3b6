#include <unistd.h>

#include <fstream>

#include "api/endpoints/endpoint.h"
#include "trace/span_exporter.h"

namespace bantam {
namespace {

double ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void HandleMetrics(ApiContext& context, const HttpRequest&, Responder& responder) {
  std::vector<GaugeValue> values;
  const auto gauge = [&](const char* name, const char* help, double value, std::string label = {},
                         std::string label_value = {}) {
    values.push_back({name, help, value, std::move(label), std::move(label_value), false});
  };
  const auto counter = [&](const char* name, const char* help, uint64_t value, std::string label = {},
                           std::string label_value = {}) {
    values.push_back({name, help, static_cast<double>(value), std::move(label), std::move(label_value), true});
  };
  gauge("bantam_uptime_seconds", "Since the server started.", MillisecondsSince(context.started) / 1e3);
  gauge("bantam_resident_bytes", "Resident memory of the process.", ResidentBytes());
  if (context.memory_watch != nullptr) {
    gauge("bantam_memory_bytes", "Memory of the process that no file stands for, swapped out or not.",
          static_cast<double>(OwnMemoryBytes()));
    gauge("bantam_memory_limit_bytes", "--memory, a tenth more, and what the process took before its models.",
          static_cast<double>(context.memory_watch->limit()));
    gauge("bantam_memory_pressure", "0: enough is free; 1: connections close after their reply; 2: no new work.",
          static_cast<int>(context.memory_watch->Look()));
  }
  if (context.gauges != nullptr) {
    gauge("bantam_http_connections", "Open connections.", context.gauges->connections);
    gauge("bantam_http_in_flight", "Requests being answered.", context.gauges->in_flight);
    counter("bantam_http_rejected_total", "Requests refused before a handler ran.", context.gauges->rejected);
    if (context.gauges->certificate_expires != 0) {
      counter("bantam_tls_handshakes_failed_total", "Connections that never came to speak TLS.",
              context.gauges->handshakes_failed);
      gauge("bantam_tls_certificate_expiry_timestamp_seconds", "When the certificate ends, in seconds since 1970.",
            static_cast<double>(context.gauges->certificate_expires));
    }
  }
  if (const std::optional<ExportStats> traces = SpanExporter::StatsOfProcess()) {
    counter("bantam_trace_spans_sent_total", "Spans that the collector took.", traces->sent);
    counter("bantam_trace_spans_dropped_total", "Spans that it did not take, or was too slow for.", traces->dropped);
  }
  for (const ServedModelPtr& served : context.models->List()) {
    const ServedModel& model = *served;
    if (!model.parent.empty()) continue;  // counted with its model
    if (model.generator != nullptr) {
      const GenerationStats stats = model.generator->engine().Stats();
      counter("bantam_generation_prompt_tokens_total", "Tokens of prompts that were computed.", stats.prompt_tokens,
              "model", model.name);
      counter("bantam_generation_cached_tokens_total", "Tokens of prompts that were found in the cache instead.",
              stats.cached_tokens, "model", model.name);
      counter("bantam_generation_tokens_total", "Tokens of text.", stats.generated_tokens, "model", model.name);
      counter("bantam_generation_speculated_tokens_total", "Tokens that were drafted.", stats.speculated_tokens,
              "model", model.name);
      counter("bantam_generation_accepted_tokens_total", "Drafted tokens that became text.", stats.accepted_tokens,
              "model", model.name);
      counter("bantam_generation_requests_total", "Texts that ended.", stats.requests, "model", model.name);
      counter("bantam_generation_steps_total", "Forward passes.", stats.steps, "model", model.name);
      counter("bantam_generation_preemptions_total", "Texts that gave their place in the cache to an earlier one.",
              stats.preemptions, "model", model.name);
      gauge("bantam_generation_running", "Texts that are being written.", stats.running, "model", model.name);
      gauge("bantam_generation_waiting", "Texts that wait for the engine.", stats.waiting, "model", model.name);
      gauge("bantam_kv_cache_blocks", "Blocks of the cache of keys and values.", stats.num_blocks, "model", model.name);
      gauge("bantam_kv_cache_free_blocks", "Those that no text holds.", stats.free_blocks, "model", model.name);
      continue;
    }
    const EngineStats stats = model.Stats();
    gauge("bantam_engine_queue_depth", "Requests that wait for the engine.", static_cast<double>(stats.queued), "model",
          model.name);
    counter("bantam_engine_requests_total", "Sequences encoded.", stats.requests, "model", model.name);
    counter("bantam_engine_repeated_total", "Those that equal another one of their batch and were computed with it.",
            stats.repeated, "model", model.name);
    counter("bantam_engine_batches_total", "Forward passes.", stats.batches, "model", model.name);
    counter("bantam_engine_tokens_total", "Tokens encoded.", stats.tokens, "model", model.name);
    counter("bantam_engine_refused_total", "Requests refused because the queue was full.", stats.refused, "model",
            model.name);
    counter("bantam_engine_expired_total", "Requests whose deadline passed in the queue.", stats.expired, "model",
            model.name);
  }
  if (context.embedding_cache != nullptr) {
    const EmbeddingCacheStats stats = context.embedding_cache->Stats();
    counter("bantam_embedding_cache_hits_total", "Texts whose embedding was kept.", stats.hits);
    counter("bantam_embedding_cache_misses_total", "Texts whose embedding was not kept.", stats.misses);
    counter("bantam_embedding_cache_evictions_total", "Embeddings dropped for newer ones.", stats.evictions);
    gauge("bantam_embedding_cache_entries", "Embeddings kept.", static_cast<double>(stats.entries));
    gauge("bantam_embedding_cache_bytes", "Memory that they take.", static_cast<double>(stats.bytes));
  }
  if (const std::shared_ptr<Router> router = context.router()) {
    const RouterStats stats = router->Stats();
    counter("bantam_cache_lookups_total", "Questions looked up in the cache.", stats.cache_lookups);
    counter("bantam_cache_hits_total", "Questions answered from the cache.", stats.cache_hits);
    if (const auto& cache = stats.cache) {
      gauge("bantam_cache_entries", "Answers that are kept.", static_cast<double>(cache->entries));
      gauge("bantam_cache_store_up", "1; 0 while the file or the Redis cannot be used and answers are in memory only.",
            cache->on_disk ? 1 : 0);
      counter("bantam_cache_store_errors_total", "Times that the file or the Redis failed.", cache->disk_errors);
      counter("bantam_cache_skipped_total", "Answers that stayed in memory only.", cache->skipped);
      counter("bantam_cache_bad_rows_total", "Entries that were not what was stored, and were not given.",
              cache->bad_rows);
    }
    if (const auto& similar = stats.semantic_cache) {
      const WrongHitEstimate& wrong = similar->wrong_hits;
      counter("bantam_semantic_cache_lookups_total",
              "Questions for a large model that were compared with earlier ones.", similar->lookups);
      counter("bantam_semantic_cache_hits_total", "Those that meant the same as an earlier one.", similar->hits);
      counter("bantam_semantic_cache_refused_total",
              "Those that were like an earlier one, and that the verifier refused.", similar->refused);
      gauge("bantam_semantic_cache_open", "1; 0 when too many hits were wrong, so that none is given.",
            similar->open ? 1 : 0);
      gauge("bantam_semantic_cache_audited", "Hits that were asked again, since the route file is in force.",
            static_cast<double>(wrong.audited));
      gauge("bantam_semantic_cache_wrong", "Those of them that came out otherwise.", static_cast<double>(wrong.wrong));
      gauge("bantam_semantic_cache_wrong_hit_rate_low", "Share of wrong hits: lower end of the 95 % interval.",
            wrong.interval.low);
      gauge("bantam_semantic_cache_wrong_hit_rate_high", "Share of wrong hits: upper end of the 95 % interval.",
            wrong.interval.high);
    }
    counter("bantam_upstream_requests_total", "Questions sent to a large model.", stats.upstream_requests);
    counter("bantam_upstream_failures_total", "Those that got no complete answer.", stats.upstream_failures);
    if (router->file().drift) {
      counter("bantam_drift_windows_total", "Windows of messages compared with the calibration.", stats.drift_windows);
      counter("bantam_drift_alarms_total", "Those that were not like it.", stats.drift_alarms);
      gauge("bantam_drift_distance", "Between the confidences of the latest window and of the calibration, 0 to 1.",
            stats.drift_distance);
      gauge("bantam_drift_caution", "How often the error budgets are halved because of drift.", stats.caution);
    }
    gauge("bantam_upstream_cost", "Spent upstream since the start, in the currency of the route file.",
          stats.total_cost);
    for (const AccountState& account : stats.spending) {
      const auto of = [&](const char* name, const char* help, double value) {
        gauge(name, help, value, "upstream", account.name);
      };
      const SpendingLimit& limit = account.limit;
      of("bantam_spent", "In the current period of the budget, in the currency of the route file.",
         account.spent.money);
      of("bantam_spent_tokens", "In the current period of the budget, prompts and answers.",
         static_cast<double>(account.spent.tokens));
      if (limit.money)
        of("bantam_budget_left", "Of max_budget, in the current period.", *limit.money - account.spent.money);
      if (limit.tokens) {
        of("bantam_budget_left_tokens", "Of token_budget, in the current period.",
           static_cast<double>(*limit.tokens - account.spent.tokens));
      }
    }
  }
  responder.Send({.status = 200,
                  .content_type = "text/plain; version=0.0.4; charset=utf-8",
                  .body = context.metrics.Render(values),
                  .headers = {}});
}

}  // namespace bantam
