// POST /v1/route: what the assistant would do with texts, and why; nothing is done, called or recorded.
#include <boost/json/value_from.hpp>

#include "api/decision_json.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/work_done.h"
#include "route/budget_report.h"

namespace bantam {
namespace {

json::object Describe(const RouteFile& file, const Explanation& e, size_t index) {
  const Understanding& u = e.understanding;
  json::array ranking;
  for (const RankedRoute& ranked : u.ranking)
    ranking.push_back({{"route", ranked.route}, {"probability", ranked.probability}});
  const bantam::Route* route = file.FindRoute(e.route);
  json::object object{{"index", index},
                      {"decision", OutcomeName(e.decision)},
                      {"route", route == nullptr ? json::value() : json::value(e.route)},
                      {"action", route == nullptr ? json::value() : json::value(route->action_type)},
                      {"likeliest", u.route.empty() ? json::value() : json::value(u.route)},
                      {"confidence", u.confidence},
                      {"threshold", e.threshold},
                      {"p_correct", u.confidence},
                      {"out_of_scope", u.out_of_scope},
                      {"prediction_set", json::value_from(u.prediction_set)},
                      {"budget", BudgetJson(e.budget)},
                      {"calibration_id", CalibrationIdJson(e.calibration_id)},
                      {"ranking", std::move(ranking)},
                      {"nearest", NearestJson(u.nearest)},
                      {"reasons", json::value_from(e.reasons)}};
  if (!e.options.empty()) object["options"] = json::value_from(e.options);
  if (!e.requests.empty()) {
    json::array requests;
    for (const ExplainedRequest& part : e.requests) {
      const bantam::Route* taken = file.FindRoute(part.route);
      requests.push_back(json::object{{"text", part.text},
                                      {"decision", OutcomeName(part.decision)},
                                      {"route", part.route},
                                      {"action", taken == nullptr ? json::value() : json::value(taken->action_type)},
                                      {"confidence", part.confidence}});
    }
    object["requests"] = std::move(requests);
  }
  if (u.exit_layer > 0) object["exit_layer"] = u.exit_layer;
  return object;
}

Result<std::string> Decide(ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  const std::shared_ptr<Router> held = context.router();
  at = "model";
  BANTAM_TRY(const std::string model, body.StringOr("model", held == nullptr ? "" : held->file().name));
  if (!context.IsRouter(model)) return NoSuchAssistant(context, model);
  Router& router = *held;
  BANTAM_TRY(const std::vector<std::string> texts, ParseQuestions(router, body, at));
  BANTAM_TRY(const MonotonicTime deadline, DeadlineOf(context, request, at));
  at.clear();
  WorkDone work(request);
  EmbedCall call(deadline);
  call.times = &work.engine;
  BANTAM_TRY(const std::vector<Explanation> explanations, router.ExplainAll(texts, call));
  json::array data;
  size_t tokens = 0;
  for (size_t i = 0; i < explanations.size(); ++i) {
    data.push_back(Describe(router.file(), explanations[i], i));
    tokens += explanations[i].understanding.num_tokens;
  }
  work.Tell(router.file().name, router.embedder().weights_sha256(), tokens);
  return ToJson(json::object{{"id", "route-" + request.request_id},
                             {"object", "list"},
                             {"created", std::time(nullptr)},
                             {"model", router.file().name},
                             {"data", std::move(data)},
                             {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

}  // namespace

void HandleRoute(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  auto reply = Decide(context, request, at);
  if (!reply) return responder.Send(OpenAiError(reply.error(), at));
  responder.Send({.status = 200, .content_type = "application/json", .body = std::move(*reply), .headers = {}});
}

}  // namespace bantam
