// Our error codes -> HTTP statuses, and the bodies of errors: one renderer for each family of clients, all of the same
// error. Which family a path belongs to says its row in endpoints/table.cc.
#pragma once

#include "api/http_types.h"
#include "base/result.h"

namespace bantam {

enum class ApiFamily {
  kOpenAi,         // {"error": {"message", "type", "param", "code"}}
  kOllama,         // {"error": "..."}
  kOpenInference,  // the same
  kTei,            // {"error": "...", "error_type": "Validation"}, with statuses of its own: 422, 424
  kCohere,         // {"message": "..."}
  // {"detail": [{"loc": ["body", "state"], "msg": "...", "type": "value_error"}]} with 422 for what is wrong in a
  // request, else {"detail": {"error_type": "...", "message": "..."}}
  kTypeSafe,
  // {"type": "error", "error": {"type", "message"}, "request_id"}
  kAnthropic,
};

// The header in which Anthropic's SDKs look for a request's id; replies have it as X-Request-Id anyway.
inline constexpr const char* kAnthropicRequestId = "request-id";

int HttpStatusOf(ErrorCode code);

// `param`: the JSON path at fault, or empty; `code`: OpenAI's word for the error ("model_not_found"), or "empty" for a
// list that must not be, which Text Embeddings Inference tells apart. request_id: for a family that tells it in errors.
HttpReply ErrorReply(ApiFamily family, int status, std::string_view message, std::string_view param = {},
                     std::string_view code = {}, std::string_view request_id = {});
// retry_after_s: of what may be tried again, a full queue or a server that stops.
HttpReply ErrorReply(ApiFamily family, const Error& error, std::string_view param = {}, int retry_after_s = 1,
                     std::string_view request_id = {});
// The same object at the end of a stream that has begun: the data of an event, or a line.
std::string ErrorBody(ApiFamily family, const Error& error, std::string_view request_id = {});

inline HttpReply OpenAiError(int status, std::string_view message, std::string_view param = {},
                             std::string_view code = {}) {
  return ErrorReply(ApiFamily::kOpenAi, status, message, param, code);
}
inline HttpReply OpenAiError(const Error& error, std::string_view param = {}, int retry_after_s = 1) {
  return ErrorReply(ApiFamily::kOpenAi, error, param, retry_after_s);
}

}  // namespace bantam
