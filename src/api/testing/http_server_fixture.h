// For tests only: a real server on a free port with an application that does as it is told, and a raw socket to it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "api/http_server.h"
#include "base/file_io.h"
#include "base/testing.h"

namespace bantam::testing {

// /echo sends the body back, /hold waits until released or stopped, /stream sends pieces until the client is gone,
// /kept waits on a thread of its own, and /kept/silent then says nothing. /upload takes a body of any size.
// Keeps what it is given, until a piece has an 'F' in it.
class TestSink final : public BodySink {
 public:
  Status Write(std::string_view piece) override {
    if (piece.find('F') != std::string_view::npos) return Err(ErrorCode::kOutOfDisk, "the disk is full");
    ++pieces;
    bytes += piece;
    return Ok();
  }
  Status Finish() override { return Ok(); }
  std::string bytes;
  int pieces = 0;
};

class TestApp final : public HttpApp {
 public:
  bool TakesUpload(std::string_view, std::string_view path) const override { return path == "/upload"; }
  Result<std::shared_ptr<BodySink>> OpenUpload(const HttpRequest& request) override {
    if (!request.Header("x-refuse").empty()) return Err(ErrorCode::kForbidden, "not you");
    return std::make_shared<TestSink>();
  }
  bool IsLight(const HttpRequest& request) const override { return request.path == "/light"; }
  bool IsQuick(const HttpRequest& request) const override { return request.path.starts_with("/quick"); }
  MemoryPressure Pressure() override { return pressure; }
  ~TestApp() override {
    for (std::thread& thread : later) thread.join();
  }
  void Handle(const HttpRequest& request, Responder& responder) override {
    if (request.path == "/quick/lost") return (void)responder.Detach();
    if (request.path == "/quick/later" || request.path == "/later") {
      const bool fails = request.body == "fail";
      std::lock_guard lock(mutex);
      later.emplace_back([this, fails, body = request.body, reply = responder.Detach()] {
        ++holding;
        while (!released) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        --holding;
        reply([fails, body]() -> HttpReply {
          if (fails) throw std::runtime_error("a reply's bug");
          return {.status = 200, .content_type = "text/plain", .body = "late " + body, .headers = {}};
        });
        reply([]() -> HttpReply { return {.status = 500, .content_type = {}, .body = "twice", .headers = {}}; });
      });
      return;
    }
    if (request.path == "/quick/long") {
      return responder.ContinueOnWorker([this, &request](Responder& own) {
        ++holding;
        while (!released && !request.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (request.stop.stop_requested()) ++stopped;
        --holding;
        if (request.body == "fail") throw std::runtime_error("a worker's bug");
        if (request.body == "silent") return;
        own.Send({.status = 200, .content_type = "text/plain", .body = "long " + request.body, .headers = {}});
      });
    }
    if (request.path.starts_with("/kept")) {
      std::shared_ptr<Responder> kept = responder.TakeOver();
      std::lock_guard lock(mutex);
      later.emplace_back([this, kept, &request] {
        if (request.path == "/kept/lost") return;
        ++holding;
        while (!released && !request.stop.stop_requested()) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        if (request.stop.stop_requested()) ++stopped;
        --holding;
        if (request.path == "/kept/silent") return;
        kept->BeginStream({.status = 200, .content_type = "text/plain", .body = {}, .headers = {}});
        kept->Write("kept ");
        kept->Write(request.body);
        kept->End();
      });
      return;
    }
    if (request.path == "/silent-stream") {
      responder.BeginStream({.status = 200, .content_type = "text/plain", .body = {}, .headers = {}});
      ++holding;
      while (!released && !request.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (request.stop.stop_requested()) ++stopped;
      --holding;
      responder.Write("more");
      return responder.End();
    }
    if (request.path == "/hold") {
      ++holding;
      while (!released && !request.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (request.stop.stop_requested()) ++stopped;
      --holding;
    }
    if (request.path == "/stream") {
      responder.BeginStream({.status = 200, .content_type = "text/plain", .body = {}, .headers = {}});
      const std::string piece(16 * 1024, 'x');
      int pieces = 0;
      while (pieces < 1000 && responder.Write(piece)) ++pieces;
      stream_pieces = pieces;
      return responder.End();
    }
    if (request.path == "/upload") {
      const auto& sink = static_cast<const TestSink&>(*request.upload);
      return responder.Send({.status = 201,
                             .content_type = "text/plain",
                             .body = std::to_string(sink.bytes.size()) + " in " + std::to_string(sink.pieces) + ": " +
                                     sink.bytes.substr(0, 20),
                             .headers = {}});
    }
    if (request.path == "/throw") throw std::runtime_error("a handler's bug");
    responder.Send({.status = 200,
                    .content_type = "text/plain",
                    .body = request.method + " " + request.path + " " + request.body,
                    .headers = {}});
  }
  HttpReply RenderError(std::string_view, int status, const std::string& message) const override {
    return {.status = status, .content_type = "text/plain", .body = message, .headers = {}};
  }
  void OnFinished(const HttpRequest&, const Finished& finished) override {
    last_status = finished.status;
    last_sent_bytes = finished.sent_bytes;
  }
  void OnRefused(const HttpRequest& request, int status) override {
    last_refusal = request.method + " " + request.path + " " + std::to_string(status);
  }

  std::atomic<bool> released = false;
  std::atomic<int> holding = 0, stopped = 0, stream_pieces = -1, last_status = 0;
  std::atomic<uint64_t> last_sent_bytes = 0;
  std::atomic<MemoryPressure> pressure = MemoryPressure::kNone;
  std::string last_refusal;  // after the server has stopped
  std::mutex mutex;
  std::vector<std::thread> later;
};

class Client {
 public:
  explicit Client(int port, int receive_buffer = 0, bool expect_refusal = false)
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), expect_refusal ? -1 : 0);
  }
  size_t Send(std::string_view bytes) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  // Until the server closes, `wanted` bytes are there, or 5 s have passed.
  std::string Receive(size_t wanted = std::string::npos) {
    std::string out;
    char buffer[65536];
    while (out.size() < wanted) {
      pollfd ready{fd_.get(), POLLIN, 0};
      if (::poll(&ready, 1, 5000) <= 0) return out + "<timeout>";
      const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return out;
      out.append(buffer, static_cast<size_t>(got));
    }
    return out;
  }
  void HalfClose() { ::shutdown(fd_.get(), SHUT_WR); }
  void Close() { fd_ = UniqueFd(); }
  void Reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    fd_ = UniqueFd();
  }

 protected:
  UniqueFd fd_;
};

class HttpServerFixture : public ::testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.port = 0;
    auto server = HttpServer::Listen(options, app);
    ASSERT_OK(server);
    server_ = std::move(*server);
    thread_ = std::thread([this] { EXPECT_OK(server_->Run()); });
  }
  void TearDown() override {
    app->released = true;
    Stop();
  }
  void Stop() {
    if (!thread_.joinable()) return;
    server_->Stop();
    thread_.join();
  }
  std::string Ask(std::string_view request) {
    Client client(server_->port());
    client.Send(request);
    return client.Receive();
  }
  // Of the reply itself: interim ones before it are passed over, as clients do.
  static int StatusOf(std::string_view reply) {
    constexpr std::string_view kInterim = "HTTP/1.1 100 Continue\r\n\r\n";
    while (reply.starts_with(kInterim)) reply.remove_prefix(kInterim.size());
    return reply.size() > 12 ? std::atoi(std::string(reply.substr(9, 3)).c_str()) : 0;
  }
  static bool Eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 5000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return condition();
  }

  std::shared_ptr<TestApp> app = std::make_shared<TestApp>();
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

}  // namespace bantam::testing
