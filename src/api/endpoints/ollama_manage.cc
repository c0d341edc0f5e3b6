// POST /api/copy, DELETE /api/delete, and what is refused: /api/push. Other names and fewer models.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/ollama_copy.h"
#include "api/endpoints/ollama_request.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "store/remove_model.h"

namespace bantam {
namespace {

void SendDone(Responder& responder) {
  responder.Send({.status = 200, .content_type = "application/json", .body = {}, .headers = {}});
}

Status CopyAsAsked(ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  at = "source";
  BANTAM_TRY(const std::string source, body.String("source"));
  at = "destination";
  BANTAM_TRY(const std::string destination, body.String("destination"));
  return CopyServedModel(context, source, destination);
}

Status DeleteAsAsked(ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  BANTAM_TRY(const std::string name, ReadOllamaName(body, at));
  // A copy that is one file is the same file as the model that is served, which stays under its own name.
  const bool is_copy = !context.aliases.TargetOf(name).empty();
  const auto removed = RemoveModel(name, is_copy);
  const bool nothing_there =
      !removed && (removed.error().code == ErrorCode::kNotFound || removed.error().code == ErrorCode::kInvalidArgument);
  if (!removed && !nothing_there) return removed.error();
  // A name given by --alias, or to a model from outside the store, has nothing there.
  if (context.aliases.Remove(name) || removed) return Ok();
  return removed.error();
}

}  // namespace

void HandleOllamaCopy(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  const Status copied = CopyAsAsked(context, http, at);
  if (!copied) return responder.Send(ErrorReply(ApiFamily::kOllama, copied.error(), at));
  SendDone(responder);
}

void HandleOllamaDelete(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  const Status removed = DeleteAsAsked(context, http, at);
  if (!removed) return responder.Send(ErrorReply(ApiFamily::kOllama, removed.error(), at));
  SendDone(responder);
}

void HandleOllamaPush(ApiContext&, const HttpRequest&, Responder& responder) {
  responder.Send(ErrorReply(ApiFamily::kOllama, 501, "models are not sent to a registry from here"));
}

}  // namespace bantam
