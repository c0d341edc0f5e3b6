// Where a span belongs, as the header "traceparent" has it (W3C Trace Context, level 1): 00-TRACE-SPAN-FLAGS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bantam {

struct TraceContext {
  uint64_t trace_high = 0, trace_low = 0;  // not both 0
  uint64_t span_id = 0;                    // not 0
  bool sampled = true;                     // false: whoever began the trace keeps no spans of it
};

// Nothing for a header that is malformed, of which the specification wants that it is ignored. Later versions are read
// as far as this one goes.
std::optional<TraceContext> ParseTraceparent(std::string_view header);
std::string FormatTraceparent(const TraceContext& context);

std::string TraceIdHex(const TraceContext& context);  // 32 lower-case digits
std::string SpanIdHex(uint64_t span_id);              // 16

TraceContext NewTrace();  // with its first span
uint64_t NewSpanId();

}  // namespace bantam
