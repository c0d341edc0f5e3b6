#include "gateway/rest_call.h"

#include <fmt/format.h>

#include <algorithm>

namespace bantam {
namespace {

// What a caller may say to the server beside its message.
constexpr std::string_view kPassedOn[] = {"authorization",    "x-api-key",         "api-key",
                                          "traceparent",      "tracestate",        "cache-control",
                                          "x-bantam-session", "x-bantam-priority", "x-bantam-timeout-ms"};

constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);  // the call's own deadline ends it

bool IsLocal(std::string_view peer) {
  return peer.starts_with("ipv4:127.") || peer.starts_with("unix:") || peer.starts_with("ipv6:[::1]") ||
         peer.starts_with("ipv6:%5B::1%5D");
}

// gRPC ends the whole process over any other value of metadata; names of models may hold other letters.
bool IsMetadata(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

bool IsForCaller(std::string_view header) {
  return header.starts_with("x-bantam-") || header == "x-request-id" || header == "retry-after";
}

MonotonicTime DeadlineOf(const grpc::CallbackServerContext& context) {
  const auto wall = context.deadline();
  if (wall == std::chrono::system_clock::time_point::max()) return MonotonicTime::max();
  return MonotonicNow() + std::min<std::chrono::nanoseconds>(wall - std::chrono::system_clock::now(),
                                                             std::chrono::nanoseconds(kLongest));
}

grpc::StatusCode CodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::kDeadline:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case ErrorCode::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case ErrorCode::kTooLarge:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    default:
      return grpc::StatusCode::INTERNAL;
  }
}

grpc::StatusCode CodeOf(int http_status) {
  switch (http_status) {
    case 400:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case 401:
      return grpc::StatusCode::UNAUTHENTICATED;
    case 403:
      return grpc::StatusCode::PERMISSION_DENIED;
    case 404:
      return grpc::StatusCode::NOT_FOUND;
    case 408:
    case 504:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case 409:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case 413:
    case 429:
    case 507:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case 501:
      return grpc::StatusCode::UNIMPLEMENTED;
    case 503:
      return grpc::StatusCode::UNAVAILABLE;
    default:
      return grpc::StatusCode::INTERNAL;
  }
}

}  // namespace

grpc::Status StatusOf(const Error& error) { return {CodeOf(error.code), error.message}; }

grpc::Status StatusOf(const IncomingResponse& response) {
  if (response.status == 200) return grpc::Status::OK;
  std::string words = fmt::format("the server answered with HTTP {}", response.status);
  if (const auto body = ParseJson(response.body, "reply"); body && body->is_object()) {
    const json::value* error = body->get_object().if_contains("error");
    if (error != nullptr && error->is_string()) words = error->get_string();
  }
  return {CodeOf(response.status), words};
}

// A caller on another machine is told to be one, as by any proxy: what the server does for callers on its own machine
// alone it does not do for everybody who reaches this port.
HttpHeaders RestCall::CallerHeaders() const {
  HttpHeaders headers;
  for (const auto& [name, value] : context_.client_metadata()) {
    const std::string_view key(name.data(), name.size());
    if (std::ranges::find(kPassedOn, key) == std::end(kPassedOn)) continue;
    headers.emplace_back(key, std::string(value.data(), value.size()));
  }
  if (const std::string peer = context_.peer(); !IsLocal(peer)) headers.emplace_back("X-Forwarded-For", peer);
  return headers;
}

Result<IncomingResponse> RestCall::Ask(std::string_view method, const std::string& path, std::string body,
                                       HttpHeaders headers) {
  OutgoingRequest request{.method = std::string(method),
                          .url = server_.url + path,
                          .headers = CallerHeaders(),
                          .body = std::move(body),
                          .first_byte_timeout = kLongest,
                          .idle_timeout = kLongest,
                          .deadline = DeadlineOf(context_),
                          .max_response_bytes = server_.max_reply_bytes};
  std::ranges::move(headers, std::back_inserter(request.headers));
  BANTAM_TRY(IncomingResponse response, server_.client.Send(request, {}, stop_));
  for (const auto& [name, value] : response.headers) {
    if (IsForCaller(name) && IsMetadata(value)) context_.AddTrailingMetadata(name, value);
  }
  return response;
}

grpc::Status RestCall::AskForJson(std::string_view method, const std::string& path, std::string body,
                                  json::value& reply) {
  HttpHeaders headers;
  if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
  const auto response = Ask(method, path, std::move(body), std::move(headers));
  if (!response) return StatusOf(response.error());
  if (const grpc::Status status = StatusOf(*response); !status.ok()) return status;
  auto parsed = ParseJson(response->body, "the server's reply");
  if (!parsed) return {grpc::StatusCode::INTERNAL, parsed.error().message};
  reply = *std::move(parsed);
  return grpc::Status::OK;
}

}  // namespace bantam
