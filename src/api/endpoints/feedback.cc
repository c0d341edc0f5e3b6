// POST /v1/feedback: whether an answer of the assistant was right, and which route would have been.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "route/audit_format.h"

namespace bantam {
namespace {

Result<Feedback> Parse(const JsonObject& body, std::string& at) {
  Feedback feedback;
  at = body.Has("request_id") ? "request_id" : "id";
  BANTAM_TRY(const std::string id, body.String(at));
  feedback.request_id = RequestIdIn(id);
  at = "verdict";
  BANTAM_TRY(const std::string verdict, body.String("verdict"));
  if (verdict != "right" && verdict != "wrong")
    return Err(ErrorCode::kInvalidArgument, "\"verdict\" must be \"right\" or \"wrong\"");
  feedback.right = verdict == "right";
  at = "route";
  BANTAM_TRY(feedback.right_route, body.StringOr("route", ""));
  return feedback;
}

Result<std::string> TakeFeedback(ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  const std::shared_ptr<Router> router = context.router();
  if (router == nullptr)
    return Err(ErrorCode::kInvalidArgument, "there is no assistant here that answered anything: serve a route file");
  BANTAM_TRY(const Feedback feedback, Parse(body, at));
  Result<FeedbackReceipt> receipt = router->TakeFeedback(feedback);
  if (!receipt) {
    if (receipt.error().code == ErrorCode::kNotFound) at = body.Has("request_id") ? "request_id" : "id";
    return receipt.error();
  }
  return ToJson(
      json::object{{"object", "feedback"},
                   {"request_id", feedback.request_id},
                   {"verdict", feedback.right ? "right" : "wrong"},
                   {"route", receipt->right_route.empty() ? json::value() : json::value(receipt->right_route)},
                   {"recorded", receipt->recorded}});
}

}  // namespace

void HandleFeedback(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  auto reply = TakeFeedback(context, request, at);
  if (!reply) return responder.Send(OpenAiError(reply.error(), at));
  responder.Send({.status = 200, .content_type = "application/json", .body = std::move(*reply), .headers = {}});
}

}  // namespace bantam
