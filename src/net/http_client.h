// Outgoing HTTP, by libcurl, which is loaded when the first request is made (it costs 7 ms and 11 MB that a process
// without upstreams never pays). No redirects are followed, no proxy or .netrc is read from the environment.
//
//   HttpClient client;
//   auto r = client.Send({.method = "POST", .url = url, .headers = {...}, .body = body}, {});
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace bantam {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct OutgoingRequest {
  std::string method = "GET";
  std::string url;  // http or https
  HttpHeaders headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{2'000};
  std::chrono::milliseconds first_byte_timeout{30'000};  // until the status line
  std::chrono::milliseconds idle_timeout{15'000};        // between two pieces of the body
  MonotonicTime deadline = MonotonicTime::max();         // of the whole exchange
  size_t max_response_bytes = size_t{4} << 20;
};

struct IncomingResponse {
  int status = 0;
  HttpHeaders headers;  // names in lower case
  std::string body;     // empty when on_body took it
  std::string_view Header(std::string_view lower_case_name) const;
};

struct HttpCallbacks {
  std::function<void(const IncomingResponse& head)> on_head;  // status and headers, before any body
  std::function<bool(std::string_view piece)> on_body;        // false ends the exchange with kCancelled
};

// Thread-safe; each Send blocks its caller. Connections are reused.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  // Any status is a success here. kUnavailable: could not connect, or the connection broke; kDeadline: a time-out (the
  // message says which); kCancelled: `stop` was requested; kTooLarge; kUnsupported: no libcurl on this machine.
  Result<IncomingResponse> Send(const OutgoingRequest& request, const HttpCallbacks& callbacks, std::stop_token stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bantam
