// GET /v1/learning/curve: accuracy against cost over the thresholds that could be in force, by the assistant's own
// audit log, for the console. As `bantam route curve` (docs/howto/replay.md), of the latest messages.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/uncached_reply.h"
#include "route/audit_key.h"
#include "route/cost_curve.h"
#include "route/router_parts.h"

namespace bantam {
namespace {

// A few seconds of one worker at most.
constexpr int64_t kMostLines = 50'000;
constexpr int64_t kMostDecided = 1'000;

Result<json::object> Curve(ApiContext& context) {
  const std::shared_ptr<Router> router = context.router();
  if (router == nullptr)
    return Err(ErrorCode::kNotFound, "there is no assistant here that could be drawn: serve a route file");
  CostCurve curve;
  const AuditLog* const log = router->parts().audit.get();
  if (log == nullptr) {
    curve.why_empty = "This assistant keeps no audit log.";
  } else {
    BANTAM_TRY(const std::shared_ptr<const AuditKey> key, LoadAuditKey(router->file()));
    BANTAM_TRY(curve, DrawCostCurve(*router, log->file(),
                                    {.latest_lines = kMostLines,
                                     .most_decided = kMostDecided,
                                     .open = [&](AuditRecord& record) { return OpenTexts(key.get(), record); },
                                     .deadline = MonotonicNow() + context.request_timeout}));
  }
  json::object body{{"object", "learning.curve"}, {"assistant", router->file().name}};
  for (auto& [name, value] : CurveJson(curve)) body[name] = std::move(value);
  return body;
}

}  // namespace

void HandleLearningCurve(ApiContext& context, const HttpRequest&, Responder& responder) {
  responder.Send(UncachedReply(Curve(context)));
}

}  // namespace bantam
