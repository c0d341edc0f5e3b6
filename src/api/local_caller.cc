#include "api/local_caller.h"

#include "api/request_head.h"

namespace bantam {

bool IsLocalCaller(const HttpRequest& request) {
  const std::string_view peer = request.peer;
  const bool loopback = peer.empty() || peer == "::1" || peer.starts_with("127.") || peer.starts_with("::ffff:127.");
  if (!loopback) return false;
  for (const std::string_view header : {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"}) {
    if (!request.Header(header).empty()) return false;
  }
  const std::string_view host = request.Header("host");
  return host.empty() || IsLoopbackHost(HostOfHeader(host), {});
}

}  // namespace bantam
