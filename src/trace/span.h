// One thing that was done, from when to when.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "trace/trace_context.h"

namespace bantam {

enum class SpanKind { kInternal = 1, kServer = 2, kClient = 3 };  // OTLP's numbers

struct Span {
  struct Attribute {
    std::string_view name;  // a literal
    std::variant<std::string, int64_t> value;
  };

  TraceContext context;
  uint64_t parent_id = 0;   // 0: the trace begins here
  std::string trace_state;  // of the header "tracestate"
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  int64_t begin_ns = 0, end_ns = 0;  // since 1970
  std::vector<Attribute> attributes;
  bool failed = false;

  // Never a text of a user or a model, nor a key: a collector may stand anywhere.
  void Add(std::string_view attribute, std::string value) { attributes.push_back({attribute, std::move(value)}); }
  void Add(std::string_view attribute, int64_t value) { attributes.push_back({attribute, value}); }
};

}  // namespace bantam
