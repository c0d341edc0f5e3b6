#include "trace/request_trace.h"

#include <algorithm>

namespace bantam {
namespace {

// What the specification says is worth passing on, and what a header may hold.
bool IsTraceState(std::string_view text) {
  constexpr size_t kMostBytes = 512;
  return text.size() <= kMostBytes && std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

TraceContext NewContext(const std::optional<TraceContext>& caller) {
  TraceContext context = NewTrace();
  if (!caller) return context;
  return {caller->trace_high, caller->trace_low, context.span_id, caller->sampled};
}

}  // namespace

RequestTrace::RequestTrace(std::shared_ptr<SpanExporter> exporter, std::optional<TraceContext> caller,
                           std::string state, std::optional<TraceContext> own)
    : exporter_(std::move(exporter)), own_(own ? *own : NewContext(caller)) {
  if (!caller) return;
  caller_id_ = caller->span_id;
  if (IsTraceState(state)) state_ = std::move(state);
}

int64_t RequestTrace::UnixNanos(MonotonicTime when) const {
  return made_micros_ * 1000 + std::chrono::duration_cast<std::chrono::nanoseconds>(when - made_).count();
}

Span RequestTrace::BeginOwn(std::string name, SpanKind kind, MonotonicTime when) const {
  Span span = Begin(std::move(name), kind, when);
  span.context.span_id = own_.span_id;
  span.parent_id = caller_id_;
  return span;
}

Span RequestTrace::Begin(std::string name, SpanKind kind, MonotonicTime when) const {
  Span span;
  span.context = own_;
  span.context.span_id = NewSpanId();
  span.parent_id = own_.span_id;
  span.trace_state = state_;
  span.name = std::move(name);
  span.kind = kind;
  span.begin_ns = UnixNanos(when);
  return span;
}

void RequestTrace::End(Span span, MonotonicTime when) const {
  if (!own_.sampled) return;
  span.end_ns = std::max(span.begin_ns, UnixNanos(when));
  exporter_->Add(std::move(span));
}

HttpHeaders RequestTrace::HeadersFor(const Span& span) const {
  HttpHeaders headers = {{"traceparent", FormatTraceparent(span.context)}};
  if (!state_.empty()) headers.emplace_back("tracestate", state_);
  return headers;
}

}  // namespace bantam
