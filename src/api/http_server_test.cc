// A real server on a free port, spoken to over raw sockets.
#include "api/http_server.h"

#include <future>
#include <random>

#include "api/testing/http_server_fixture.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;
using testing::Client;
using HttpServerTest = testing::HttpServerFixture;

constexpr std::string_view kGet = "GET /light HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr std::string_view kClose = "GET /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

TEST_F(HttpServerTest, KeepAliveAndPipelining) {
  Start();
  const std::string reply = Ask(
      std::string(kGet) + "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello" +
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" +
      std::string(kClose));
  const size_t first = reply.find("GET /light "), second = reply.find("POST /echo hello"),
               third = reply.find("POST /echo abcde"), fourth = reply.find("GET /a ");
  EXPECT_TRUE(first < second && second < third && third < fourth && fourth != std::string::npos) << reply;
  EXPECT_NE(reply.find("X-Request-Id: req_"), std::string::npos);
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  Start();
  const std::string reply = Ask("HEAD /light HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_NE(reply.find("Content-Length: 12\r\n"), std::string::npos) << reply;
  EXPECT_TRUE(reply.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, LimitsAreKept) {
  ServerOptions options;
  options.max_body_bytes = 1000;
  Start(options);
  EXPECT_EQ(StatusOf(Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n")), 413);
  EXPECT_EQ(
      StatusOf(Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n")),
      413);
  EXPECT_EQ(StatusOf(Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                         std::string(1001, 'a') + "\r\n0\r\n\r\n")),
            413);
  EXPECT_EQ(StatusOf(Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n")), 400);
  EXPECT_EQ(StatusOf(Ask("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n")), 431);
  EXPECT_EQ(StatusOf(Ask("\x16\x03\x01\x02")), 400);
  EXPECT_EQ(StatusOf(Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\nhello")), 400);
  EXPECT_NE(Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: "
                "close\r\n\r\nok")
                .find("HTTP/1.1 100 Continue"),
            std::string::npos);
}

TEST_F(HttpServerTest, WhatIsAnsweredAndWhatIsRefusedIsToldToTheApp) {
  Start();
  const std::string reply = Ask(kClose);
  EXPECT_TRUE(Eventually([&] { return app->last_sent_bytes == reply.size(); }));
  const std::string refused = Ask("POST /x?key=1 HTTP/1.1\r\nHost: evil.com\r\n\r\n");
  EXPECT_NE(refused.find("X-Request-Id: req_"), std::string::npos) << refused;
  Stop();
  EXPECT_EQ(app->last_refusal, "POST /x 421");
}

TEST_F(HttpServerTest, ShortOfMemoryItTakesNoNewWork) {
  Start();
  const std::string ask = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok";
  app->pressure = MemoryPressure::kSome;
  const std::string last = Ask(ask);
  EXPECT_EQ(StatusOf(last), 200);
  EXPECT_NE(last.find("Connection: close\r\n"), std::string::npos) << last;
  app->pressure = MemoryPressure::kHard;
  // Before the body is there.
  const std::string refused = Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n");
  EXPECT_EQ(StatusOf(refused), 503);
  EXPECT_NE(refused.find("Retry-After: 1\r\n"), std::string::npos) << refused;
  EXPECT_EQ(StatusOf(Ask("GET /light HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")), 200);
  // A body that is on its way is not read on.
  app->pressure = MemoryPressure::kNone;
  Client client(server_->port());
  client.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\nbegun");
  std::this_thread::sleep_for(milliseconds(50));
  app->pressure = MemoryPressure::kHard;
  client.Send(std::string(1000, 'x'));
  EXPECT_EQ(StatusOf(client.Receive()), 503);
  app->pressure = MemoryPressure::kNone;
  EXPECT_EQ(Ask(ask).find("Connection: close"), std::string::npos);
}

TEST_F(HttpServerTest, OnlyLocalHostsAndOwnPages) {
  Start();
  EXPECT_EQ(StatusOf(Ask("GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n")), 421);
  EXPECT_EQ(
      StatusOf(Ask("GET /a HTTP/1.1\r\nHost: localhost:1\r\nOrigin: https://evil.com\r\nConnection: close\r\n\r\n")),
      403);
  EXPECT_EQ(StatusOf(Ask("GET /a HTTP/1.1\r\nHost: localhost:1\r\nOrigin: null\r\nConnection: close\r\n\r\n")), 403);
  EXPECT_EQ(
      StatusOf(Ask("GET /a HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:1\r\nConnection: close\r\n\r\n")),
      200);
}

TEST_F(HttpServerTest, SlowHeadsAndBodiesAreCutOff) {
  ServerOptions options;
  options.header_timeout = milliseconds(100);
  options.body_timeout = milliseconds(100);
  options.idle_timeout = milliseconds(100);
  Start(options);
  EXPECT_EQ(StatusOf(Ask("GET / HT")), 408);
  EXPECT_EQ(StatusOf(Ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe")), 408);
  EXPECT_EQ(Ask(""), "");  // idle: closed without a word
}

TEST_F(HttpServerTest, FullQueueIsRefusedAtOnce) {
  ServerOptions options;
  options.num_workers = 2;
  options.max_queued = 1;
  Start(options);
  std::vector<std::future<std::string>> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(std::async(
        std::launch::async, [&] { return Ask("GET /hold HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); }));
    ASSERT_TRUE(Eventually([&] { return app->holding == std::min(i + 1, 2) && server_->gauges().in_flight == i + 1; }));
  }
  const std::string refused = Ask(kClose);
  EXPECT_EQ(StatusOf(refused), 429);
  EXPECT_NE(refused.find("Retry-After: 1"), std::string::npos);
  EXPECT_EQ(StatusOf(Ask("GET /light HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")),
            200);  // health still answers
  app->released = true;
  for (auto& reply : held) EXPECT_EQ(StatusOf(reply.get()), 200);
}

TEST_F(HttpServerTest, ResetStopsItsOwnWorkOnly) {
  Start();
  Client gone(server_->port()), stays(server_->port());
  gone.Send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  stays.Send("GET /hold HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(Eventually([&] { return app->holding == 2; }));
  gone.Reset();
  EXPECT_TRUE(Eventually([&] { return app->holding == 1 && app->stopped == 1; }));
  EXPECT_EQ(app->last_status, 499);
  app->released = true;
  EXPECT_EQ(StatusOf(stays.Receive()), 200);
}

// Both look the same until something is sent: whoever closed refuses it, whoever half-closed reads on.
TEST_F(HttpServerTest, ACloseStopsTheWorkAndAHalfCloseStillGetsItsAnswer) {
  Start();
  for (const char* path : {"/hold", "/kept", "/quick/long"}) {
    const std::string request = fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", path);
    app->released = false;
    app->stopped = 0;
    Client half(server_->port()), closes(server_->port());
    half.Send(request);
    closes.Send(request);
    ASSERT_TRUE(Eventually([&] { return app->holding == 2; })) << path;
    half.HalfClose();
    closes.Close();
    EXPECT_TRUE(Eventually([&] { return app->holding == 1 && app->stopped == 1; })) << path;
    EXPECT_EQ(app->last_status, 499) << path;
    app->released = true;
    const std::string reply = half.Receive();
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")) << reply;
    EXPECT_EQ(app->stopped, 1) << path;
  }
}

TEST_F(HttpServerTest, AStreamThatIsSilentFindsOutWhoLeft) {
  Start();
  Client half(server_->port()), closes(server_->port());
  for (Client* client : {&half, &closes}) {
    client->Send("GET /silent-stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_NE(client->Receive(1).find("200 OK"), std::string::npos);
  }
  ASSERT_TRUE(Eventually([&] { return app->holding == 2; }));
  half.HalfClose();
  closes.Close();
  EXPECT_TRUE(Eventually([&] { return app->holding == 1 && app->stopped == 1; }));
  app->released = true;
  const std::string rest = half.Receive();
  EXPECT_TRUE(rest.ends_with("04\r\nmore\r\n0\r\n\r\n")) << rest;
}

TEST_F(HttpServerTest, AClientOfHttp10CancelsByClosing) {
  Start();
  Client proxy(server_->port());
  proxy.Send("GET /hold HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(Eventually([&] { return app->holding == 1; }));
  proxy.HalfClose();
  EXPECT_TRUE(Eventually([&] { return app->stopped == 1; }));
  EXPECT_EQ(proxy.Receive(), "");
}

TEST_F(HttpServerTest, StreamsInChunksAndStopsForAClientThatLeft) {
  Start();
  Client reader(server_->port());
  reader.Send("GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string whole = reader.Receive();
  EXPECT_NE(whole.find("Transfer-Encoding: chunked"), std::string::npos);
  EXPECT_TRUE(whole.ends_with("0\r\n\r\n"));
  EXPECT_EQ(app->stream_pieces, 1000);
  app->stream_pieces = -1;
  Client leaver(server_->port());
  leaver.Send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  leaver.Receive(1);
  leaver.Reset();
  EXPECT_TRUE(Eventually([&] { return app->stream_pieces >= 0; }));
  EXPECT_LT(app->stream_pieces, 1000);
}

TEST_F(HttpServerTest, ASlowReaderIsBoundedAndDropped) {
  ServerOptions options;
  options.write_timeout = milliseconds(200);
  Start(options);
  Client slow(server_->port(), 4096);
  slow.Send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(Eventually([&] { return app->stream_pieces >= 0; }));
  EXPECT_LT(app->stream_pieces, 1000);  // it did not buffer the 16 MB
}

TEST_F(HttpServerTest, AHandlersBugIsItsRequestsFailure) {
  Start();
  EXPECT_EQ(StatusOf(Ask("GET /throw HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")), 500);
  EXPECT_EQ(StatusOf(Ask(kClose)), 200);
}

TEST_F(HttpServerTest, RepliesMayComeAfterTheirHandlers) {
  Start({.allowed_hosts = {}, .num_workers = 1});
  const auto post = [](std::string_view path, std::string_view body) {
    return fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", path, body.size(), body);
  };
  // More than there are workers: none of them waits. The second request of a connection follows the first at once.
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Client>(server_->port()));
    clients.back()->Send(post(i % 2 == 0 ? "/later" : "/quick/later", std::to_string(i)));
    if (i == 0) clients[0]->Send(post("/quick", "next"));
  }
  while (app->holding < 8) std::this_thread::sleep_for(milliseconds(1));
  Client other(server_->port());
  other.Send(post("/quick", "now"));
  const std::string now = other.Receive(1);
  EXPECT_NE(now.find("POST /quick now"), std::string::npos) << now;
  app->released = true;
  std::string next;
  for (int i = 0; i < 8; ++i) {
    const std::string reply = clients[static_cast<size_t>(i)]->Receive(1);
    EXPECT_TRUE(reply.starts_with("HTTP/1.1 200")) << reply;
    EXPECT_NE(reply.find(fmt::format("late {}", i)), std::string::npos) << reply;
    EXPECT_EQ(reply.find("twice"), std::string::npos) << reply;
    if (i == 0) next = reply;
  }
  for (int i = 0; i < 10 && next.find("POST /quick next") == std::string::npos; ++i) next += clients[0]->Receive(1);
  EXPECT_NE(next.find("POST /quick next"), std::string::npos) << next;

  Client failing(server_->port());
  failing.Send(post("/quick/later", "fail"));
  EXPECT_TRUE(failing.Receive(1).starts_with("HTTP/1.1 500"));
  failing.Send(post("/quick/lost", ""));
  EXPECT_TRUE(failing.Receive(1).starts_with("HTTP/1.1 500"));
}

TEST_F(HttpServerTest, AQuickHandlerMayGoOnOnAWorker) {
  Start({.allowed_hosts = {}, .num_workers = 1, .max_queued = 1});
  const auto ask = [&](std::string_view body) {
    auto client = std::make_unique<Client>(server_->port());
    client->Send(
        fmt::format("POST /quick/long HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", body.size(), body));
    return client;
  };
  const auto first = ask("one");
  while (app->holding < 1) std::this_thread::sleep_for(milliseconds(1));
  const auto second = ask("two");
  Client quick(server_->port());
  quick.Send("POST /quick HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nnow");
  EXPECT_NE(quick.Receive(1).find("now"), std::string::npos);  // the worker is busy, the I/O thread is not
  const std::string full = ask("three")->Receive(1);
  EXPECT_TRUE(full.starts_with("HTTP/1.1 429")) << full;
  EXPECT_NE(full.find("Retry-After"), std::string::npos) << full;
  app->released = true;
  EXPECT_NE(first->Receive(1).find("long one"), std::string::npos);
  EXPECT_NE(second->Receive(1).find("long two"), std::string::npos);
  EXPECT_TRUE(ask("fail")->Receive(1).starts_with("HTTP/1.1 500"));
  EXPECT_TRUE(ask("silent")->Receive(1).starts_with("HTTP/1.1 500"));
  // A client that leaves stops its work, as if a worker had had it from the beginning.
  app->released = false;
  const auto leaves = ask("four");
  while (app->holding < 1) std::this_thread::sleep_for(milliseconds(1));
  leaves->Reset();
  while (app->stopped < 1) std::this_thread::sleep_for(milliseconds(1));
}

TEST_F(HttpServerTest, StopWaitsForLateRepliesAndAClientThatLeftHarmsNobody) {
  Start();
  Client waits(server_->port()), leaves(server_->port());
  for (Client* client : {&waits, &leaves}) {
    client->Send("POST /quick/later HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n!");
  }
  while (app->holding < 2) std::this_thread::sleep_for(milliseconds(1));
  leaves.Reset();
  server_->Stop();
  while (!server_->gauges().draining) std::this_thread::sleep_for(milliseconds(1));
  Client late(server_->port());
  late.Send("GET /quick HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(late.Receive(1).starts_with("HTTP/1.1 503"));
  app->released = true;
  const std::string reply = waits.Receive();
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 200")) << reply;
  EXPECT_NE(reply.find("late !"), std::string::npos) << reply;
  Stop();
}

TEST_F(HttpServerTest, StopFinishesWhatIsInFlight) {
  Start();
  Client held(server_->port()), idle(server_->port()), silent(server_->port());
  held.Send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  idle.Send(kGet);
  ASSERT_EQ(StatusOf(idle.Receive(1)), 200);
  ASSERT_TRUE(Eventually([&] { return app->holding == 1 && server_->gauges().connections == 3; }));
  server_->Stop();
  ASSERT_TRUE(Eventually([&] { return server_->gauges().draining.load(); }));

  // Meanwhile: light requests are answered, on new connections and on kept ones; work is sent elsewhere.
  EXPECT_EQ(StatusOf(Ask(kGet)), 200);
  idle.Send(kGet);
  EXPECT_EQ(StatusOf(idle.Receive()), 200);
  const std::string refused = Ask("GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(StatusOf(refused), 503);
  EXPECT_NE(refused.find("Retry-After: 1\r\n"), std::string::npos) << refused;
  EXPECT_NE(refused.find("Connection: close\r\n"), std::string::npos) << refused;

  app->released = true;
  EXPECT_EQ(StatusOf(held.Receive()), 200);
  EXPECT_EQ(silent.Receive(), "");
  thread_.join();  // with nothing left to do it ends by itself, long before the drain time
  Client late(server_->port(), 0, /*expect_refusal=*/true);
}

TEST_F(HttpServerTest, TheDrainDelayKeepsThePortOpenWithNothingInFlight) {
  ServerOptions options;
  options.drain = milliseconds(0);
  options.drain_delay = milliseconds(200);
  Start(options);
  const MonotonicTime begin = MonotonicNow();
  server_->Stop();
  ASSERT_TRUE(Eventually([&] { return server_->gauges().draining.load(); }));
  EXPECT_EQ(StatusOf(Ask(kGet)), 200);
  thread_.join();
  EXPECT_GE(MonotonicNow() - begin, options.drain_delay);
}

TEST_F(HttpServerTest, LinesThatEndWithLfAloneAreRefusedAtOnce) {
  Start();
  for (const std::string_view request :
       {"GET / HTTP/1.1\nHost: localhost\n\n", "GET / HTTP/1.1\n", "\n", "GET / HTTP/1.1\r\nHost: localhost\n\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\n"}) {
    EXPECT_EQ(StatusOf(Ask(request)), 400) << ::testing::PrintToString(request);  // and not the 408 of later
  }
  Client halves(server_->port());
  halves.Send("\r");
  std::this_thread::sleep_for(milliseconds(20));
  halves.Send("\n" + std::string(kClose));
  EXPECT_EQ(StatusOf(halves.Receive()), 200);
}

TEST_F(HttpServerTest, AClientThatSendsEverythingFirstStillReadsTheRefusal) {
  Start();
  const size_t size = (size_t{4} << 20) + 1;
  Client client(server_->port());
  client.Send(fmt::format("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", size));
  const std::string piece(64 * 1024, 'x');
  for (size_t sent = 0; sent < size; sent += piece.size()) {
    ASSERT_EQ(client.Send(std::string_view(piece).substr(0, size - sent)), std::min(piece.size(), size - sent));
  }
  EXPECT_EQ(StatusOf(client.Receive()), 413);
}

TEST_F(HttpServerTest, OneConnectionTooManyIsToldSo) {
  ServerOptions options;
  options.max_connections = 1;
  Start(options);
  Client first(server_->port());
  ASSERT_TRUE(Eventually([&] { return server_->gauges().connections == 1; }));
  const std::string refused = Ask(kGet);
  EXPECT_EQ(StatusOf(refused), 503);
  EXPECT_NE(refused.find("Retry-After: 1\r\n"), std::string::npos) << refused;
  EXPECT_TRUE(refused.ends_with("too many connections are open; try again in a second")) << refused;
  first.Send(kClose);
  EXPECT_EQ(StatusOf(first.Receive()), 200);
}

TEST_F(HttpServerTest, TheEndOfTheDrainTimeStopsHandlers) {
  ServerOptions options;
  options.drain = milliseconds(50);
  Start(options);
  Client held(server_->port());
  held.Send("GET /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(Eventually([&] { return app->holding == 1; }));
  Stop();
  EXPECT_EQ(app->stopped, 1);
  EXPECT_EQ(StatusOf(held.Receive()), 200);  // the handler's last word
}

TEST_F(HttpServerTest, AResponderMayBeKeptByWorkThatGoesOnElsewhere) {
  ServerOptions options;
  options.num_workers = 1;
  Start(options);
  constexpr std::string_view kKept = "POST /kept HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nword";
  Client first(server_->port()), second(server_->port());
  first.Send(kKept);
  second.Send(kKept);
  ASSERT_TRUE(Eventually([&] { return app->holding == 2; }));  // with one worker, which is free again
  EXPECT_EQ(StatusOf(Ask("GET /work HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")), 200);
  app->released = true;
  const std::string reply = first.Receive(1);
  EXPECT_EQ(StatusOf(reply), 200);
  first.Send(kClose);  // the connection goes on
  const std::string rest = reply + first.Receive();
  EXPECT_NE(rest.find("kept "), std::string::npos) << rest;
  EXPECT_NE(rest.find("word"), std::string::npos) << rest;
  EXPECT_EQ(StatusOf(Ask("GET /kept/lost HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")), 500);
}

// A handler says nothing to a client that has gone. Whoever still reads is told.
TEST_F(HttpServerTest, NoClientThatStillReadsIsLeftWithoutAReason) {
  constexpr std::string_view kSilent = "GET /kept/silent HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ServerOptions options;
  options.drain = milliseconds(50);
  Start(options);
  Client half(server_->port());
  half.Send(kSilent);
  ASSERT_TRUE(Eventually([&] { return app->holding == 1; }));
  half.HalfClose();
  app->released = true;
  EXPECT_EQ(StatusOf(half.Receive()), 500);
  app->released = false;

  Client waits(server_->port());
  waits.Send(kSilent);
  ASSERT_TRUE(Eventually([&] { return app->holding == 1; }));
  Stop();
  const std::string reply = waits.Receive();
  EXPECT_EQ(StatusOf(reply), 503);
  EXPECT_NE(reply.find("Retry-After: 1"), std::string::npos) << reply;
}

TEST_F(HttpServerTest, LongTrailersAreRefused) {
  Start();
  std::string request =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: "
      "chunked\r\n\r\n2\r\nok\r\n0\r\n";
  EXPECT_EQ(StatusOf(Ask(request + "X: 1\r\n\r\n")), 200);
  while (request.size() < 500'000) request += "X: 1\r\n";
  EXPECT_EQ(StatusOf(Ask(request + "\r\n")), 431);
}

TEST_F(HttpServerTest, StopWaitsForKeptResponders) {
  ServerOptions options;
  options.drain = milliseconds(50);
  Start(options);
  Client held(server_->port());
  held.Send("GET /kept HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(Eventually([&] { return app->holding == 1; }));
  Stop();
  EXPECT_EQ(app->stopped, 1);
}

TEST_F(HttpServerTest, ABusyPortNamesTheMend) {
  Start();
  ServerOptions options;
  options.port = server_->port();
  const auto second = HttpServer::Listen(options, app);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_NE(second.error().message.find("PORT="), std::string::npos) << second.error().message;
}

TEST_F(HttpServerTest, RandomBytesNeverHurt) {
  ServerOptions options;
  options.header_timeout = options.body_timeout = milliseconds(30);
  Start(options);
  std::mt19937 random(11);
  const std::string seed =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (int round = 0; round < 400; ++round) {
    std::string bytes = seed;
    for (int edits = 0; edits < 1 + round % 3; ++edits) {
      const size_t at = random() % bytes.size();
      if (random() % 2 == 0)
        bytes[at] = static_cast<char>(random());
      else
        bytes.erase(at, 1 + random() % 4);
      if (bytes.empty()) bytes = "x";
    }
    Client client(server_->port());
    client.Send(bytes);
    client.HalfClose();
    EXPECT_EQ(client.Receive().find("<timeout>"), std::string::npos) << bytes;
  }
  EXPECT_EQ(StatusOf(Ask(kClose)), 200);
  EXPECT_TRUE(Eventually([&] { return server_->gauges().connections == 0 && server_->gauges().in_flight == 0; }));
}

TEST_F(HttpServerTest, AnUploadGoesPastTheLimitOfBodies) {
  ServerOptions options;
  options.max_body_bytes = 100;
  Start(options);
  const std::string body(1'000'000, 'x');
  Client client(server_->port());
  client.Send("POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
  for (size_t at = 0; at < body.size(); at += 50'000) client.Send(std::string_view(body).substr(at, 50'000));
  // The next request of the connection is one like any other.
  client.Send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
  const std::string replies = client.Receive();
  EXPECT_EQ(StatusOf(replies), 201) << replies;
  EXPECT_NE(replies.find("1000000 in "), std::string::npos) << replies;
  EXPECT_NE(replies.find("POST /echo hi"), std::string::npos) << replies;
  const std::string pieces = replies.substr(replies.find(" in ") + 4);
  EXPECT_GT(std::atoi(pieces.c_str()), 1) << "never all of it at once";
}

TEST_F(HttpServerTest, UploadsInChunksAndWithoutBytes) {
  Start();
  const std::string head = "POST /upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
  std::string reply = Ask(head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_NE(reply.find(": abcde"), std::string::npos) << reply;
  reply = Ask(head + "Content-Length: 0\r\n\r\n");
  EXPECT_NE(reply.find("0 in 0: "), std::string::npos) << reply;
  reply = Ask(head + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(StatusOf(reply), 201) << reply;
  EXPECT_EQ(StatusOf(Ask(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n")), 400);
}

TEST_F(HttpServerTest, AnUploadThatIsNotTaken) {
  ServerOptions options;
  options.body_timeout = std::chrono::milliseconds(300);
  Start(options);
  const std::string head = "POST /upload HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_EQ(StatusOf(Ask(head + "X-Refuse: 1\r\nContent-Length: 4\r\n\r\nabcd")), 403);
  EXPECT_EQ(StatusOf(Ask(head + "Content-Length: 4\r\n\r\nabFd")), 507);
  EXPECT_EQ(StatusOf(Ask(head + "Content-Length: 4\r\n\r\nab")), 408) << "the rest never comes";
}

}  // namespace
}  // namespace bantam
