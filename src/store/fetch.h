// One GET, through redirects, by rules that HttpClient leaves to its caller: at most ten, never from https to http,
// never from elsewhere to this machine or its link, and the authorization to the first server only.
//
//   BANTAM_TRY(const Fetched got, Fetch(client, {.url = url, .authorization = "Bearer ..."}, {}, stop));
#pragma once

#include <stop_token>

#include "net/http_client.h"

namespace bantam {

struct FetchRequest {
  std::string url;
  HttpHeaders headers = {};
  // Headers that only one server understands, as the tag it gave; null: none.
  std::function<HttpHeaders(std::string_view origin)> headers_for = {};
  // "Bearer ...", or empty. Sent to the origin of `url`, and no more once a redirect has led away from it.
  std::string authorization = {};
  size_t max_response_bytes = size_t{4} << 20;
  std::string ca_file = {};  // as OutgoingRequest
};

struct Fetched {
  IncomingResponse response;
  std::string url;         // that answered
  std::string origin;      // its scheme, host and port
  bool elsewhere = false;  // whether that is another origin than the first
};

struct FetchCallbacks {
  // Of the answer that is no redirect. `response` has no body yet.
  std::function<void(const Fetched& head)> on_head = {};
  std::function<bool(std::string_view piece)> on_body = {};  // as HttpCallbacks
};

// Any status but a redirect's is a success here. Errors are HttpClient's, with the URL in front, and kForbidden for a
// redirect that is refused, kUnavailable for too many.
Result<Fetched> Fetch(HttpClient& client, const FetchRequest& request, const FetchCallbacks& callbacks,
                      const std::stop_token& stop);

}  // namespace bantam
