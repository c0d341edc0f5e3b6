// The trace of one request: its own span, and the spans of what is done for it.
//
//   const auto trace = std::make_shared<RequestTrace>(exporter, ParseTraceparent(header), state);
//   Span span = trace->Begin("chat big", SpanKind::kClient, MonotonicNow());
//   for (auto& header : trace->HeadersFor(span)) request.headers.push_back(header);   // to whoever is asked
//   trace->End(std::move(span), MonotonicNow());
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "net/http_client.h"
#include "trace/span.h"
#include "trace/span_exporter.h"

namespace bantam {

// Immutable; any thread. Spans may end after the request's own.
class RequestTrace {
 public:
  // caller: who asks us, of its header; nothing: the trace begins here. state: its "tracestate", which goes on as it
  // is, unless it is none.
  // own: of its span, where that is known from an earlier RequestTrace of the same request.
  RequestTrace(std::shared_ptr<SpanExporter> exporter, std::optional<TraceContext> caller, std::string state,
               std::optional<TraceContext> own = std::nullopt);

  const TraceContext& context() const { return own_; }  // of the request's own span

  Span BeginOwn(std::string name, SpanKind kind, MonotonicTime when) const;
  Span Begin(std::string name, SpanKind kind, MonotonicTime when) const;  // within the request's own
  // Goes to the exporter, unless the caller keeps no spans.
  void End(Span span, MonotonicTime when) const;
  HttpHeaders HeadersFor(const Span& span) const;

 private:
  int64_t UnixNanos(MonotonicTime when) const;

  const std::shared_ptr<SpanExporter> exporter_;
  TraceContext own_;
  uint64_t caller_id_ = 0;
  std::string state_;
  const MonotonicTime made_ = MonotonicNow();
  const int64_t made_micros_ = WallMicros();
};

}  // namespace bantam
