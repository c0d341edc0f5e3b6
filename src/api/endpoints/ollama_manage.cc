// POST /api/copy and /api/create, DELETE /api/delete, and what is refused: /api/push and /api/blobs. Other names and
// fewer models; how a model is made is `bantam quantize`'s business.
#include <fmt/format.h>

#include <algorithm>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/ollama_request.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "base/text_util.h"
#include "store/copy_model.h"
#include "store/remove_model.h"

namespace bantam {
namespace {

void SendDone(Responder& responder) {
  responder.Send({.status = 200, .content_type = "application/json", .body = {}, .headers = {}});
}

// A second name. A model of the store gets it there, where it stays; one that is served answers to it at once.
Status Copy(ApiContext& context, const std::string& source, const std::string& destination) {
  if (context.FindModel(destination) != nullptr || context.IsRouter(destination)) {
    return Err(ErrorCode::kConflict, "\"{}\" is served already, as what it is", EscapeForTerminal(destination));
  }
  const ServedModelPtr served = context.FindModel(source);
  const auto copied = CopyModel(served == nullptr ? source : served->name, destination);
  if (!copied && (served == nullptr || copied.error().code != ErrorCode::kNotFound)) return copied.error();
  // On demand a copy in the store is a model of its own.
  if (served == nullptr || (copied && context.models->on_demand())) return Ok();
  return context.aliases.Add(destination, served->name);
}

Status CopyAsAsked(ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  at = "source";
  BANTAM_TRY(const std::string source, body.String("source"));
  at = "destination";
  BANTAM_TRY(const std::string destination, body.String("destination"));
  return Copy(context, source, destination);
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

// What "create" may have beside the two names.
Result<bool> CreateAsAsked(ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  BANTAM_TRY(const std::string name, ReadOllamaName(body, at));
  for (const char* key : {"files", "adapters", "template", "system", "parameters", "messages", "quantize", "license",
                          "modelfile", "renderer", "parser"}) {
    const json::value* value = body.Find(key);
    if (value == nullptr || value->is_null()) continue;
    at = key;
    return Err(ErrorCode::kUnsupported,
               "\"{}\" is not supported: of a model only a copy is made here, by \"from\" alone; files come by "
               "/api/pull or 'bantam pull', smaller ones by 'bantam quantize', and adapters are served with --lora",
               key);
  }
  at = "from";
  BANTAM_TRY(const std::string from, body.String("from"));
  at = "stream";
  BANTAM_TRY(const bool stream, body.BoolOr("stream", true));
  at = "model";
  BANTAM_RETURN_IF_ERROR(Copy(context, from, name));
  return stream;
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

void HandleOllamaCreate(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  const Result<bool> created = CreateAsAsked(context, http, at);
  if (!created) return responder.Send(ErrorReply(ApiFamily::kOllama, created.error(), at));
  responder.Send({.status = 200,
                  .content_type = *created ? "application/x-ndjson" : "application/json",
                  .body = ToJson(json::object{{"status", "success"}}) + (*created ? "\n" : ""),
                  .headers = {}});
}

void HandleOllamaPush(ApiContext&, const HttpRequest&, Responder& responder) {
  responder.Send(ErrorReply(ApiFamily::kOllama, 501, "models are not sent to a registry from here"));
}

// No upload is kept: a model comes from a hub or a registry, which says what its bytes must be.
void HandleOllamaBlob(ApiContext&, const HttpRequest& http, Responder& responder) {
  const std::string name = EscapeForTerminal(PathValues(http).front(), 80);
  if (http.method == "POST") {
    return responder.Send(ErrorReply(
        ApiFamily::kOllama, 501,
        fmt::format("the blob {} is not taken: models come by /api/pull or 'bantam pull', or as a file into the store",
                    name)));
  }
  responder.Send(ErrorReply(ApiFamily::kOllama, 404, fmt::format("no blob {} is here", name)));
}

}  // namespace bantam
