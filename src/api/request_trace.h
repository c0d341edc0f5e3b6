// A request as a span, where there is a collector (trace/): what it was asked for and how it ended, and within it where
// its time went. It belongs to the caller's traceparent; its own goes into the reply, and to whoever is asked for it.
// Probes, metrics and the console have no spans.
#pragma once

#include <memory>

#include "api/endpoints/endpoint.h"
#include "trace/current_trace.h"

namespace bantam {

// Thread-safe.
class RequestTracer {
 public:
  // exporter: null, nobody keeps spans, and nothing happens.
  explicit RequestTracer(std::shared_ptr<SpanExporter> exporter) : exporter_(std::move(exporter)) {}

  // When it is handled, for the TraceScope of its handler. endpoint: null, there is none of that path.
  std::shared_ptr<const RequestTrace> Begin(const HttpRequest& request, const Endpoint* endpoint) const;
  // When it is over; also of one that was refused before it was handled.
  void End(const HttpRequest& request, const Endpoint* endpoint, int status, const char* scheme) const;

 private:
  bool Traces(const Endpoint* endpoint) const;
  const std::shared_ptr<SpanExporter> exporter_;
};

}  // namespace bantam
