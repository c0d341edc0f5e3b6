#include "trace/otlp_json.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/json_writer.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMostOfAValue = 1024;

// Paths of requests are whatever bytes a client likes; protobuf's texts are UTF-8.
std::string SafeText(std::string_view text) { return ReplaceInvalidUtf8(text.substr(0, kMostOfAValue)); }

void WriteAttribute(std::string_view name, std::string_view text, JsonWriter& out) {
  out.BeginObject().Member("key", name).Key("value").BeginObject();
  out.Member("stringValue", SafeText(text)).EndObject().EndObject();
}

void WriteAttribute(const Span::Attribute& attribute, JsonWriter& out) {
  if (const auto* text = std::get_if<std::string>(&attribute.value)) return WriteAttribute(attribute.name, *text, out);
  out.BeginObject().Member("key", attribute.name).Key("value").BeginObject();
  out.Member("intValue", std::to_string(std::get<int64_t>(attribute.value))).EndObject().EndObject();
}

void WriteSpan(const Span& span, JsonWriter& out) {
  constexpr int kSampled = 1, kError = 2;
  out.BeginObject();
  out.Member("traceId", TraceIdHex(span.context)).Member("spanId", SpanIdHex(span.context.span_id));
  if (span.parent_id != 0) out.Member("parentSpanId", SpanIdHex(span.parent_id));
  if (!span.trace_state.empty()) out.Member("traceState", span.trace_state);
  out.Member("flags", kSampled).Member("name", SafeText(span.name)).Member("kind", static_cast<int>(span.kind));
  out.Member("startTimeUnixNano", std::to_string(span.begin_ns));
  out.Member("endTimeUnixNano", std::to_string(span.end_ns));
  out.Key("attributes").BeginArray();
  for (const Span::Attribute& attribute : span.attributes) WriteAttribute(attribute, out);
  out.EndArray();
  if (span.failed) out.Key("status").BeginObject().Member("code", kError).EndObject();
  out.EndObject();
}

}  // namespace

std::string EncodeSpans(const Resource& resource, std::span<const Span> spans) {
  constexpr size_t kBytesOfASpan = 1024;
  std::string body;
  body.reserve(spans.size() * kBytesOfASpan);
  JsonWriter out(body);
  out.BeginObject().Key("resourceSpans").BeginArray().BeginObject();
  out.Key("resource").BeginObject().Key("attributes").BeginArray();
  for (const auto& [name, value] : resource) WriteAttribute(name, value, out);
  out.EndArray().EndObject();
  out.Key("scopeSpans").BeginArray().BeginObject();
  out.Key("scope").BeginObject().Member("name", "bantam").EndObject();
  out.Key("spans").BeginArray();
  for (const Span& span : spans) WriteSpan(span, out);
  out.EndArray().EndObject().EndArray().EndObject().EndArray().EndObject();
  return body;
}

PartialSuccess ReadPartialSuccess(std::string_view body) {
  const auto document = ParseJson(body, "reply", {.max_depth = 8, .max_bytes = size_t{64} << 10});
  if (!document || !document->is_object()) return {};
  const json::value* partial = document->get_object().if_contains("partialSuccess");
  if (partial == nullptr || !partial->is_object()) return {};
  PartialSuccess read;
  const json::object& object = partial->get_object();
  if (const json::value* count = object.if_contains("rejectedSpans")) {
    if (count->is_string()) {
      const std::string_view digits = count->get_string();
      if (std::from_chars(digits.data(), digits.data() + digits.size(), read.rejected).ec != std::errc()) return {};
    } else if (count->is_int64()) {
      read.rejected = static_cast<uint64_t>(std::max<int64_t>(0, count->get_int64()));
    }
  }
  if (const json::value* message = object.if_contains("errorMessage"); message != nullptr && message->is_string())
    read.message = message->get_string();
  return read;
}

}  // namespace bantam
