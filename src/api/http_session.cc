#include "api/http_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/core/read_size.hpp>
#include <boost/beast/http/error.hpp>
#include <random>

#include "api/session_responder.h"
#include "base/log.h"
#include "trace/current_trace.h"

namespace bantam {
namespace {

// After a refusal, what the client still sends is read and dropped so long, so that it can finish and read our reply.
constexpr std::chrono::milliseconds kDiscardTime{1'000};
constexpr size_t kMaxDiscardedBytes = size_t{64} << 20;
constexpr size_t kReadBytes = 64 * 1024;  // of a body, at once
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

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

}  // namespace

Session::Session(SessionHost& host, Socket socket)
    : host_(host),
      connection_(std::move(socket), host.tls),
      timer_(host.io),
      buffer_(kMaxHeadBytes + host.options.max_body_bytes + 4096) {
  verdict_ = host_.limits.Add(connection_.peer());
  host_.sessions.insert(this);
  ++host_.gauges.connections;
}

Session::~Session() {
  host_.tidy.Worked();
  host_.limits.Remove(connection_.peer());
  host_.sessions.erase(this);
  --host_.gauges.connections;
}

void Session::Begin() {
  if (!connection_.encrypted()) return Greeted();
  Limit(MonotonicNow() + host_.options.header_timeout);
  connection_.Handshake([self = shared_from_this()](Connection::Greeting greeting) { self->OnGreeting(greeting); });
}

void Session::OnGreeting(Connection::Greeting greeting) {
  if (closed_) return;
  if (greeting == Connection::Greeting::kDone) return Greeted();
  ++host_.gauges.handshakes_failed;
  if (greeting == Connection::Greeting::kFailed) return Close();
  Refuse(400, "this port speaks TLS: ask it by https://");
}

void Session::Greeted() {
  switch (verdict_) {
    case ConnectionLimits::Verdict::kWelcome:
      return ReadHead();
    case ConnectionLimits::Verdict::kTooMany:
      return Refuse(503, "too many connections are open; try again in a second");
    case ConnectionLimits::Verdict::kTooManyOfAddress:
      return Refuse(429, "too many connections from this address are open; try again in a second");
  }
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
    self->connection_.Cancel();
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
    Limit(MonotonicNow() + host_.options.idle_timeout);
  } else {
    // One deadline for the whole head, however slowly its bytes drip.
    if (head_deadline_ == MonotonicTime::max()) head_deadline_ = MonotonicNow() + host_.options.header_timeout;
    Limit(head_deadline_);
  }
  connection_.Read(buffer_.prepare(8192),
                   [self = shared_from_this()](error_code e, size_t n) { self->OnHeadBytes(e, n); });
}

void Session::HeadComplete(size_t head_bytes) {
  const std::string_view bytes(static_cast<const char*>(buffer_.data().data()), head_bytes);
  if (const auto problem = ParseRequestHead(bytes, head_)) return Refuse(problem->status, problem->message);
  if (!host_.any_host && !head_.host.empty() && !IsLoopbackHost(head_.host, host_.options.allowed_hosts)) {
    return Refuse(
        421, fmt::format("this server does not answer for the host \"{}\"; start it with --allow-host {} if it should",
                         head_.host, head_.host));
  }
  if (IsShortOfMemory()) return;
  if (host_.app->TakesUpload(head_.method, head_.path)) return BeginUpload();
  if (head_.content_length.value_or(0) > host_.options.max_body_bytes) {
    return Refuse(413, fmt::format("the body has {} bytes, the limit is {}", *head_.content_length,
                                   host_.options.max_body_bytes));
  }
  parser_.emplace();
  parser_->header_limit(kMaxHeadBytes);
  parser_->body_limit(host_.options.max_body_bytes);
  parser_->eager(true);  // head and body in one go
  Limit(MonotonicNow() + host_.options.body_timeout);
  if (head_.expects_continue && (head_.chunked || head_.content_length.value_or(0) > 0)) return SendContinue();
  ReadBody();
}

// Under hard pressure bodies are not read on, whose memory would be the next to be missed.
bool Session::IsShortOfMemory() {
  if (host_.app->Pressure() != MemoryPressure::kHard) return false;
  HttpRequest request;
  request.method = head_.method;
  request.path = head_.path;
  if (host_.app->IsLight(request)) return false;
  Refuse(503, "the server is short of memory; try again in a second");
  return true;
}

void Session::SendContinue() {
  connection_.Write(asio::buffer(kContinue), [self = shared_from_this()](error_code ec, size_t) {
    if (ec) return self->Close();
    self->ReadBody();
  });
}

void Session::ReadBody() { upload_ != nullptr ? OnUploadBytes({}, 0) : OnBodyBytes({}, 0); }

void Session::OnBodyBytes(error_code ec, size_t count) {
  if (closed_) return;
  buffer_.commit(count);
  error_code problem;
  while (!problem && !parser_->is_done() && buffer_.size() > 0) {
    buffer_.consume(parser_->put(buffer_.data(), problem));
  }
  if (problem == http::error::need_more) problem = {};
  if (problem == http::error::body_limit) {
    return Refuse(413, fmt::format("the body is larger than {} bytes", host_.options.max_body_bytes));
  }
  if (timed_out_) return Refuse(408, "the request body did not arrive in time");
  if (!problem && parser_->is_done()) return Dispatch();
  // The parser takes the bytes of a body as they come; what it leaves is the line of a chunk's size, or trailers, whose
  // end is not there yet and which it does not limit.
  if (!problem && buffer_.size() > kMaxHeadBytes) {
    return Refuse(431, fmt::format("what follows the body is larger than {} bytes", kMaxHeadBytes));
  }
  const size_t room = boost::beast::read_size(buffer_, kReadBytes);
  if (!problem && room == 0) problem = http::error::buffer_overflow;
  if (problem) return Refuse(400, fmt::format("malformed request: {}", problem.message()));
  if (ec) return Close();
  if (count > 0 && IsShortOfMemory()) return;
  connection_.Read(buffer_.prepare(room),
                   [self = shared_from_this()](error_code e, size_t n) { self->OnBodyBytes(e, n); });
}

void Session::Dispatch() {
  auto exchange = std::make_shared<Exchange>();
  exchange->request = {.method = head_.method,
                       .path = head_.path,
                       .query = head_.query,
                       .headers = std::move(head_.headers),
                       .body = upload_ != nullptr ? std::string() : std::move(parser_->get().body()),
                       .upload = TakeUpload(),
                       .request_id = NewRequestId(),
                       .peer = connection_.peer(),
                       .received = MonotonicNow(),
                       .stop = exchange->stop.get_token()};
  exchange->keep_alive = head_.keep_alive && !host_.gauges.draining && host_.app->Pressure() == MemoryPressure::kNone;
  exchange->minor_version = head_.minor_version;
  exchange->head_only = head_.method == "HEAD";
  parser_.reset();
  exchange_ = exchange;
  reply_begun_ = last_queued_ = false;
  ++host_.gauges.in_flight;
  NoLimit();

  HttpApp& app = *host_.app;
  const HttpRequest& request = exchange->request;
  const auto handle = [&app, &request](Responder& responder) { app.Handle(request, responder); };
  // A browser sends Origin with every POST; a page of another site must not use us through its visitor (HOSTILE H-35).
  if (const std::string_view origin = request.Header("origin");
      !origin.empty() && !IsSameOrigin(origin, request.Header("host"))) {
    return SessionResponder(shared_from_this(), exchange, host_)
        .Send(app.RenderError(request.path, 403, "requests from pages of other sites are not accepted"));
  }
  if (app.IsLight(request)) return Run(shared_from_this(), exchange, host_, handle);
  if (host_.gauges.draining) {
    ++host_.gauges.rejected;
    return SessionResponder(shared_from_this(), exchange, host_).Send(StoppingReply(app, request.path));
  }
  exchange->holds_drain = true;
  ++host_.holding_drain;
  if (app.IsQuick(request)) return Run(shared_from_this(), exchange, host_, handle);
  RunOnWorker(exchange, handle);
}

void Session::RunOnWorker(const std::shared_ptr<Exchange>& exchange, Handler handler) {
  WatchForClose();
  const bool posted = host_.workers->TryPost([self = shared_from_this(), exchange, &host = host_,
                                              handler = std::move(handler), trace = CurrentTrace()]() mutable {
    const TraceScope scope(std::move(trace));
    Run(std::move(self), exchange, host, handler);
  });
  if (posted) return;
  ++host_.gauges.rejected;
  HttpReply full =
      host_.app->RenderError(exchange->request.path, 429, "too many requests are waiting; try again in a second");
  full.headers.emplace_back("Retry-After", "1");
  SessionResponder(shared_from_this(), exchange, host_).Send(std::move(full));
}

// On the thread that the handler is to run on.
void Session::Run(std::shared_ptr<Session> self, const std::shared_ptr<Exchange>& exchange, SessionHost& host,
                  const Handler& handler) {
  HttpRequest& request = exchange->request;
  SessionResponder responder(std::move(self), exchange, host);
  request.begun = MonotonicNow();
  try {
    handler(responder);
  } catch (const std::bad_alloc&) {
    if (!responder.began())
      responder.Send(host.app->RenderError(request.path, 503, "not enough memory for this request"));
  } catch (const std::exception& e) {
    Log(LogLevel::kError, "{} {}: {}", request.method, request.path, e.what());
    if (!responder.began()) responder.Send(host.app->RenderError(request.path, 500, "internal error"));
  }
}

// While a handler works, the only thing to learn from the socket is that the client has gone, which cancels the work.
// An orderly end of its sending side looks the same whether it closed or only sends no more and waits for its answer.
// So it is asked: an interim reply (RFC 9110 section 15.2) is passed over by whoever still reads, and answered with a
// reset where nobody does; amid chunks (RFC 9112 section 7.1) the first digit of the next one's size, a zero, does the
// same. HTTP/1.0 has neither; who speaks it, proxies mostly, cancels by closing.
void Session::WatchForClose() {
  connection_.WatchPeer([self = shared_from_this(), exchange = exchange_](Connection::Peer peer) {
    if (self->closed_ || self->exchange_ != exchange) return;
    if (peer == Connection::Peer::kThere) return;
    if (peer == Connection::Peer::kGone || exchange->minor_version == 0) return self->Close();
    self->peer_finished_ = true;
    self->connection_.WatchForReset([self, exchange] {
      if (!self->closed_ && self->exchange_ == exchange) self->Close();
    });
    if (self->last_queued_) return;  // the reply asks as well
    self->writes_.emplace_back(self->reply_begun_ ? "0" : kContinue);
    self->PumpWrites();
  });
}

void Session::Refuse(int status, const std::string& message) {
  ++host_.gauges.rejected;
  HttpRequest request;
  request.method = head_.method;
  request.path = head_.path;
  request.request_id = NewRequestId();
  host_.app->OnRefused(request, status);
  HttpReply reply = host_.app->RenderError(head_.path, status, message);
  std::string bytes = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}X-Request-Id: {}\r\nConnection: close\r\n\r\n{}",
      status, ReasonPhrase(status), reply.content_type, reply.body.size(),
      status == 503 || status == 429 ? "Retry-After: 1\r\n" : "", request.request_id, reply.body);
  close_after_write_ = true;
  exchange_.reset();
  writes_.push_back(std::move(bytes));
  PumpWrites();
}

void Session::WriteReply(std::shared_ptr<Exchange> exchange, std::string bytes, bool last) {
  if (closed_ || exchange_ != exchange) return;
  reply_begun_ = true;
  if (last) {
    last_queued_ = true;
    if (!exchange->keep_alive || peer_finished_ || host_.gauges.draining) close_after_write_ = true;
  }
  writes_.push_back(std::move(bytes));
  PumpWrites();
}

void Session::ReplyLate(const std::shared_ptr<Exchange>& exchange, const std::function<HttpReply()>& make) {
  if (closed_ || exchange_ != exchange) return;
  SessionResponder responder(shared_from_this(), exchange, host_);
  if (make == nullptr) return;  // the responder says so
  try {
    responder.Send(make());
  } catch (const std::exception& e) {
    Log(LogLevel::kError, "{} {}: {}", exchange->request.method, exchange->request.path, e.what());
    if (!responder.began()) responder.Send(host_.app->RenderError(exchange->request.path, 500, "internal error"));
  }
}

void Session::PumpWrites() {
  if (writing_ || closed_ || writes_.empty()) return;
  writing_ = true;
  Limit(MonotonicNow() + host_.options.write_timeout);
  connection_.Write(asio::buffer(writes_.front()), [self = shared_from_this()](error_code ec, size_t) {
    self->writing_ = false;
    if (self->closed_) return;
    if (ec) return self->Close();
    const size_t size = self->writes_.front().size();
    self->writes_.pop_front();
    if (const auto exchange = self->exchange_) {
      exchange->sent_bytes += size;
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
  connection_.EndWrites();
  Limit(MonotonicNow() + kDiscardTime);
  OnDiscarded({}, 0);
}

void Session::OnDiscarded(error_code ec, size_t count) {
  if (closed_) return;
  discarded_ += count;
  if (ec || timed_out_ || discarded_ > kMaxDiscardedBytes) return Close();
  buffer_.consume(buffer_.size());
  connection_.ReadAndForget(buffer_.prepare(kMaxHeadBytes),
                            [self = shared_from_this()](error_code e, size_t n) { self->OnDiscarded(e, n); });
}

// The exchange is over, with a reply or without.
void Session::SignOff(int status) {
  host_.app->OnFinished(exchange_->request, {.status = status,
                                             .milliseconds = MillisecondsSince(exchange_->request.received),
                                             .sent_bytes = exchange_->sent_bytes});
  --host_.gauges.in_flight;
  host_.tidy.Worked();
  if (exchange_->holds_drain) --host_.holding_drain;
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
    SignOff(last_queued_ ? exchange_->status.load() : kClientClosedRequest);
  }
  timer_.cancel();
  connection_.Close();
}

}  // namespace bantam
