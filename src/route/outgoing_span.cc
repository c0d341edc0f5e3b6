#include "route/outgoing_span.h"

#include <charconv>

#include "route/actions/action.h"

namespace bantam {
namespace {

// "https://api.example.com:8443/v1" -> server.address and server.port.
void AddServer(std::string_view url, Span& span) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return;
  const bool tls = url.starts_with("https");
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  int64_t port = tls ? 443 : 80;
  const size_t colon = url.rfind(':');
  if (colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos) {
    std::from_chars(url.data() + colon + 1, url.data() + url.size(), port);
    url = url.substr(0, colon);
  }
  span.Add("server.address", std::string(url));
  span.Add("server.port", port);
}

}  // namespace

OutgoingSpan::OutgoingSpan(std::string name, OutgoingRequest& out) {
  if (trace_ == nullptr) return;
  span_ = trace_->Begin(std::move(name), SpanKind::kClient, MonotonicNow());
  span_->Add("http.request.method", out.method);
  AddServer(out.url, *span_);
  for (auto& header : trace_->HeadersFor(*span_)) out.headers.push_back(std::move(header));
}

void OutgoingSpan::End(int status, std::string_view trouble) {
  if (!span_) return;
  if (status != 0) span_->Add("http.response.status_code", status);
  if (!trouble.empty()) span_->Add("error.type", std::string(trouble));
  span_->failed = !trouble.empty();
  trace_->End(*std::move(span_), MonotonicNow());
  span_.reset();
}

Result<IncomingResponse> SendTraced(HttpClient& client, const OutgoingRequest& request, std::stop_token stop) {
  if (CurrentTrace() == nullptr) return client.Send(request, {}, std::move(stop));
  OutgoingRequest out = request;
  OutgoingSpan span(out.method, out);
  Result<IncomingResponse> response = client.Send(out, {}, std::move(stop));
  if (!response) {
    span.End(0, ServiceOutcome(response.error()));
  } else {
    span.End(response->status, response->status >= 400 ? std::to_string(response->status) : "");
  }
  return response;
}

}  // namespace bantam
