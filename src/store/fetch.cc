#include "store/fetch.h"

#include <algorithm>

#include "store/remote_path.h"

namespace bantam {
namespace {

constexpr int kMaxRedirects = 10;
constexpr size_t kMaxRedirectBody = size_t{64} << 10;

bool IsRedirect(const IncomingResponse& head) {
  const int status = head.status;
  return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
         !head.Header("location").empty();
}

bool IsHttps(std::string_view origin) { return origin.size() > 5 && (origin[4] == 's' || origin[4] == 'S'); }

Status CheckRedirect(const std::string& from, const std::string& from_origin, const std::string& to,
                     const Result<std::string>& to_origin) {
  if (!to_origin) {
    return Err(ErrorCode::kForbidden, "{} redirects to an address that is refused: {}", ShownUrl(from),
               to_origin.error().message);
  }
  if (IsHttps(from_origin) && !IsHttps(*to_origin)) {
    return Err(ErrorCode::kForbidden,
               "{} redirects from https to http ({}), where anybody between could read and change it: refused",
               ShownUrl(from), ShownUrl(to));
  }
  if (IsLocalHost(HostOf(to)) && !IsLocalHost(HostOf(from))) {
    return Err(ErrorCode::kForbidden, "{} redirects to {}, an address of this machine or its own link: refused",
               ShownUrl(from), ShownUrl(to));
  }
  return Ok();
}

}  // namespace

Result<Fetched> Fetch(HttpClient& client, const FetchRequest& request, const FetchCallbacks& callbacks,
                      const std::stop_token& stop) {
  BANTAM_TRY(const std::string first_origin, OriginOf(request.url));
  Fetched fetched{.response = {}, .url = request.url, .origin = first_origin};
  bool left = false;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    OutgoingRequest outgoing{.url = fetched.url, .headers = request.headers};
    outgoing.connect_timeout = std::chrono::milliseconds(15'000);
    outgoing.first_byte_timeout = std::chrono::milliseconds(60'000);
    outgoing.idle_timeout = std::chrono::milliseconds(30'000);
    outgoing.max_response_bytes = std::max(request.max_response_bytes, kMaxRedirectBody);
    outgoing.use_environment_proxy = true;
    outgoing.ca_file = request.ca_file;
    if (request.headers_for) {
      for (auto& header : request.headers_for(fetched.origin)) outgoing.headers.push_back(std::move(header));
    }
    if (!request.authorization.empty() && !left) outgoing.headers.emplace_back("Authorization", request.authorization);

    std::string location;
    size_t dropped = 0;
    HttpCallbacks inner;
    inner.on_head = [&](const IncomingResponse& head) {
      if (IsRedirect(head)) {
        location = head.Header("location");
      } else if (callbacks.on_head) {
        fetched.response = head;
        callbacks.on_head(fetched);
      }
    };
    std::string body;
    inner.on_body = [&](std::string_view piece) {
      if (!location.empty()) return (dropped += piece.size()) < kMaxRedirectBody;
      if (callbacks.on_body) return callbacks.on_body(piece);
      body += piece;
      return true;
    };
    auto response = client.Send(outgoing, inner, stop);
    // What a redirect says beside its address matters to nobody, whole or not.
    if (location.empty() || stop.stop_requested()) {
      if (!response) {
        return Error{response.error().code, fmt::format("{}: {}", ShownUrl(fetched.url), response.error().message),
                     response.error().where};
      }
      fetched.response = *std::move(response);
      if (!callbacks.on_body) fetched.response.body = std::move(body);
      return fetched;
    }
    std::string next = ResolveUrl(fetched.url, location);
    const Result<std::string> next_origin = OriginOf(next);
    BANTAM_RETURN_IF_ERROR(CheckRedirect(fetched.url, fetched.origin, next, next_origin));
    fetched.url = std::move(next);
    fetched.origin = *next_origin;
    fetched.elsewhere = fetched.origin != first_origin;
    left = left || fetched.elsewhere;
  }
  return Err(ErrorCode::kUnavailable, "{} redirects more than {} times, the last time to {}", ShownUrl(request.url),
             kMaxRedirects, ShownUrl(fetched.url));
}

}  // namespace bantam
