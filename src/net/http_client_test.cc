#include "net/http_client.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/testing.h"
#include "net/testing/scripted_server.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using testing::ScriptedServer;

std::string Answer(std::string_view body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Two: a\r\nContent-Length: {}\r\n\r\n{}",
                     body.size(), body);
}

// Answers every request on a connection with its own body.
void Echo(ScriptedServer::Connection& c) {
  for (std::string request = c.ReadRequest(); !request.empty(); request = c.ReadRequest()) {
    c.Send(Answer(request.substr(request.find("\r\n\r\n") + 4)));
  }
}

ErrorCode CodeOf(const Result<IncomingResponse>& result) {
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? ErrorCode{} : result.error().code;
}

TEST(HttpClient, SendsAndReceives) {
  ScriptedServer server(Echo);
  HttpClient client;
  ASSERT_OK_AND_ASSIGN(IncomingResponse r,
                       client.Send({.method = "POST",
                                    .url = server.Url("/v1/x?y=1"),
                                    .headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}},
                                    .body = std::string("a\0b", 3)},
                                   {}));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, std::string("a\0b", 3));
  EXPECT_EQ(r.Header("x-two"), "a");
  EXPECT_EQ(r.Header("missing"), "");
  const std::string request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /v1/x?y=1 HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_NE(request.find("X-Empty:"), std::string::npos);
  EXPECT_EQ(request.find("Expect:"), std::string::npos);
}

TEST(HttpClient, OtherMethods) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    c.ReadRequest();
    c.Send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  for (const char* method : {"GET", "PUT", "DELETE", "HEAD", "PATCH"}) {
    ASSERT_OK_AND_ASSIGN(IncomingResponse r, HttpClient().Send({.method = method, .url = server.Url("/")}, {}));
    EXPECT_EQ(r.status, 204);
    EXPECT_TRUE(server.requests().back().starts_with(std::string(method) + " / ")) << server.requests().back();
  }
}

TEST(HttpClient, ReusesConnections) {
  ScriptedServer server(Echo);
  HttpClient client;
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(IncomingResponse r,
                         client.Send({.method = "POST", .url = server.Url("/"), .body = std::to_string(i)}, {}));
    EXPECT_EQ(r.body, std::to_string(i));
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, ManyThreads) {
  ScriptedServer server(Echo);
  HttpClient client;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string body = fmt::format("{}/{}", t, i);
        const auto r = client.Send({.method = "POST", .url = server.Url("/"), .body = body}, {});
        ASSERT_OK(r);
        EXPECT_EQ(r->body, body);  // never another request's answer
      }
    });
  }
}

TEST(HttpClient, StreamsPiecesAfterTheHead) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    c.ReadRequest();
    c.Send("HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) c.Send("2\r\nab\r\n"), c.Pause(milliseconds(5));
    c.Send("0\r\nX-Trailer: 1\r\n\r\n");
  });
  std::string body;
  int heads = 0;
  const HttpCallbacks callbacks{.on_head =
                                    [&](const IncomingResponse& head) {
                                      EXPECT_EQ(head.status, 200);
                                      EXPECT_EQ(head.Header("x-interim"), "");
                                      EXPECT_TRUE(body.empty());
                                      ++heads;
                                    },
                                .on_body = [&](std::string_view piece) { return body += piece, true; }};
  ASSERT_OK_AND_ASSIGN(IncomingResponse r, HttpClient().Send({.url = server.Url("/")}, callbacks));
  EXPECT_EQ(body, "ababab");
  EXPECT_EQ(r.body, "");
  EXPECT_EQ(r.Header("x-trailer"), "");
  EXPECT_EQ(heads, 1);
}

TEST(HttpClient, ReceiverWithEnoughKeepsTheConnectionWhenTheBodyEndsSoon) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    while (!c.ReadRequest().empty()) {
      c.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndone\r\n");
      c.Pause(milliseconds(2));
      c.Send("0\r\n\r\n");
    }
  });
  HttpClient client;
  for (int i = 0; i < 3; ++i) {
    EXPECT_OK(client.Send({.url = server.Url("/")}, {.on_body = [](std::string_view) { return false; }}));
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, ReceiverWithEnoughIsNotHeldUp) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    c.ReadRequest();
    c.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndone\r\n");
    if (c.number() == 0) {
      c.WaitForPeerToClose();
    } else {
      while (c.Send("4\r\nmore\r\n")) {
      }
    }
  });
  HttpClient client;
  const HttpCallbacks enough{.on_body = [](std::string_view) { return false; }};
  EXPECT_EQ(CodeOf(client.Send({.url = server.Url("/silent")}, enough)), ErrorCode::kCancelled);
  EXPECT_EQ(CodeOf(client.Send({.url = server.Url("/endless")}, enough)), ErrorCode::kCancelled);
}

TEST(HttpClient, RefusedConnection) {
  const auto r =
      HttpClient().Send({.url = fmt::format("http://127.0.0.1:{}/secret-path", ScriptedServer::ClosedPort())}, {});
  EXPECT_EQ(CodeOf(r), ErrorCode::kUnavailable);
  EXPECT_NE(r.error().message.find("cannot connect to http://127.0.0.1:"), std::string::npos) << r.error().message;
  EXPECT_EQ(r.error().message.find("secret"), std::string::npos);
}

TEST(HttpClient, UnknownHost) {
  EXPECT_EQ(CodeOf(HttpClient().Send({.url = "http://nobody.invalid/"}, {})), ErrorCode::kUnavailable);
}

TEST(HttpClient, BrokenConnections) {
  for (const std::string sent : {"", "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n"}) {
    for (const bool reset : {false, true}) {
      ScriptedServer server([&](ScriptedServer::Connection& c) {
        c.ReadRequest();
        c.Send(sent);
        if (reset) c.Reset();
      });
      EXPECT_EQ(CodeOf(HttpClient().Send({.url = server.Url("/")}, {})), ErrorCode::kUnavailable) << sent << reset;
    }
  }
}

TEST(HttpClient, SaysWhetherTheRequestMayHaveArrived) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    if (!c.ReadRequest().empty()) c.Send(c.number() == 0 ? Answer("ok") : std::string("HT"));
  });
  HttpClient client;
  bool reached = false;
  EXPECT_OK(client.Send({.url = server.Url("/")}, {.reached = &reached}));
  EXPECT_TRUE(reached);
  EXPECT_EQ(CodeOf(client.Send({.url = fmt::format("http://127.0.0.1:{}/", ScriptedServer::ClosedPort())},
                               {.reached = &reached})),
            ErrorCode::kUnavailable);
  EXPECT_FALSE(reached);
  EXPECT_FALSE(client.Send({.method = "POST", .url = server.Url("/"), .body = "x"}, {.reached = &reached}));
  EXPECT_TRUE(reached);
}

TEST(HttpClient, TimeOuts) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    const std::string request = c.ReadRequest();
    if (request.find("/idle") != std::string::npos) c.Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    if (request.find("/drip") != std::string::npos) c.SendSlowly(Answer(std::string(1000, 'x')), milliseconds(5));
    c.WaitForPeerToClose();
  });
  HttpClient client;
  auto r = client.Send({.url = server.Url("/silent"), .first_byte_timeout = milliseconds(40)}, {});
  EXPECT_EQ(CodeOf(r), ErrorCode::kDeadline);
  EXPECT_NE(r.error().message.find("did not begin an answer"), std::string::npos) << r.error().message;
  r = client.Send({.url = server.Url("/idle"), .idle_timeout = milliseconds(40)}, {});
  EXPECT_EQ(CodeOf(r), ErrorCode::kDeadline);
  EXPECT_NE(r.error().message.find("fell silent"), std::string::npos) << r.error().message;
  r = client.Send({.url = server.Url("/drip"), .deadline = MonotonicNow() + milliseconds(60)}, {});
  EXPECT_EQ(CodeOf(r), ErrorCode::kDeadline);
  EXPECT_NE(r.error().message.find("did not finish"), std::string::npos) << r.error().message;
  r = client.Send({.url = server.Url("/past"), .deadline = MonotonicNow() - milliseconds(1)}, {});
  EXPECT_EQ(CodeOf(r), ErrorCode::kDeadline);
}

TEST(HttpClient, CancellationEndsEachPhase) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    if (c.ReadRequest().find("/body") != std::string::npos) c.Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    c.WaitForPeerToClose();
  });
  HttpClient client;
  for (const char* path : {"/head", "/body"}) {
    std::stop_source source;
    std::jthread canceller([&] {
      while (server.requests().empty() || server.requests().back().find(path) == std::string::npos) {
        std::this_thread::sleep_for(milliseconds(1));
      }
      std::this_thread::sleep_for(milliseconds(10));
      source.request_stop();
    });
    // Without cancellation this would wait 15 s and answer kDeadline.
    EXPECT_EQ(CodeOf(client.Send({.url = server.Url(path)}, {}, source.get_token())), ErrorCode::kCancelled) << path;
    // A request that is cancelled already is not begun.
    const int before = server.connections();
    EXPECT_EQ(CodeOf(client.Send({.url = server.Url(path)}, {}, source.get_token())), ErrorCode::kCancelled);
    EXPECT_EQ(server.connections(), before);
  }
}

TEST(HttpClient, RedirectsAreNotFollowed) {
  ScriptedServer target(Echo);
  ScriptedServer server([&](ScriptedServer::Connection& c) {
    c.ReadRequest();
    c.Send(fmt::format("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", target.Url("/")));
  });
  ASSERT_OK_AND_ASSIGN(IncomingResponse r, HttpClient().Send({.url = server.Url("/")}, {}));
  EXPECT_EQ(r.status, 302);
  EXPECT_EQ(target.connections(), 0);
}

TEST(HttpClient, ProxiesOfTheEnvironmentAreUsedOnlyWhenAsked) {
  ScriptedServer server(Echo), proxy(Echo);
  ::setenv("http_proxy", proxy.Url("").c_str(), 1);
  EXPECT_OK(HttpClient().Send({.url = server.Url("/")}, {}));
  EXPECT_EQ(proxy.connections(), 0);
  EXPECT_OK(HttpClient().Send({.url = server.Url("/"), .use_environment_proxy = true}, {}));
  EXPECT_EQ(proxy.connections(), 1);
  ::unsetenv("http_proxy");
}

TEST(HttpClient, Limits) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    const std::string request = c.ReadRequest();
    if (request.find("/stated") != std::string::npos) c.Send("HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n");
    if (request.find("/endless") != std::string::npos) c.Send("HTTP/1.1 200 OK\r\n\r\n");
    if (request.find("/headers") != std::string::npos) {
      c.Send("HTTP/1.1 200 OK\r\n");
      while (c.Send("x-a: " + std::string(1000, 'a') + "\r\n")) {
      }
    }
    while (c.Send(std::string(10'000, 'x'))) {
    }
  });
  HttpClient client;
  for (const char* path : {"/stated", "/endless", "/headers"}) {
    EXPECT_EQ(CodeOf(client.Send({.url = server.Url(path), .max_response_bytes = 100'000}, {})), ErrorCode::kTooLarge)
        << path;
  }
}

TEST(HttpClient, WhatIsNotHttpIsCorrupt) {
  ScriptedServer server([](ScriptedServer::Connection& c) {
    c.ReadRequest();
    c.Send("SSH-2.0-OpenSSH_9.2\r\n");
  });
  EXPECT_EQ(CodeOf(HttpClient().Send({.url = server.Url("/")}, {})), ErrorCode::kCorrupt);
}

TEST(HttpClient, RefusesWrongRequests) {
  HttpClient client;
  for (const std::string url : {"", "ftp://x/", "file:///etc/passwd", "http://", "http:///x", "http://user:hunter2@x/",
                                "http://x/a b", "http://x/\r\nHost: y", "http://good\\@evil/", "gopher://x"}) {
    const auto r = client.Send({.url = url}, {});
    EXPECT_EQ(CodeOf(r), ErrorCode::kInvalidArgument) << url;
    EXPECT_EQ(r.error().message.find("hunter2"), std::string::npos);
    EXPECT_EQ(r.error().message.find('\n'), std::string::npos);
  }
  EXPECT_EQ(CodeOf(client.Send({.method = "GET /", .url = "http://x/"}, {})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(client.Send({.url = "http://x/", .headers = {{"a b", "c"}}}, {})), ErrorCode::kInvalidArgument);
  const auto r = client.Send({.url = "http://x/", .headers = {{"Authorization", "Bearer hunter2\r\nX: y"}}}, {});
  EXPECT_EQ(CodeOf(r), ErrorCode::kInvalidArgument);
  EXPECT_EQ(r.error().message.find("hunter2"), std::string::npos);
}

TEST(HttpClient, OriginIsWhatMessagesName) {
  EXPECT_EQ(OriginOf("HTTPS://api.example.com:8443/v1?key=secret").value_or(""), "HTTPS://api.example.com:8443");
  EXPECT_EQ(OriginOf("http://[::1]:80").value_or(""), "http://[::1]:80");
}

}  // namespace
}  // namespace bantam
