// The exporter against collectors that do everything wrong that they do.
#include "trace/span_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/testing/scripted_server.h"

namespace bantam {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::ScriptedServer;
using Connection = ScriptedServer::Connection;

std::string Reply(int status, std::string_view body, std::string_view headers = "") {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}\r\n{}", status, body.size(), headers, body);
}

Span MakeSpan() {
  Span span;
  span.context = NewTrace();
  span.name = "GET";
  return span;
}

ExportOptions To(const ScriptedServer& server) {
  return {.url = server.Url("/v1/traces"), .headers = {{"api-key", "k"}}, .resource = {{"service.name", "desk"}}};
}

MonotonicTime In(seconds time) { return MonotonicNow() + time; }

TEST(SpanExporter, SendsWhatWaitsBeforeItEnds) {
  ScriptedServer server([](Connection& c) {
    while (!c.ReadRequest().empty()) c.Send(Reply(200, "{}"));
  });
  SpanExporter exporter(To(server));
  for (int i = 0; i < 3; ++i) exporter.Add(MakeSpan());
  exporter.Stop(In(seconds(5)));
  EXPECT_EQ(exporter.Stats().sent, 3u);
  EXPECT_EQ(exporter.Stats().dropped, 0u);
  ASSERT_EQ(server.requests().size(), 1u);
  EXPECT_THAT(server.requests()[0], HasSubstr("POST /v1/traces HTTP/1.1"));
  EXPECT_THAT(server.requests()[0], HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(server.requests()[0], HasSubstr("api-key: k\r\n"));
  EXPECT_THAT(server.requests()[0], HasSubstr(R"("stringValue":"desk")"));
  exporter.Add(MakeSpan());
  EXPECT_EQ(exporter.Stats().dropped, 1u);
}

TEST(SpanExporter, AsksAgainWhereItIsToldTo) {
  ScriptedServer server([](Connection& c) {
    for (const int status : {503, 429, 200}) {
      if (c.ReadRequest().empty()) return;
      c.Send(Reply(status, "", "Retry-After: 0\r\n"));
    }
  });
  SpanExporter exporter(To(server));
  exporter.Add(MakeSpan());
  exporter.Stop(In(seconds(5)));
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_EQ(exporter.Stats().sent, 1u);
}

TEST(SpanExporter, WhatIsRefusedOrRejectedIsCounted) {
  ScriptedServer server([](Connection& c) {
    c.ReadRequest();
    c.Send(Reply(400, "no", "Connection: close\r\n"));
  });
  SpanExporter refused(To(server));
  refused.Add(MakeSpan());
  refused.Stop(In(seconds(5)));
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(refused.Stats().dropped, 1u);

  ScriptedServer picky([](Connection& c) {
    c.ReadRequest();
    c.Send(Reply(200, R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"old"}})"));
  });
  SpanExporter rejected(To(picky));
  for (int i = 0; i < 3; ++i) rejected.Add(MakeSpan());
  rejected.Stop(In(seconds(5)));
  EXPECT_EQ(rejected.Stats().sent, 2u);
  EXPECT_EQ(rejected.Stats().dropped, 1u);
}

TEST(SpanExporter, NobodyThereCostsNobodyAnything) {
  SpanExporter exporter({.url = fmt::format("http://127.0.0.1:{}/v1/traces", ScriptedServer::ClosedPort())});
  for (int i = 0; i < 10'000; ++i) exporter.Add(MakeSpan());
  exporter.Stop(In(seconds(60)));
  EXPECT_EQ(exporter.Stats().sent, 0u);
  EXPECT_EQ(exporter.Stats().dropped, 10'000u);
}

TEST(SpanExporter, ACollectorThatHangsHoldsNothingUp) {
  ScriptedServer server([](Connection& c) {
    c.ReadRequest();
    c.WaitForPeerToClose();
  });
  SpanExporter exporter(To(server));
  for (int i = 0; i < 10'000; ++i) exporter.Add(MakeSpan());
  exporter.Stop(MonotonicNow() + std::chrono::milliseconds(50));
  EXPECT_EQ(exporter.Stats().dropped, 10'000u);
}

TEST(SpanExporter, RepliesThatAreNoneAreNotTaken) {
  ScriptedServer server([](Connection& c) {
    c.ReadRequest();
    c.Send("SSH-2.0-OpenSSH_9.2\r\n");
  });
  SpanExporter exporter(To(server));
  exporter.Add(MakeSpan());
  exporter.Stop(In(seconds(5)));
  EXPECT_EQ(exporter.Stats().dropped, 1u);
}

}  // namespace
}  // namespace bantam
