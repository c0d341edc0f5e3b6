#include "trace/otlp_json.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/testing.h"

namespace bantam {
namespace {

Span MakeSpan() {
  Span span;
  span.context = {.trace_high = 0x5b8efff798038103, .trace_low = 0xd269b633813fc60c, .span_id = 0xeee19b7ec3c1b174};
  span.name = "POST /v1/embeddings";
  span.kind = SpanKind::kServer;
  span.begin_ns = 1'795'670'400'123'456'789;
  span.end_ns = 1'795'670'400'223'456'789;
  return span;
}

TEST(OtlpJson, SpansAsTheSpecificationHasThem) {
  Span server = MakeSpan();
  server.Add("http.request.method", "POST");
  server.Add("http.response.status_code", 503);
  server.failed = true;
  Span child = MakeSpan();
  child.context.span_id = 1;
  child.parent_id = server.context.span_id;
  child.trace_state = "vendor=1";
  child.name = "compute";
  child.kind = SpanKind::kInternal;
  const Span spans[] = {server, child};
  EXPECT_EQ(
      EncodeSpans({{"service.name", "bantam"}}, spans),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"bantam"}}]},)"
      R"("scopeSpans":[{"scope":{"name":"bantam"},"spans":[)"
      R"({"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","flags":1,)"
      R"("name":"POST /v1/embeddings","kind":2,"startTimeUnixNano":"1795670400123456789",)"
      R"("endTimeUnixNano":"1795670400223456789","attributes":[)"
      R"({"key":"http.request.method","value":{"stringValue":"POST"}},)"
      R"({"key":"http.response.status_code","value":{"intValue":"503"}}],"status":{"code":2}},)"
      R"({"traceId":"5b8efff798038103d269b633813fc60c","spanId":"0000000000000001",)"
      R"("parentSpanId":"eee19b7ec3c1b174","traceState":"vendor=1","flags":1,"name":"compute","kind":1,)"
      R"("startTimeUnixNano":"1795670400123456789","endTimeUnixNano":"1795670400223456789","attributes":[]}]}]}]})");
}

TEST(OtlpJson, AnyBytesBecomeText) {
  Span span = MakeSpan();
  span.Add("url.path", std::string("/\xff\xc0\"\\\n\0\xe2\x82", 9));
  span.Add("long", std::string(100'000, 'x'));
  const std::string body = EncodeSpans({}, {&span, 1});
  EXPECT_OK(ParseJson(body, "body"));
  EXPECT_LT(body.size(), 4096u);
}

TEST(OtlpJson, WhatACollectorDidNotTake) {
  const PartialSuccess partial =
      ReadPartialSuccess(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}})");
  EXPECT_EQ(partial.rejected, 3u);
  EXPECT_EQ(partial.message, "too old");
  EXPECT_EQ(ReadPartialSuccess(R"({"partialSuccess":{"rejectedSpans":2}})").rejected, 2u);
  for (const char* none :
       {"", "{}", "null", "[1]", "<html>", R"({"partialSuccess":7})", R"({"partialSuccess":{}})",
        R"({"partialSuccess":{"rejectedSpans":"many"}})", R"({"partialSuccess":{"rejectedSpans":-1}})",
        R"({"partialSuccess":{"rejectedSpans":{}}})"}) {
    EXPECT_EQ(ReadPartialSuccess(none).rejected, 0u) << none;
  }
}

}  // namespace
}  // namespace bantam
