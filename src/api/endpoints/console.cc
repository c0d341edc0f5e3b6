// The console page, and the two small documents that it polls.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/uncached_reply.h"
#include "api/error_map.h"
#include "api/web_assets.h"
#include "base/json.h"
#include "route/budget_report.h"

namespace bantam {

void HandleConsole(ApiContext&, const HttpRequest& request, Responder& responder) {
  const std::vector<std::string_view> values = PathValues(request);
  const WebAsset* asset = FindWebAsset(values.empty() ? "index.html" : values.front());
  if (asset == nullptr) return responder.Send(OpenAiError(404, "the console has no such file"));
  HttpReply reply;
  reply.content_type = asset->content_type;
  reply.headers = {
      {"ETag", std::string(asset->etag)},
      {"Cache-Control", "no-cache"},  // ask again, answer 304
      {"Content-Security-Policy",
       "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
       "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Vary", "Accept"},
  };
  if (request.Header("if-none-match") == asset->etag) {
    reply.status = 304;
  } else {
    reply.body = asset->bytes;
  }
  responder.Send(std::move(reply));
}

// Ollama's clients look here whether it runs; people see the console.
void HandleRoot(ApiContext& context, const HttpRequest& request, Responder& responder) {
  if (request.Header("accept").find("text/html") != std::string_view::npos) {
    return HandleConsole(context, request, responder);
  }
  responder.Send({.status = 200,
                  .content_type = "text/plain; charset=utf-8",
                  .body = "Ollama is running",
                  .headers = {{"Vary", "Accept"}}});
}

void HandleConsoleStats(ApiContext& context, const HttpRequest&, Responder& responder) {
  json::object stats;
  stats["uptime_s"] = MillisecondsSince(context.started) / 1e3;
  stats["threads"] = context.models->num_threads();
  const LatencySummary latency = context.metrics.Decisions();
  stats["latency_ms"] = {{"p50", latency.p50_ms}, {"p99", latency.p99_ms}};
  if (const std::shared_ptr<Router> assistant = context.router()) {
    const RouterStats router = assistant->Stats();
    const auto source = [&](AnswerSource s) { return router.by_source[static_cast<int>(s)]; };
    stats["requests"] = router.requests;
    stats["decisions"] = {{"rule", source(AnswerSource::kRule)},
                          {"cache", source(AnswerSource::kCache)},
                          {"local model", source(AnswerSource::kLocalModel)},
                          {"upstream", source(AnswerSource::kUpstream)},
                          {"unsure", router.by_decision[static_cast<int>(DecisionKind::kUnsure)]},
                          {"clarify", router.by_decision[static_cast<int>(DecisionKind::kClarify)]}};
    stats["cache_hit_rate"] = router.cache_lookups == 0
                                  ? 0.0
                                  : static_cast<double>(router.cache_hits) / static_cast<double>(router.cache_lookups);
    const Encoder& encoder = assistant->embedder().encoder();
    stats["model"] = {{"name", assistant->embedder().model_name()},
                      {"dtype", WeightTypeName(encoder.weight_type())},
                      {"isa", encoder.isa()}};
    stats["assistant"] = {{"name", assistant->file().name},
                          {"routes", assistant->file().routes.size()},
                          {"learns", assistant->file().learning.has_value()},
                          {"decision", PolicyJson(assistant->policy())}};
  }
  responder.Send(UncachedReply(stats));
}

// The first example of a few routes, spread over the file: a visitor's first questions.
void HandleConsoleExamples(ApiContext& context, const HttpRequest&, Responder& responder) {
  json::array examples;
  if (const std::shared_ptr<Router> assistant = context.router()) {
    const std::vector<Route>& routes = assistant->file().routes;
    const size_t wanted = std::min<size_t>(6, routes.size());
    for (size_t i = 0; i < wanted; ++i) {
      const Route& route = routes[i * routes.size() / wanted];
      if (!route.utterances.empty()) examples.emplace_back(route.utterances.front());
    }
  }
  responder.Send({.status = 200,
                  .content_type = "application/json",
                  .body = ToJson(json::object{{"examples", std::move(examples)}}),
                  .headers = {}});
}

}  // namespace bantam
