#include "api/error_map.h"

#include <string>

#include "base/json.h"
#include "base/text_util.h"

namespace bantam {
namespace {

std::string_view OpenAiType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

}  // namespace

int HttpStatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kUnsupported:
      return 400;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kForbidden:
      return 403;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kOverloaded:
      return 429;
    case ErrorCode::kDeadline:
      return 504;
    case ErrorCode::kCancelled:
      return 503;  // only seen when the server itself stops
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kOutOfMemory:
      return 503;
    case ErrorCode::kOutOfDisk:
      return 507;
    case ErrorCode::kCorrupt:
    case ErrorCode::kBadConfig:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

std::string OpenAiErrorBody(int status, std::string_view message, std::string_view param, std::string_view code) {
  json::object error;
  error["message"] = ReplaceInvalidUtf8(message);
  error["type"] = OpenAiType(status);
  error["param"] = param.empty() ? json::value(nullptr) : json::value(param);
  error["code"] = code.empty() ? json::value(nullptr) : json::value(code);
  return ToJson(json::object{{"error", std::move(error)}});
}

HttpReply OpenAiError(int status, std::string_view message, std::string_view param, std::string_view code) {
  return {.status = status,
          .content_type = "application/json",
          .body = OpenAiErrorBody(status, message, param, code),
          .headers = {}};
}

HttpReply OpenAiError(const Error& error, std::string_view param, int retry_after_s) {
  const int status = HttpStatusOf(error.code);
  HttpReply reply =
      OpenAiError(status, error.message, param, status == 404 && param == "model" ? "model_not_found" : "");
  if (status == 429 || status == 503) {
    reply.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  }
  return reply;
}

}  // namespace bantam
