#include "api/endpoints/tei_request.h"

#include "api/endpoints/parse.h"

namespace bantam {
namespace {

bool AsksForNothing(const HttpRequest& request) {
  json::value document;
  const Result<JsonObject> body = ParseBody(request, document);
  if (!body) return false;
  for (const char* key : {"inputs", "texts", "ids"}) {
    const json::value* value = body->Find(key);
    if (value != nullptr && value->is_array() && value->get_array().empty()) return true;
  }
  return false;
}

}  // namespace

HttpReply TeiRefusal(const Error& error, const HttpRequest& request) {
  if (error.code == ErrorCode::kInvalidArgument && AsksForNothing(request)) {
    return ErrorReply(ApiFamily::kTei, 400, error.message, {}, "empty");
  }
  return ErrorReply(ApiFamily::kTei, error);
}

}  // namespace bantam
