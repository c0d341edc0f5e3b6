#include "api/http_server.h"

#include <fcntl.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <vector>

#include "api/http_session.h"
#include "api/listen_socket.h"
#include "base/log.h"
#include "base/utc_time.h"

namespace bantam {
namespace {

// Connections beyond the limit that are told so; more are dropped without a word.
constexpr size_t kMaxTurnedAway = 64;

// Whether there is a terminal that can be closed.
bool HasTerminal() { return UniqueFd(::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)).valid(); }

// Not where it was never seen, or under nohup.
bool EndsWithTerminal() {
  struct sigaction at_start{};
  return ::sigaction(SIGHUP, nullptr, &at_start) == 0 && at_start.sa_handler != SIG_IGN && HasTerminal();
}

class Server final : public HttpServer {
 public:
  Server(const ServerOptions& options, std::shared_ptr<HttpApp> app)
      : host_(options, std::move(app)),
        acceptor_(host_.io),
        retry_(host_.io),
        drain_timer_(host_.io),
        tidy_timer_(host_.io),
        signals_(host_.io) {}

  ~Server() override {
    if (acceptor_.is_open()) listening_.RemovePath();
  }

  Status Open();
  int port() const override { return listening_.port(); }
  Status Run() override;
  void Stop() override {
    asio::post(host_.io, [this] { BeginDrain(); });
  }
  const ServerGauges& gauges() const override { return host_.gauges; }

 private:
  void Accept();
  void BeginDrain();
  void PollDrain();
  void KeepTidy();
  void CloseThePort();
  void DrainAll(bool now);
  void WatchSignals();
  Status LoadCertificate();
  void ReloadCertificate();

  SessionHost host_;
  ListenSocket listening_;
  asio::basic_socket_acceptor<Protocol> acceptor_;
  asio::steady_timer retry_, drain_timer_, tidy_timer_;
  asio::signal_set signals_;
  MonotonicTime drain_begin_, drain_end_;
  bool drain_over_ = false;
  const bool ends_with_terminal_ = EndsWithTerminal();
};

Status Server::Open() {
  if (!host_.options.tls_certificate.empty()) BANTAM_RETURN_IF_ERROR(LoadCertificate());
  BANTAM_TRY(listening_, ListenSocket::Open(host_.options));
  host_.any_host = !listening_.loopback() ||
                   std::ranges::find(host_.options.allowed_hosts, "*") != host_.options.allowed_hosts.end();
  if (host_.limits.most() < host_.options.max_connections) {
    Log(LogLevel::kInfo, "at most {} connections at once: the limit of open files (ulimit -n) leaves room for no more",
        host_.limits.most());
  }
  error_code ec;
  acceptor_.assign(Protocol(listening_.family(), 0), listening_.TakeFd(), ec);
  if (ec) return Err(ErrorCode::kUnavailable, "cannot listen: {}", ec.message());
  host_.workers = std::make_unique<WorkerPool>(host_.options.num_workers, host_.options.max_queued);
  return Ok();
}

Status Server::LoadCertificate() {
  BANTAM_TRY(host_.tls, TlsContext::Load(host_.options.tls_certificate, host_.options.tls_key));
  host_.gauges.certificate_expires = host_.tls->expires();
  return Ok();
}

// Connections that are open go on as they began.
void Server::ReloadCertificate() {
  if (host_.tls == nullptr) return;
  if (const Status status = LoadCertificate(); !status) {
    Log(LogLevel::kError, "the TLS certificate stays as it was: {}", status.error().message);
  } else {
    Log(LogLevel::kInfo, "the TLS certificate was read again: it ends on {}", UtcTimeText(host_.tls->expires()));
  }
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
    if (host_.limits.count() < host_.limits.most() + kMaxTurnedAway) {
      std::make_shared<Session>(host_, std::move(socket))->Begin();
    } else {
      ++host_.gauges.rejected;
    }
    Accept();
  });
}

void Server::WatchSignals() {
  signals_.async_wait([this](error_code ec, int signal) {
    if (ec) return;
    // The end of our terminal is told by the same signal as a wish to reload.
    if (signal == SIGHUP && (!ends_with_terminal_ || HasTerminal())) {
      ReloadCertificate();
      host_.app->Reload();
      return WatchSignals();
    }
    if (host_.gauges.draining) return host_.io.stop();  // the second signal means now
    Log(LogLevel::kInfo, "stopping: finishing {} requests", host_.gauges.in_flight.load());
    BeginDrain();
    WatchSignals();
  });
}

void Server::BeginDrain() {
  if (host_.gauges.draining.exchange(true)) return;
  drain_begin_ = MonotonicNow();
  drain_end_ = drain_begin_ + std::max(host_.options.drain, host_.options.drain_delay);
  PollDrain();
}

// Looks every 20 ms whether the work is done and the last connection has gone; at the end of the drain time, tells the
// rest to stop. Until then connections are accepted and kept: a probe must be able to see that we drain, and a client
// that sends on an idle connection gets a 503 rather than a broken one.
void Server::PollDrain() {
  constexpr auto kLastWords = std::chrono::seconds(2);  // for terminal error events
  const MonotonicTime now = MonotonicNow();
  if (acceptor_.is_open() && host_.holding_drain == 0 && now >= drain_begin_ + host_.options.drain_delay)
    CloseThePort();
  if (now > drain_end_ && !drain_over_) {
    drain_over_ = true;
    CloseThePort();
    DrainAll(true);
  }
  if (!acceptor_.is_open() && (host_.sessions.empty() || now > drain_end_ + kLastWords)) return host_.io.stop();
  drain_timer_.expires_after(std::chrono::milliseconds(20));
  drain_timer_.async_wait([this](error_code ec) {
    if (!ec) PollDrain();
  });
}

void Server::KeepTidy() {
  tidy_timer_.expires_after(std::chrono::seconds(1));
  tidy_timer_.async_wait([this](error_code ec) {
    if (ec) return;
    if (host_.tidy.IsDue(MonotonicNow(), host_.gauges.in_flight == 0)) (void)host_.workers->TryPost(TrimAllocator);
    KeepTidy();
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
  const std::vector<Session*> sessions(host_.sessions.begin(),
                                       host_.sessions.end());  // closing one removes it from the set
  for (Session* session : sessions) session->shared_from_this()->Drain(now);
}

Status Server::Run() {
  error_code ec;
  signals_.add(SIGINT, ec);
  signals_.add(SIGTERM, ec);
  signals_.add(SIGHUP, ec);
  WatchSignals();
  KeepTidy();
  Accept();
  host_.io.run();
  DrainAll(true);  // so that handlers that still run return
  host_.workers.reset();
  host_.late_replies.WaitForAll();
  return Ok();
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Listen(const ServerOptions& options, std::shared_ptr<HttpApp> app) {
  auto server = std::make_unique<Server>(options, std::move(app));
  BANTAM_RETURN_IF_ERROR(server->Open());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace bantam
