// GET /v1/answers/ID: what became of a question that waited for its large model.
#include "api/endpoints/endpoint.h"
#include "base/text_util.h"
#include "route/audit_format.h"
#include "route/router_parts.h"

namespace bantam {
namespace {

json::value TimeJson(int64_t time_us) { return time_us == 0 ? json::value() : json::value(time_us / 1'000'000); }

Result<json::object> Find(const ApiContext& context, const HttpRequest& request) {
  const std::string_view id = RequestIdIn(PathValues(request).front());
  const std::shared_ptr<Router> router = context.router();
  if (router == nullptr || router->parts().late == nullptr)
    return Err(ErrorCode::kNotFound, "no question waits here: the route file does not say offline: queue");
  BANTAM_TRY(const auto answer, router->parts().late->Find(std::string(CallerOf(request)), std::string(id)));
  if (!answer) {
    return Err(ErrorCode::kNotFound,
               "no question of yours with the id \"{}\" waits or was answered in the last week; give the \"id\" or "
               "\"request_id\" of the reply that was \"queued\", and the key that it was asked with",
               EscapeForTerminal(id, 80));
  }
  static constexpr const char* kStates[] = {"waiting", "answered", "given_up"};
  const bool answered = answer->state == LateAnswer::State::kAnswered;
  return json::object{{"object", "late_answer"},
                      {"request_id", id},
                      {"state", kStates[static_cast<size_t>(answer->state)]},
                      {"asked", TimeJson(answer->asked_us)},
                      {"ended", TimeJson(answer->ended_us)},
                      {"answer", answered ? json::value(answer->text) : json::value()},
                      {"upstream_model", answer->model.empty() ? json::value() : json::value(answer->model)},
                      {"problem", answer->problem.empty() ? json::value() : json::value(answer->problem)}};
}

}  // namespace

void HandleLateAnswer(ApiContext& context, const HttpRequest& request, Responder& responder) {
  const auto found = Find(context, request);
  if (!found) return responder.Send(OpenAiError(found.error(), "id"));
  responder.Send({.status = 200, .content_type = "application/json", .body = ToJson(*found), .headers = {}});
}

}  // namespace bantam
