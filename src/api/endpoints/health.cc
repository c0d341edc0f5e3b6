#include "api/endpoints/endpoint.h"
#include "base/json.h"

namespace bantam {
namespace {

std::vector<EngineBeat> BeatsOf(const ModelPool& models) {
  std::vector<EngineBeat> beats;
  for (const ServedModelPtr& model : models.List()) {
    if (!model->parent.empty()) continue;  // its model's engine is looked at
    if (model->generator != nullptr) {
      const GenerationStats stats = model->generator->engine().Stats();
      beats.push_back({model->name, stats.steps, stats.running + stats.waiting > 0});
    } else {
      const EngineStats stats = model->Stats();
      beats.push_back({model->name, stats.batches, stats.queued > 0});
    }
  }
  return beats;
}

bool IsDraining(const ApiContext& context) { return context.gauges != nullptr && context.gauges->draining; }

}  // namespace

void HandleHealth(ApiContext& context, const HttpRequest&, Responder& responder) {
  HttpReply reply{.status = 200, .content_type = "application/json", .body = R"({"status":"ok"})", .headers = {}};
  if (const std::vector<std::string> stalled = context.engine_watch.Look(BeatsOf(*context.models)); !stalled.empty()) {
    reply.status = 503;
    reply.body = ToJson(json::object{{"status", "stalled"}, {"models", json::array(stalled.begin(), stalled.end())}});
  }
  responder.Send(std::move(reply));
}

void HandleReady(ApiContext& context, const HttpRequest&, Responder& responder) {
  if (IsDraining(context)) {
    return responder.Send({.status = 503,
                           .content_type = "application/json",
                           .body = R"({"status":"draining"})",
                           .headers = {{"Retry-After", "1"}}});
  }
  responder.Send({.status = 200, .content_type = "application/json", .body = R"({"status":"ready"})", .headers = {}});
}

// The protocol's clients look at the status alone; its specification has "live" in both, and servers say "ready".
void HandleTensorLive(ApiContext& context, const HttpRequest&, Responder& responder) {
  const bool live = context.engine_watch.Look(BeatsOf(*context.models)).empty();
  responder.Send({.status = live ? 200 : 503,
                  .content_type = "application/json",
                  .body = ToJson(json::object{{"live", live}}),
                  .headers = {}});
}

void HandleTensorServerReady(ApiContext& context, const HttpRequest&, Responder& responder) {
  const bool ready = !IsDraining(context);
  responder.Send({.status = ready ? 200 : 503,
                  .content_type = "application/json",
                  .body = ToJson(json::object{{"live", true}, {"ready", ready}}),
                  .headers = {}});
}

}  // namespace bantam
