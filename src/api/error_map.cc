#include "api/error_map.h"

#include <algorithm>
#include <string>

#include "base/json.h"
#include "base/text_util.h"

namespace bantam {
namespace {

// What a status means to OpenAI's clients, in a word.
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

// The same to Anthropic's.
std::string_view AnthropicType(int status) {
  switch (status) {
    case 409:
      return "conflict_error";
    case 413:
      return "request_too_large";
    case 503:
      return "overloaded_error";
    case 504:
      return "timeout_error";
    default:
      return status < 500 ? OpenAiType(status) : "api_error";
  }
}

// Text Embeddings Inference has four statuses of its own for what others say with more.
int TeiStatus(int status, std::string_view code) {
  if (code == "empty") return 400;
  if (status == 400 || status == 404) return 422;
  if (status == 500 || status == 504 || status == 507) return 424;
  return status;
}

std::string_view TeiType(int status) {
  switch (status) {
    case 400:
      return "Empty";
    case 424:
      return "Backend";
    case 429:
      return "Overloaded";
    case 503:
      return "Unhealthy";
    default:
      return "Validation";
  }
}

int StatusFor(ApiFamily family, int status, std::string_view code) {
  if (family == ApiFamily::kTypeSafe && status == 400) return 422;
  return family == ApiFamily::kTei ? TeiStatus(status, code) : status;
}

// Where in the body: "questions.urgent.criteria[1]" -> ["body", "questions", "urgent", "criteria[1]"].
json::array Location(std::string_view param) {
  json::array location{"body"};
  while (!param.empty()) {
    const size_t dot = std::min(param.find('.'), param.size());
    location.push_back(json::value(ReplaceInvalidUtf8(param.substr(0, dot))));
    param.remove_prefix(std::min(dot + 1, param.size()));
  }
  return location;
}

json::object TypeSafeBody(int status, std::string message, std::string_view param) {
  if (status != 422) {
    return {{"detail", json::object{{"error_type", OpenAiType(status)}, {"message", std::move(message)}}}};
  }
  json::object entry{{"loc", Location(param)}, {"msg", std::move(message)}, {"type", "value_error"}};
  return {{"detail", json::array{std::move(entry)}}};
}

json::object AnthropicBody(int status, std::string message, std::string_view request_id) {
  json::object body{{"type", "error"},
                    {"error", json::object{{"type", AnthropicType(status)}, {"message", std::move(message)}}}};
  body["request_id"] = request_id.empty() ? json::value(nullptr) : json::value(request_id);
  return body;
}

// `status` is the family's own.
json::object Body(ApiFamily family, int status, std::string_view text, std::string_view param, std::string_view code,
                  std::string_view request_id) {
  std::string message = ReplaceInvalidUtf8(text);
  switch (family) {
    case ApiFamily::kOllama:
    case ApiFamily::kOpenInference:
      return {{"error", std::move(message)}};
    case ApiFamily::kTei:
      return {{"error", std::move(message)}, {"error_type", TeiType(status)}};
    case ApiFamily::kCohere:
      return {{"message", std::move(message)}};
    case ApiFamily::kTypeSafe:
      return TypeSafeBody(status, std::move(message), param);
    case ApiFamily::kAnthropic:
      return AnthropicBody(status, std::move(message), request_id);
    case ApiFamily::kOpenAi:
      break;
  }
  json::object error;
  error["message"] = std::move(message);
  error["type"] = OpenAiType(status);
  error["param"] = param.empty() ? json::value(nullptr) : json::value(param);
  error["code"] = code.empty() ? json::value(nullptr) : json::value(code);
  return {{"error", std::move(error)}};
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

HttpReply ErrorReply(ApiFamily family, int status, std::string_view message, std::string_view param,
                     std::string_view code, std::string_view request_id) {
  const int shown = StatusFor(family, status, code);
  HttpReply reply{.status = shown,
                  .content_type = "application/json",
                  .body = ToJson(Body(family, shown, message, param, code, request_id)),
                  .headers = {}};
  if (family == ApiFamily::kAnthropic && !request_id.empty()) {
    reply.headers.emplace_back(kAnthropicRequestId, request_id);
  }
  return reply;
}

HttpReply ErrorReply(ApiFamily family, const Error& error, std::string_view param, int retry_after_s,
                     std::string_view request_id) {
  const int status = HttpStatusOf(error.code);
  const std::string_view code = status == 404 && param == "model" ? "model_not_found" : "";
  HttpReply reply = ErrorReply(family, status, error.message, param, code, request_id);
  if (status == 429 || status == 503) {
    reply.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  }
  return reply;
}

std::string ErrorBody(ApiFamily family, const Error& error, std::string_view request_id) {
  const int status = StatusFor(family, HttpStatusOf(error.code), {});
  return ToJson(Body(family, status, error.message, {}, {}, request_id));
}

}  // namespace bantam
