// Spans as OTLP has them in JSON (opentelemetry-proto 1.x, "JSON Protobuf Encoding"): ids are hexadecimal, numbers of
// 64 bits are texts, enumerations are numbers.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trace/span.h"

namespace bantam {

// Who sends them: "service.name" and its like.
using Resource = std::vector<std::pair<std::string, std::string>>;

// The body of one request to a collector: an ExportTraceServiceRequest.
std::string EncodeSpans(const Resource& resource, std::span<const Span> spans);

// How many spans a collector says that it did not take, of an ExportTraceServiceResponse, and why. Whatever else it
// answers means none.
struct PartialSuccess {
  uint64_t rejected = 0;
  std::string message;
};
PartialSuccess ReadPartialSuccess(std::string_view body);

}  // namespace bantam
