// Asio and Beast stay in this file: they take longer to compile than everything else in the room together.
//
// One connection is one Session, always on the I/O thread: read a head, check it (request_head.h), read the body
// through Beast's parser, hand the request to a worker, write what the worker's Responder sends, begin again. The
// Responder lives on the worker and reaches the session only by posting to the I/O thread.
#include "api/http_server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <set>

#include "api/listen_socket.h"
#include "api/request_head.h"
#include "api/worker_pool.h"
#include "base/log.h"

namespace bantam {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
// Of TCP or of a Unix socket.
using Protocol = asio::generic::stream_protocol;
using Socket = Protocol::socket;
using boost::system::error_code;

constexpr size_t kMaxPendingStreamBytes = 256 * 1024;
// After a refusal, what the client still sends is read and dropped so long, so that it can finish and read our reply.
constexpr std::chrono::milliseconds kDiscardTime{1'000};
constexpr size_t kMaxDiscardedBytes = size_t{64} << 20;
// Connections beyond the limit that are told so; more are dropped without a word.
constexpr size_t kMaxTurnedAway = 64;

std::string_view ReasonPhrase(int status) { return http::obsolete_reason(static_cast<http::status>(status)); }

std::string NewRequestId() {
  // Unique per process start and request; not a secret.
  static const uint64_t start = [] {
    std::random_device device;
    return (static_cast<uint64_t>(device()) << 32) | device();
  }();
  static std::atomic<uint64_t> count = 0;
  return fmt::format("req_{:016x}{:08x}", start, ++count);
}

bool IsSameOrigin(std::string_view origin, std::string_view host_header) {
  return origin == fmt::format("http://{}", host_header) || origin == fmt::format("https://{}", host_header);
}

bool HasBareLf(std::string_view bytes) {
  for (size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    if (at == 0 || bytes[at - 1] != '\r') return true;
  }
  return false;
}

class Server;

// The half of an exchange that a worker may outlive: shared by the session and the responder.
struct Exchange {
  HttpRequest request;
  std::stop_source stop, client_finished;
  bool keep_alive = true;
  int minor_version = 1;
  bool head_only = false;    // HEAD: the body is not sent
  bool holds_drain = false;  // work for which the end of a drain waits
  std::atomic<int> status = 0;

  // Streaming: bytes handed to the session and not yet written. `gone` wakes a blocked writer.
  std::mutex mutex;
  std::condition_variable drained;
  size_t pending = 0;
  bool gone = false;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Server& server, Socket socket);
  ~Session();
  void Begin() { ReadHead(); }
  // For one connection too many.
  void TurnAway() { Refuse(503, "too many connections are open; try again in a second"); }
  // The server drains: close if idle, else after the reply. `now`: cut what still runs.
  void Drain(bool now);

  // From the responder, on the I/O thread.
  void WriteReply(std::shared_ptr<Exchange> exchange, std::string bytes, bool last);
  // Makes and sends a reply that comes after its handler has returned, if anybody still waits for it.
  void ReplyLate(const std::shared_ptr<Exchange>& exchange, const std::function<HttpReply()>& make);

 private:
  void ReadHead();
  void OnHeadBytes(error_code ec, size_t count);
  void HeadComplete(size_t head_bytes);
  void ReadBody();
  void SendContinue();
  void OnBody(error_code ec);
  void Dispatch();
  void WatchForClose();
  void Refuse(int status, const std::string& message);
  void Discard();
  void OnDiscarded(error_code ec, size_t count);
  void PumpWrites();
  void Limit(MonotonicTime deadline);
  void NoLimit() { deadline_ = MonotonicTime::max(); }
  void Arm();
  void Finished();
  void SignOff(int status);
  void Close();

  Server& server_;
  Socket socket_;
  // One time limit at a time, for what the connection waits for now. Its expiry cancels the operation, which then finds
  // timed_out_ set and can still write a reply (Beast's tcp_stream would have closed the socket).
  asio::steady_timer timer_;
  MonotonicTime deadline_ = MonotonicTime::max();  // the limit
  MonotonicTime rings_ = MonotonicTime::max();     // when the timer looks at it
  bool timed_out_ = false;
  beast::flat_buffer buffer_;
  RequestHead head_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::shared_ptr<Exchange> exchange_;  // the request being answered
  MonotonicTime head_deadline_;
  std::deque<std::string> writes_;
  bool writing_ = false;
  bool last_queued_ = false;
  bool close_after_write_ = false;
  bool closed_ = false;
  bool peer_finished_ = false;
  size_t discarded_ = 0;
  std::string peer_;  // its address
};

// Replies that their handlers still owe. The server outlives them all.
class LateReplies {
 public:
  void Begin() {
    std::lock_guard lock(mutex_);
    ++count_;
  }
  void End() {
    std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();  // inside the lock: whoever waits destroys us
  }
  void WaitForAll() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [&] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  int count_ = 0;
};

// One of them.
class LateReply {
 public:
  LateReply(std::shared_ptr<Session> session, std::shared_ptr<Exchange> exchange, asio::io_context& io,
            LateReplies& replies)
      : session_(std::move(session)), exchange_(std::move(exchange)), io_(io), replies_(replies) {
    replies_.Begin();
  }
  LateReply(const LateReply&) = delete;
  LateReply& operator=(const LateReply&) = delete;
  ~LateReply() {
    if (session_ != nullptr) Send(nullptr);  // whoever should have answered has lost it
  }
  void Send(std::function<HttpReply()> make) {
    if (session_ == nullptr) return;
    asio::post(io_, [session = std::move(session_), exchange = std::move(exchange_), make = std::move(make)] {
      session->ReplyLate(exchange, make);
    });
    session_ = nullptr;
    replies_.End();
  }

 private:
  std::shared_ptr<Session> session_;
  std::shared_ptr<Exchange> exchange_;
  asio::io_context& io_;
  LateReplies& replies_;
};

// Formats replies on the worker and posts the bytes to the session.
class SessionResponder final : public Responder {
 public:
  SessionResponder(std::shared_ptr<Session> session, std::shared_ptr<Exchange> exchange, Server& server,
                   LateReplies* kept_in = nullptr)
      : session_(std::move(session)), exchange_(std::move(exchange)), server_(server), kept_in_(kept_in) {
    if (kept_in_ != nullptr) kept_in_->Begin();
  }
  ~SessionResponder() override;
  void Send(HttpReply reply) override;
  Later Detach() override;
  std::unique_ptr<Responder> TakeOver() override;
  void BeginStream(HttpReply head) override;
  bool Write(std::string_view piece) override;
  void End() override;
  bool began() const { return began_; }

 private:
  std::string Head(const HttpReply& reply, std::optional<size_t> length) const;
  bool Post(std::string bytes, bool last);
  std::shared_ptr<Session> session_;
  std::shared_ptr<Exchange> exchange_;
  Server& server_;
  LateReplies* const kept_in_;  // for one that outlives its handler
  bool began_ = false, streaming_ = false, ended_ = false;
};

class Server final : public HttpServer {
 public:
  Server(const ServerOptions& options, std::shared_ptr<HttpApp> app)
      : options_(options), app_(std::move(app)), acceptor_(io_), retry_(io_), drain_timer_(io_), signals_(io_) {}

  ~Server() override {
    if (acceptor_.is_open()) listening_.RemovePath();
  }

  Status Open();
  int port() const override { return listening_.port(); }
  Status Run() override;
  void Stop() override {
    asio::post(io_, [this] { BeginDrain(); });
  }
  const ServerGauges& gauges() const override { return gauges_; }

  const ServerOptions options_;
  std::shared_ptr<HttpApp> app_;
  // Before io_: handlers that io_ still holds when it is destroyed own the last sessions, which sign off here.
  ServerGauges gauges_;
  std::set<Session*> sessions_;
  int holding_drain_ = 0;  // exchanges for which the end of a drain waits
  LateReplies late_replies_;
  asio::io_context io_{1};
  std::unique_ptr<WorkerPool> workers_;
  ListenSocket listening_;

 private:
  void Accept();
  void BeginDrain();
  void PollDrain();
  void CloseThePort();
  void DrainAll(bool now);
  void WatchSignals();

  asio::basic_socket_acceptor<Protocol> acceptor_;
  asio::steady_timer retry_, drain_timer_;
  asio::signal_set signals_;
  MonotonicTime drain_begin_, drain_end_;
  bool drain_over_ = false;
};

// ---------------------------------------------------------------------------------------------------- SessionResponder

SessionResponder::~SessionResponder() {
  if (!began_)
    Send({.status = 500, .content_type = "text/plain", .body = "the handler sent no reply\n", .headers = {}});
  if (streaming_ && !ended_) End();
  // Never the last one on a worker: a session ends on the I/O thread, which owns the list of them.
  if (session_ != nullptr) asio::dispatch(server_.io_, [session = std::move(session_)] {});
  if (kept_in_ != nullptr) kept_in_->End();  // last: the server may end now
}

std::string SessionResponder::Head(const HttpReply& reply, std::optional<size_t> length) const {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n", reply.status, ReasonPhrase(reply.status),
                                reply.content_type);
  if (length) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", *length);
  } else if (exchange_->minor_version == 1) {
    out += "Transfer-Encoding: chunked\r\n";
  }
  for (const auto& [name, value] : reply.headers) fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
  fmt::format_to(std::back_inserter(out), "X-Request-Id: {}\r\n", exchange_->request.request_id);
  if (!exchange_->keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
  return out;
}

bool SessionResponder::Post(std::string bytes, bool last) {
  {
    std::unique_lock lock(exchange_->mutex);
    const auto room = [&] { return exchange_->gone || exchange_->pending < kMaxPendingStreamBytes; };
    if (!exchange_->drained.wait_for(lock, server_.options_.write_timeout, room))
      exchange_->gone = true;  // the client reads nothing
    if (exchange_->gone && !last) return false;
    exchange_->pending += bytes.size();
  }
  // At once when this is the I/O thread.
  asio::dispatch(server_.io_, [session = session_, exchange = exchange_, bytes = std::move(bytes), last]() mutable {
    session->WriteReply(std::move(exchange), std::move(bytes), last);
  });
  return true;
}

Responder::Later SessionResponder::Detach() {
  BANTAM_CHECK(!began_, "a reply was begun already");
  began_ = true;
  return [reply = std::make_shared<LateReply>(session_, exchange_, server_.io_, server_.late_replies_)](
             std::function<HttpReply()> make) { reply->Send(std::move(make)); };
}

std::unique_ptr<Responder> SessionResponder::TakeOver() {
  BANTAM_CHECK(!began_, "a reply was begun already");
  began_ = true;
  return std::make_unique<SessionResponder>(std::move(session_), exchange_, server_, &server_.late_replies_);
}

void SessionResponder::Send(HttpReply reply) {
  if (began_) return;
  began_ = true;
  exchange_->status = reply.status;
  std::string bytes = Head(reply, reply.body.size());
  if (!exchange_->head_only) bytes += reply.body;
  Post(std::move(bytes), true);
}

void SessionResponder::BeginStream(HttpReply head) {
  if (began_) return;
  began_ = streaming_ = true;
  exchange_->status = head.status;
  if (exchange_->minor_version == 0) exchange_->keep_alive = false;  // the end of the body is the end of the connection
  Post(Head(head, std::nullopt), false);
}

bool SessionResponder::Write(std::string_view piece) {
  if (!streaming_ || ended_) return false;
  if (piece.empty()) return true;
  if (exchange_->minor_version == 0) return Post(std::string(piece), false);
  return Post(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece), false);
}

void SessionResponder::End() {
  if (!streaming_ || ended_) return;
  ended_ = true;
  Post(exchange_->minor_version == 0 ? "" : "0\r\n\r\n", true);
}

// ------------------------------------------------------------------------------------------------------------- Session

Session::Session(Server& server, Socket socket)
    : server_(server),
      socket_(std::move(socket)),
      timer_(server.io_),
      buffer_(kMaxHeadBytes + server.options_.max_body_bytes + 4096) {
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  if (const auto peer = socket_.remote_endpoint(ignored); !ignored) peer_ = AddressOf(peer.data());
  server_.sessions_.insert(this);
  ++server_.gauges_.connections;
}

Session::~Session() {
  server_.sessions_.erase(this);
  --server_.gauges_.connections;
}

// A request moves the limit five times and nearly always to a later time, so the timer is left where it stands and
// looks at the limit when it rings.
void Session::Limit(MonotonicTime deadline) {
  timed_out_ = false;
  deadline_ = deadline;
  if (deadline_ < rings_) Arm();
}

void Session::Arm() {
  rings_ = deadline_;
  timer_.expires_at(rings_);
  timer_.async_wait([weak = weak_from_this()](error_code ec) {
    const auto self = weak.lock();
    if (ec || self == nullptr || self->closed_) return;  // cancelled: moved to an earlier time
    self->rings_ = MonotonicTime::max();
    if (self->deadline_ == MonotonicTime::max()) return;
    if (self->deadline_ > MonotonicNow()) return self->Arm();
    self->deadline_ = MonotonicTime::max();
    self->timed_out_ = true;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void Session::ReadHead() {
  if (closed_) return;
  head_ = {};
  head_deadline_ = MonotonicTime::max();
  OnHeadBytes({}, 0);
}

void Session::OnHeadBytes(error_code ec, size_t count) {
  if (closed_) return;
  buffer_.commit(count);
  const std::string_view bytes(static_cast<const char*>(buffer_.data().data()), buffer_.size());
  // RFC 9112 section 2.2: an empty line before the request line is skipped.
  if (bytes.starts_with("\r\n")) {
    buffer_.consume(2);
    return OnHeadBytes(ec, 0);
  }
  if (!bytes.empty() && bytes != "\r" && bytes[0] != '\n' &&
      (static_cast<unsigned char>(bytes[0]) < 0x20 || static_cast<unsigned char>(bytes[0]) >= 0x80)) {
    return Refuse(400, "this port speaks plain HTTP");  // a TLS ClientHello, most often
  }
  const size_t end = bytes.find("\r\n\r\n");
  // A client that ends its lines so would never send the end that we wait for.
  if (HasBareLf(bytes.substr(0, end)))
    return Refuse(400, "a line of the request head ends with LF alone; HTTP ends its lines with CR LF");
  if (end != std::string_view::npos && end + 4 <= kMaxHeadBytes) return HeadComplete(end + 4);
  if (bytes.size() >= kMaxHeadBytes || end != std::string_view::npos)
    return Refuse(431, "the request head is larger than 32 KiB");
  if (timed_out_ && !bytes.empty()) return Refuse(408, "the request head took longer than 10 s");
  if (ec) return Close();
  if (bytes.empty()) {
    Limit(MonotonicNow() + server_.options_.idle_timeout);
  } else {
    // One deadline for the whole head, however slowly its bytes drip.
    if (head_deadline_ == MonotonicTime::max()) head_deadline_ = MonotonicNow() + server_.options_.header_timeout;
    Limit(head_deadline_);
  }
  socket_.async_read_some(buffer_.prepare(8192),
                          [self = shared_from_this()](error_code e, size_t n) { self->OnHeadBytes(e, n); });
}

void Session::HeadComplete(size_t head_bytes) {
  const std::string_view bytes(static_cast<const char*>(buffer_.data().data()), head_bytes);
  if (const auto problem = ParseRequestHead(bytes, head_)) return Refuse(problem->status, problem->message);
  const auto& allowed = server_.options_.allowed_hosts;
  const bool any_host =
      !server_.listening_.loopback() || std::find(allowed.begin(), allowed.end(), "*") != allowed.end();
  if (!any_host && !head_.host.empty() && !IsLoopbackHost(head_.host, allowed)) {
    return Refuse(
        421, fmt::format("this server does not answer for the host \"{}\"; start it with --allow-host {} if it should",
                         head_.host, head_.host));
  }
  if (head_.content_length.value_or(0) > server_.options_.max_body_bytes) {
    return Refuse(413, fmt::format("the body has {} bytes, the limit is {}", *head_.content_length,
                                   server_.options_.max_body_bytes));
  }
  parser_.emplace();
  parser_->header_limit(kMaxHeadBytes);
  parser_->body_limit(server_.options_.max_body_bytes);
  Limit(MonotonicNow() + server_.options_.body_timeout);
  if (head_.expects_continue && (head_.chunked || head_.content_length.value_or(0) > 0)) return SendContinue();
  ReadBody();
}

void Session::SendContinue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(kContinue), [self = shared_from_this()](error_code ec, size_t) {
    if (ec) return self->Close();
    self->ReadBody();
  });
}

void Session::ReadBody() {
  http::async_read(socket_, buffer_, *parser_,
                   [self = shared_from_this()](error_code ec, size_t) { self->OnBody(ec); });
}

void Session::OnBody(error_code ec) {
  if (closed_) return;
  if (ec == http::error::body_limit) {
    return Refuse(413, fmt::format("the body is larger than {} bytes", server_.options_.max_body_bytes));
  }
  if (timed_out_) return Refuse(408, "the request body did not arrive in time");
  if (ec == http::error::partial_message || ec == http::error::end_of_stream) return Close();
  if (ec.category() == http::make_error_code(http::error::bad_version).category()) {
    return Refuse(400, fmt::format("malformed request: {}", ec.message()));
  }
  if (ec) return Close();
  Dispatch();
}

void Session::Dispatch() {
  auto exchange = std::make_shared<Exchange>();
  exchange->request = {.method = head_.method,
                       .path = head_.path,
                       .query = head_.query,
                       .headers = std::move(head_.headers),
                       .body = std::move(parser_->get().body()),
                       .request_id = NewRequestId(),
                       .peer = peer_,
                       .received = MonotonicNow(),
                       .stop = exchange->stop.get_token(),
                       .client_finished = exchange->client_finished.get_token()};
  exchange->keep_alive = head_.keep_alive && !server_.gauges_.draining;
  exchange->minor_version = head_.minor_version;
  exchange->head_only = head_.method == "HEAD";
  parser_.reset();
  exchange_ = exchange;
  last_queued_ = false;
  ++server_.gauges_.in_flight;
  NoLimit();

  HttpApp& app = *server_.app_;
  const HttpRequest& request = exchange->request;
  auto answer = [exchange, self = shared_from_this(), &app, &server = server_]() mutable {
    SessionResponder responder(std::move(self), exchange, server);
    try {
      app.Handle(exchange->request, responder);
    } catch (const std::bad_alloc&) {
      if (!responder.began())
        responder.Send(app.RenderError(exchange->request.path, 503, "not enough memory for this request"));
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "{} {}: {}", exchange->request.method, exchange->request.path, e.what());
      if (!responder.began()) responder.Send(app.RenderError(exchange->request.path, 500, "internal error"));
    }
  };
  // A browser sends Origin with every POST; a page of another site must not use us through its visitor (HOSTILE H-35).
  if (const std::string_view origin = request.Header("origin");
      !origin.empty() && !IsSameOrigin(origin, request.Header("host"))) {
    return SessionResponder(shared_from_this(), exchange, server_)
        .Send(app.RenderError(request.path, 403, "requests from pages of other sites are not accepted"));
  }
  if (app.IsLight(request)) return answer();
  if (server_.gauges_.draining) {
    ++server_.gauges_.rejected;
    HttpReply stopping = app.RenderError(request.path, 503, "the server is stopping; ask another one, or try again");
    stopping.headers.emplace_back("Retry-After", "1");
    return SessionResponder(shared_from_this(), exchange, server_).Send(std::move(stopping));
  }
  exchange->holds_drain = true;
  ++server_.holding_drain_;
  if (app.IsQuick(request)) return answer();
  WatchForClose();
  if (server_.workers_->TryPost(answer)) return;
  ++server_.gauges_.rejected;
  HttpReply full = app.RenderError(request.path, 429, "too many requests are waiting; try again in a second");
  full.headers.emplace_back("Retry-After", "1");
  SessionResponder(shared_from_this(), exchange, server_).Send(std::move(full));
}

// While a handler works, the only thing to learn from the socket is that the client has gone. A reset cancels the work;
// of an orderly end of its sending side the handler is told, because a client may half-close and still wait for the
// answer.
void Session::WatchForClose() {
  socket_.async_wait(Socket::wait_read, [self = shared_from_this(), exchange = exchange_](error_code ec) {
    if (ec || self->closed_ || self->exchange_ != exchange) return;
    char byte = 0;
    const ssize_t got = ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0) {
      self->peer_finished_ = true;
      exchange->client_finished.request_stop();
    }
    if (got < 0 && errno != EAGAIN && errno != EINTR) self->Close();
  });
}

void Session::Refuse(int status, const std::string& message) {
  ++server_.gauges_.rejected;
  HttpReply reply = server_.app_->RenderError(head_.path, status, message);
  std::string bytes =
      fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}", status,
                  ReasonPhrase(status), reply.content_type, reply.body.size(),
                  status == 503 ? "Retry-After: 1\r\n" : "", reply.body);
  close_after_write_ = true;
  exchange_.reset();
  writes_.push_back(std::move(bytes));
  PumpWrites();
}

void Session::WriteReply(std::shared_ptr<Exchange> exchange, std::string bytes, bool last) {
  if (closed_ || exchange_ != exchange) return;
  if (last) {
    last_queued_ = true;
    if (!exchange->keep_alive || peer_finished_ || server_.gauges_.draining) close_after_write_ = true;
  }
  writes_.push_back(std::move(bytes));
  PumpWrites();
}

void Session::ReplyLate(const std::shared_ptr<Exchange>& exchange, const std::function<HttpReply()>& make) {
  if (closed_ || exchange_ != exchange) return;
  SessionResponder responder(shared_from_this(), exchange, server_);
  if (make == nullptr) return;  // the responder says so
  try {
    responder.Send(make());
  } catch (const std::exception& e) {
    Log(LogLevel::kError, "{} {}: {}", exchange->request.method, exchange->request.path, e.what());
    if (!responder.began()) responder.Send(server_.app_->RenderError(exchange->request.path, 500, "internal error"));
  }
}

void Session::PumpWrites() {
  if (writing_ || closed_ || writes_.empty()) return;
  writing_ = true;
  Limit(MonotonicNow() + server_.options_.write_timeout);
  asio::async_write(socket_, asio::buffer(writes_.front()), [self = shared_from_this()](error_code ec, size_t) {
    self->writing_ = false;
    if (self->closed_) return;
    if (ec) return self->Close();
    const size_t size = self->writes_.front().size();
    self->writes_.pop_front();
    if (const auto exchange = self->exchange_) {
      std::lock_guard lock(exchange->mutex);
      exchange->pending -= std::min(exchange->pending, size);
      exchange->drained.notify_all();
    }
    if (!self->writes_.empty()) return self->PumpWrites();
    self->NoLimit();
    if (self->exchange_ == nullptr) return self->Discard();  // a refusal has been written
    if (self->last_queued_) self->Finished();
  });
}

// Closing with unread bytes would reset the connection, and could take our reply with it: a client that sends a whole
// body before it reads would see a broken pipe instead of the 413.
void Session::Discard() {
  if (closed_) return;
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  Limit(MonotonicNow() + kDiscardTime);
  OnDiscarded({}, 0);
}

void Session::OnDiscarded(error_code ec, size_t count) {
  if (closed_) return;
  discarded_ += count;
  if (ec || timed_out_ || discarded_ > kMaxDiscardedBytes) return Close();
  buffer_.consume(buffer_.size());
  socket_.async_read_some(buffer_.prepare(kMaxHeadBytes),
                          [self = shared_from_this()](error_code e, size_t n) { self->OnDiscarded(e, n); });
}

// The exchange is over, with a reply or without.
void Session::SignOff(int status) {
  server_.app_->OnFinished(exchange_->request, status, MillisecondsSince(exchange_->request.received));
  --server_.gauges_.in_flight;
  if (exchange_->holds_drain) --server_.holding_drain_;
  exchange_.reset();
}

void Session::Finished() {
  SignOff(exchange_->status);
  if (close_after_write_) return Close();
  ReadHead();
}

void Session::Drain(bool now) {
  if (closed_) return;
  if (exchange_ == nullptr && !writing_) return Close();
  close_after_write_ = true;
  if (now && exchange_ != nullptr) exchange_->stop.request_stop();
}

void Session::Close() {
  if (closed_) return;
  closed_ = true;
  if (exchange_ != nullptr) {
    exchange_->stop.request_stop();
    {
      std::lock_guard lock(exchange_->mutex);
      exchange_->gone = true;
    }
    exchange_->drained.notify_all();
    SignOff(last_queued_ ? exchange_->status.load() : 499);  // nginx's word for "the client went away"
  }
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  // What has come and was not read (a pipelined request after the last one) would make this a reset.
  char sink[4096];
  for (int i = 0; i < 64 && ::recv(socket_.native_handle(), sink, sizeof sink, MSG_DONTWAIT) > 0; ++i) {
  }
  timer_.cancel();
  socket_.close(ignored);
}

// -------------------------------------------------------------------------------------------------------------- Server

Status Server::Open() {
  BANTAM_TRY(listening_, ListenSocket::Open(options_));
  error_code ec;
  acceptor_.assign(Protocol(listening_.family(), 0), listening_.TakeFd(), ec);
  if (ec) return Err(ErrorCode::kUnavailable, "cannot listen: {}", ec.message());
  workers_ = std::make_unique<WorkerPool>(options_.num_workers, options_.max_queued);
  return Ok();
}

void Server::Accept() {
  acceptor_.async_accept([this](error_code ec, Socket socket) {
    if (!acceptor_.is_open() || ec == asio::error::operation_aborted) return;
    if (ec) {
      // No file descriptors left, most often: wait until some are returned instead of spinning.
      Log(LogLevel::kWarning, "cannot accept a connection: {}", ec.message());
      retry_.expires_after(std::chrono::milliseconds(100));
      retry_.async_wait([this](error_code e) {
        if (!e) Accept();
      });
      return;
    }
    const size_t open = sessions_.size();
    if (open < options_.max_connections) {
      std::make_shared<Session>(*this, std::move(socket))->Begin();
    } else if (open < options_.max_connections + kMaxTurnedAway) {
      std::make_shared<Session>(*this, std::move(socket))->TurnAway();
    } else {
      ++gauges_.rejected;
    }
    Accept();
  });
}

void Server::WatchSignals() {
  signals_.async_wait([this](error_code ec, int signal) {
    if (ec) return;
    if (signal == SIGHUP && app_->Reload()) return WatchSignals();
    if (gauges_.draining) return io_.stop();  // the second signal means now
    Log(LogLevel::kInfo, "stopping: finishing {} requests", gauges_.in_flight.load());
    BeginDrain();
    WatchSignals();
  });
}

void Server::BeginDrain() {
  if (gauges_.draining.exchange(true)) return;
  drain_begin_ = MonotonicNow();
  drain_end_ = drain_begin_ + std::max(options_.drain, options_.drain_delay);
  PollDrain();
}

// Looks every 20 ms whether the work is done and the last connection has gone; at the end of the drain time, tells the
// rest to stop. Until then connections are accepted and kept: a probe must be able to see that we drain, and a client
// that sends on an idle connection gets a 503 rather than a broken one.
void Server::PollDrain() {
  constexpr auto kLastWords = std::chrono::seconds(2);  // for terminal error events
  const MonotonicTime now = MonotonicNow();
  if (acceptor_.is_open() && holding_drain_ == 0 && now >= drain_begin_ + options_.drain_delay) CloseThePort();
  if (now > drain_end_ && !drain_over_) {
    drain_over_ = true;
    CloseThePort();
    DrainAll(true);
  }
  if (!acceptor_.is_open() && (sessions_.empty() || now > drain_end_ + kLastWords)) return io_.stop();
  drain_timer_.expires_after(std::chrono::milliseconds(20));
  drain_timer_.async_wait([this](error_code ec) {
    if (!ec) PollDrain();
  });
}

void Server::CloseThePort() {
  error_code ignored;
  if (acceptor_.is_open()) listening_.RemovePath();
  acceptor_.close(ignored);
  retry_.cancel();
  DrainAll(false);
}

void Server::DrainAll(bool now) {
  const std::vector<Session*> sessions(sessions_.begin(), sessions_.end());  // closing one removes it from the set
  for (Session* session : sessions) session->shared_from_this()->Drain(now);
}

Status Server::Run() {
  error_code ec;
  signals_.add(SIGINT, ec);
  signals_.add(SIGTERM, ec);
  signals_.add(SIGHUP, ec);
  WatchSignals();
  Accept();
  io_.run();
  DrainAll(true);  // so that handlers that still run return
  workers_.reset();
  late_replies_.WaitForAll();
  return Ok();
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Listen(const ServerOptions& options, std::shared_ptr<HttpApp> app) {
  auto server = std::make_unique<Server>(options, std::move(app));
  BANTAM_RETURN_IF_ERROR(server->Open());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace bantam
