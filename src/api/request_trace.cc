#include "api/request_trace.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "api/http_types.h"

namespace bantam {
namespace {

constexpr size_t kMostOfAPath = 256;
constexpr std::string_view kTraceparent = "traceparent", kTracestate = "tracestate";

// The header's value; empty where it is missing, or comes twice, which makes it void.
std::string_view OnlyHeader(const HttpRequest& request, std::string_view lower_case_name) {
  const auto named = [&](const auto& header) { return header.first == lower_case_name; };
  return std::ranges::count_if(request.headers, named) == 1 ? request.Header(lower_case_name) : std::string_view();
}

// A request's own span is remembered by what its reply tells.
std::optional<TraceContext> OwnContext(const ReplyNotes& notes) {
  for (const auto& [header, value] : notes.headers()) {
    if (header == kTraceparent) return ParseTraceparent(value);
  }
  return std::nullopt;
}

// Names of spans and attributes are of a closed list, whatever a client calls its method.
std::string KnownMethod(std::string_view method) {
  static constexpr std::string_view kKnown[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return std::string(std::ranges::find(kKnown, method) != std::end(kKnown) ? method : "_OTHER");
}

std::string_view OperationOf(const Endpoint* endpoint) {
  struct Row {
    std::string_view path, operation;
  };
  static constexpr Row kOperations[] = {
      {"/v1/chat/completions", "chat"},
      {"/v1/responses", "chat"},
      {"/v1/messages", "chat"},
      {"/api/chat", "chat"},
      {"/v1/completions", "text_completion"},
      {"/api/generate", "text_completion"},
      {"/infill", "text_completion"},
      {"/v1/embeddings", "embeddings"},
      {"/api/embed", "embeddings"},
      {"/api/embeddings", "embeddings"},
      {"/embed", "embeddings"},
      {"/v2/embed", "embeddings"},
      {"/v1/embed", "embeddings"},
  };
  if (endpoint == nullptr) return {};
  const auto row = std::ranges::find(kOperations, std::string_view(endpoint->path), &Row::path);
  return row == std::end(kOperations) ? std::string_view() : row->operation;
}

void AddCount(std::string_view attribute, std::string_view digits, Span& span) {
  int64_t count = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), count).ec == std::errc())
    span.Add(attribute, count);
}

// What the reply's headers say of the work.
void AddWork(const ReplyNotes& notes, Span& span) {
  for (const auto& [header, value] : notes.headers()) {
    if (header == "X-Bantam-Model") span.Add("gen_ai.request.model", value);
    if (header == "X-Bantam-Tokens") AddCount("gen_ai.usage.input_tokens", value, span);
    if (header == "X-Bantam-Completion-Tokens") AddCount("gen_ai.usage.output_tokens", value, span);
    if (header == "X-Bantam-Cache") span.Add("bantam.cache", value);
  }
}

MonotonicTime After(MonotonicTime when, double milliseconds) {
  return when + std::chrono::duration_cast<MonotonicTime::duration>(
                    std::chrono::duration<double, std::milli>(std::max(0.0, milliseconds)));
}

// One after the other, with both waits in the first: for a thread that reads the request, and, read, for its turn.
void EndStages(const RequestTrace& trace, MonotonicTime received, const StageTimes& times) {
  const std::pair<const char*, double> stages[] = {
      {"queue", times.queue}, {"tokenize", times.tokenize}, {"compute", times.compute}};
  for (const auto& [name, milliseconds] : stages) {
    if (milliseconds < 0) continue;
    Span span = trace.Begin(name, SpanKind::kInternal, received);
    received = After(received, milliseconds);
    trace.End(std::move(span), received);
  }
}

}  // namespace

bool RequestTracer::Traces(const Endpoint* endpoint) const {
  return exporter_ != nullptr && (endpoint == nullptr || !endpoint->Has(kLight));
}

std::shared_ptr<const RequestTrace> RequestTracer::Begin(const HttpRequest& request, const Endpoint* endpoint) const {
  if (!Traces(endpoint)) return nullptr;
  auto trace = std::make_shared<RequestTrace>(exporter_, ParseTraceparent(OnlyHeader(request, kTraceparent)),
                                              std::string(OnlyHeader(request, kTracestate)));
  request.notes->Add(kTraceparent, FormatTraceparent(trace->context()));
  return trace;
}

void RequestTracer::End(const HttpRequest& request, const Endpoint* endpoint, int status, const char* scheme) const {
  if (!Traces(endpoint)) return;
  const RequestTrace trace(exporter_, ParseTraceparent(OnlyHeader(request, kTraceparent)),
                           std::string(OnlyHeader(request, kTracestate)), OwnContext(*request.notes));
  if (!trace.context().sampled) return;
  const std::string method = KnownMethod(request.method);
  const std::string name = endpoint == nullptr ? method : method + " " + endpoint->path;
  Span span = trace.BeginOwn(name, SpanKind::kServer, request.received);
  span.Add("http.request.method", method);
  span.Add("url.path", request.path.substr(0, kMostOfAPath));
  span.Add("url.scheme", scheme);
  if (endpoint != nullptr) span.Add("http.route", endpoint->path);
  span.Add("http.response.status_code", status);
  if (status >= 500) span.Add("error.type", std::to_string(status));
  span.failed = status >= 500;
  span.Add("bantam.request_id", request.request_id);
  if (const std::string_view operation = OperationOf(endpoint); !operation.empty()) {
    span.Add("gen_ai.operation.name", std::string(operation));
    span.Add("gen_ai.provider.name", "bantam");
  }
  AddWork(*request.notes, span);
  EndStages(trace, request.received, request.notes->times());
  trace.End(std::move(span), MonotonicNow());
}

}  // namespace bantam
