// Outgoing HTTP, by libcurl, which is loaded when the first request is made (it costs 7 ms and 11 MB that a process
// without upstreams never pays). No redirects are followed, no proxy, .netrc or credential is read from the environment
// unless asked; only http and https. TLS is verified against the system's certificates.
//
//   HttpClient client;
//   BANTAM_TRY(IncomingResponse r, client.Send({.method = "POST", .url = url, .headers = {...}, .body = body}, {}));
//
// OpenSSL may write to a closed socket: the host process must ignore SIGPIPE (the bantam program does).
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

// Every member has an initializer, so that designated ones may be left out under -Wmissing-field-initializers.
struct OutgoingRequest {
  std::string method = "GET";
  std::string url =
      {};  // http or https, without user:password@ (credentials belong into headers, which are never printed)
  HttpHeaders headers = {};
  std::string body = {};
  std::chrono::milliseconds connect_timeout{2'000};      // name look-up, TCP and TLS together
  std::chrono::milliseconds first_byte_timeout{30'000};  // from the start until the status and headers have come
  std::chrono::milliseconds idle_timeout{15'000};        // between two pieces of the body
  MonotonicTime deadline = MonotonicTime::max();         // of the whole exchange
  size_t max_response_bytes = size_t{4} << 20;
  bool use_environment_proxy = false;  // http_proxy, https_proxy, no_proxy
  std::string ca_file = {};            // PEM certificates to trust instead of the system's; empty: the system's
};

struct IncomingResponse {
  int status = 0;
  HttpHeaders headers;                                              // names in lower case
  std::string body;                                                 // empty when on_body took it
  std::string_view Header(std::string_view lower_case_name) const;  // the first of that name, or empty
};

// Called on the thread that called Send.
struct HttpCallbacks {
  std::function<void(const IncomingResponse& head)> on_head = {};  // status and headers, before any body
  // False: the receiver has had enough. What remains is dropped; when it ends within 50 ms the connection is kept for
  // the next request and Send succeeds, else Send returns kCancelled.
  std::function<bool(std::string_view piece)> on_body = {};
  // Set, when not null, to whether the request may have reached the server; also when Send fails.
  bool* reached = nullptr;
};

// Thread-safe; each Send blocks its caller. Connections are kept and reused; a request that finds its kept connection
// closed before anything was answered is sent once more on a fresh one (by libcurl).
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Any status is a success here. kInvalidArgument: the request itself is wrong. kUnavailable: could not connect, or
  // the connection broke; kDeadline: a time-out (the message says which); kCancelled: `stop` was requested (within
  // milliseconds); kCorrupt: what came is not HTTP; kTooLarge; kUnsupported: no libcurl on this machine.
  // Messages name the origin (scheme, host, port), never path, query, headers or body.
  Result<IncomingResponse> Send(const OutgoingRequest& request, const HttpCallbacks& callbacks,
                                std::stop_token stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "https://api.example.com:8443" of a URL; errors as Send's for a URL that Send would refuse.
Result<std::string> OriginOf(std::string_view url);

}  // namespace bantam
