#include "trace/request_trace.h"

#include <gtest/gtest.h>

namespace bantam {
namespace {

constexpr TraceContext kCaller = {.trace_high = 1, .trace_low = 2, .span_id = 3};

TEST(RequestTrace, BelongsToItsCaller) {
  const RequestTrace trace(nullptr, kCaller, "vendor=1");
  EXPECT_EQ(trace.context().trace_high, 1u);
  EXPECT_EQ(trace.context().trace_low, 2u);
  EXPECT_NE(trace.context().span_id, 3u);
  const Span own = trace.BeginOwn("POST", SpanKind::kServer, MonotonicNow());
  EXPECT_EQ(own.context.span_id, trace.context().span_id);
  EXPECT_EQ(own.parent_id, 3u);
  const Span child = trace.Begin("compute", SpanKind::kInternal, MonotonicNow());
  EXPECT_EQ(child.parent_id, own.context.span_id);
  EXPECT_NE(child.context.span_id, own.context.span_id);
  const HttpHeaders expected = {{"traceparent", FormatTraceparent(child.context)}, {"tracestate", "vendor=1"}};
  EXPECT_EQ(trace.HeadersFor(child), expected);
}

TEST(RequestTrace, BeginsHereWithoutACaller) {
  const RequestTrace trace(nullptr, std::nullopt, "vendor=1");
  const Span own = trace.BeginOwn("POST", SpanKind::kServer, MonotonicNow());
  EXPECT_EQ(own.parent_id, 0u);
  EXPECT_EQ(trace.HeadersFor(own).size(), 1u) << "a state without a parent is void";
}

TEST(RequestTrace, AStateThatNoHeaderMayHoldIsNotPassedOn) {
  for (const std::string& state : {std::string("a=1\r\nX: y"), std::string(513, 'a'), std::string("a=\xff")}) {
    const RequestTrace trace(nullptr, kCaller, state);
    EXPECT_EQ(trace.HeadersFor(trace.Begin("a", SpanKind::kClient, MonotonicNow())).size(), 1u);
  }
}

TEST(RequestTrace, NoSpansOfATraceThatItsCallerDoesNotKeep) {
  TraceContext caller = kCaller;
  caller.sampled = false;
  const RequestTrace trace(nullptr, caller, "");  // a span would need the exporter
  Span span = trace.Begin("a", SpanKind::kClient, MonotonicNow());
  EXPECT_TRUE(FormatTraceparent(span.context).ends_with("-00"));
  trace.End(std::move(span), MonotonicNow());
}

}  // namespace
}  // namespace bantam
