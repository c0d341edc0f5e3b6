#include "api/endpoints/endpoint.h"

namespace bantam {

void HandleHealth(ApiContext&, const HttpRequest&, Responder& responder) {
  responder.Send({.status = 200, .content_type = "application/json", .body = R"({"status":"ok"})", .headers = {}});
}

void HandleReady(ApiContext& context, const HttpRequest&, Responder& responder) {
  if (context.gauges != nullptr && context.gauges->draining) {
    return responder.Send({.status = 503,
                           .content_type = "application/json",
                           .body = R"({"status":"draining"})",
                           .headers = {{"Retry-After", "1"}}});
  }
  responder.Send({.status = 200, .content_type = "application/json", .body = R"({"status":"ready"})", .headers = {}});
}

}  // namespace bantam
