// An HTTP/1.1 server: one I/O thread for all connections, worker threads for handlers, limits on everything.
//
//   BANTAM_TRY(auto server, HttpServer::Listen({.port = 8080}, std::move(app)));
//   server->Run();   // until Stop(), SIGINT, SIGTERM or the end of its terminal; then drains. SIGHUP: HttpApp::Reload
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/http_types.h"
#include "base/file_io.h"
#include "base/result.h"

namespace bantam {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;                          // 0: the system chooses
  Path unix_socket = {};                    // in place of host and port: who may write to it may ask
  Path tls_certificate = {}, tls_key = {};  // PEM; both or none: plain HTTP. SIGHUP reads them again
  std::vector<std::string> allowed_hosts;   // names beside localhost that a Host header may carry; "*" for any
  int num_workers = 32;
  size_t max_queued = 256;  // requests that wait for a worker; beyond: 429
  // At once; a process that may open fewer files has fewer. From one address, but for this machine's own; 0: any
  // number.
  size_t max_connections = 16'384, max_connections_of_address = 128;
  size_t max_body_bytes = size_t{4} << 20;
  std::chrono::milliseconds header_timeout{10'000};  // of a handshake, too
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds drain{30'000};   // what is in flight gets to finish after Stop()
  std::chrono::milliseconds drain_delay{0};  // at least so long, /readyz says 503 before the port closes
};

// What the server asks of the application. Called from worker threads, except where said.
class HttpApp {
 public:
  virtual ~HttpApp() = default;
  // True: the request is answered at once on the I/O thread, even when all workers are busy. Must not block.
  virtual bool IsLight(const HttpRequest& request) const = 0;
  // True: handled on the I/O thread as well, which saves the hand-over to a worker, but not while draining. Must not
  // block and should take microseconds: see Responder::Detach.
  virtual bool IsQuick(const HttpRequest&) const { return false; }
  virtual void Handle(const HttpRequest& request, Responder& responder) = 0;
  // Whether bodies of such requests go to a sink as they come, past the limit of bodies, and then which. An error is
  // the answer, and the body is not read. On the I/O thread: must not block.
  virtual bool TakesUpload(std::string_view /*method*/, std::string_view /*path*/) const { return false; }
  virtual Result<std::shared_ptr<BodySink>> OpenUpload(const HttpRequest&) { return std::shared_ptr<BodySink>(); }
  // Errors found before a handler runs (framing, limits, overload, draining), in the shape of the API that `path`
  // belongs to. Any thread.
  virtual HttpReply RenderError(std::string_view path, int status, const std::string& message) const = 0;
  // On the I/O thread, at every request: must be cheap.
  virtual MemoryPressure Pressure() { return MemoryPressure::kNone; }
  // SIGHUP: what is served from files is read again. On the I/O thread: must not block.
  virtual void Reload() {}
  // One finished exchange, for metrics and log. On the I/O thread.
  struct Finished {
    int status;
    double milliseconds;
    uint64_t sent_bytes;
  };
  virtual void OnFinished(const HttpRequest& request, const Finished& finished) = 0;
  // A request that was answered before it was one (framing, limits): what is known of it, perhaps nothing but its id.
  virtual void OnRefused(const HttpRequest&, int /*status*/) {}
};

struct ServerGauges {
  std::atomic<int> connections = 0;
  std::atomic<int> in_flight = 0;
  std::atomic<bool> draining = false;
  std::atomic<uint64_t> rejected = 0;
  std::atomic<uint64_t> handshakes_failed = 0;   // connections that never came to speak TLS
  std::atomic<int64_t> certificate_expires = 0;  // seconds since 1970; 0: plain HTTP
};

class HttpServer {
 public:
  // kConflict when the port is taken; the message names the mend.
  static Result<std::unique_ptr<HttpServer>> Listen(const ServerOptions& options, std::shared_ptr<HttpApp> app);
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
  // Blocks until the server has stopped and every connection is closed.
  virtual Status Run() = 0;
  // Any thread, more than once: begins the drain. While requests are in flight, and for `drain_delay`, connections
  // are still accepted: light requests are answered, others get 503, so that a load balancer sees why.
  virtual void Stop() = 0;
  virtual const ServerGauges& gauges() const = 0;
};

}  // namespace bantam
