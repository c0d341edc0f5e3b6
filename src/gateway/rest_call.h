// One gRPC call on its way to the server's REST: what its caller sent beside the message, how long it waits, and what
// becomes of replies.
#pragma once

#include <grpcpp/server_context.h>

#include <stop_token>
#include <string>
#include <string_view>

#include "base/json.h"
#include "net/http_client.h"

namespace bantam {

struct RestServer {
  std::string url;  // "http://127.0.0.1:8080"
  size_t max_reply_bytes = size_t{64} << 20;
  HttpClient client = {};
};

// On one thread, while gRPC's context lives.
class RestCall {
 public:
  RestCall(RestServer& server, grpc::CallbackServerContext& context, std::stop_token stop)
      : server_(server), context_(context), stop_(std::move(stop)) {}

  // Any HTTP status is a success. Headers that say what was done go to the caller as trailing metadata.
  Result<IncomingResponse> Ask(std::string_view method, const std::string& path, std::string body = {},
                               HttpHeaders headers = {});
  // The same of what answers with JSON; another status than 200 is an error as StatusOf has it.
  grpc::Status AskForJson(std::string_view method, const std::string& path, std::string body, json::value& reply);

 private:
  HttpHeaders CallerHeaders() const;
  RestServer& server_;
  grpc::CallbackServerContext& context_;
  const std::stop_token stop_;
};

grpc::Status StatusOf(const Error& error);
// The status, and the words of its body: {"error": "..."}. OK for 200.
grpc::Status StatusOf(const IncomingResponse& response);

}  // namespace bantam
