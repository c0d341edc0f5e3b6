// One connection, always on the I/O thread: reads a head, checks it (request_head.h), reads the body through Beast's
// parser into memory or to where it is kept (http_session_upload.cc), hands the request to a worker, writes what the
// worker's responder sends, begins again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "api/connection_limits.h"
#include "api/heap_tidy.h"
#include "api/http_connection.h"
#include "api/http_exchange.h"
#include "api/http_server.h"
#include "api/request_head.h"
#include "api/worker_pool.h"
#include "base/clock.h"

namespace bantam {

namespace http = boost::beast::http;

class Session;

// What the sessions of a server share. Used on the I/O thread alone, but for `io`, `gauges` and `late_replies`.
struct SessionHost {
  SessionHost(const ServerOptions& server_options, std::shared_ptr<HttpApp> server_app)
      : options(server_options),
        app(std::move(server_app)),
        limits(ConnectionsThatFit(options.max_connections), options.max_connections_of_address) {}

  const ServerOptions options;
  const std::shared_ptr<HttpApp> app;
  bool any_host = false;                  // a Host header may name whatever it likes
  std::shared_ptr<const TlsContext> tls;  // of connections that come from now on; null: they are plain
  // Before `io`: handlers that it still holds when it is destroyed own the last sessions, which sign off here.
  ServerGauges gauges;
  ConnectionLimits limits;
  std::set<Session*> sessions;
  HeapTidy tidy;
  int holding_drain = 0;  // exchanges for which the end of a drain waits
  LateReplies late_replies;
  asio::io_context io{1};
  std::unique_ptr<WorkerPool> workers;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(SessionHost& host, Socket socket);
  ~Session();
  void Begin();
  // The server drains: close if idle, else after the reply. `now`: cut what still runs.
  void Drain(bool now);

  // From the responder, on the I/O thread.
  void WriteReply(std::shared_ptr<Exchange> exchange, std::string bytes, bool last);
  // Makes and sends a reply that comes after its handler has returned, if anybody still waits for it.
  void ReplyLate(const std::shared_ptr<Exchange>& exchange, const std::function<HttpReply()>& make);
  using Handler = std::function<void(Responder&)>;
  void RunOnWorker(const std::shared_ptr<Exchange>& exchange, Handler handler);

 private:
  void OnGreeting(Connection::Greeting greeting);
  void Greeted();
  void ReadHead();
  void OnHeadBytes(error_code ec, size_t count);
  void HeadComplete(size_t head_bytes);
  void ReadBody();
  void SendContinue();
  // http_session_upload.cc
  void BeginUpload();
  void ReadUpload();
  void OnUploadBytes(error_code ec, size_t count);
  void OnUploadWritten(const Status& written);
  std::shared_ptr<BodySink> TakeUpload();  // null: the body is in memory
  void OnBodyBytes(error_code ec, size_t count);
  void Dispatch();
  static void Run(std::shared_ptr<Session> self, const std::shared_ptr<Exchange>& exchange, SessionHost& host,
                  const Handler& handler);
  void WatchForClose();
  void Refuse(int status, const std::string& message);
  bool IsShortOfMemory();  // true: the request was refused
  void Discard();
  void OnDiscarded(error_code ec, size_t count);
  void PumpWrites();
  void Limit(MonotonicTime deadline);
  void NoLimit() { deadline_ = MonotonicTime::max(); }
  void Arm();
  void Finished();
  void SignOff(int status);
  void Close();

  SessionHost& host_;
  Connection connection_;
  // One time limit at a time, for what the connection waits for now. Its expiry cancels the operation, which then finds
  // timed_out_ set and can still write a reply (Beast's tcp_stream would have closed the socket).
  asio::steady_timer timer_;
  MonotonicTime deadline_ = MonotonicTime::max();  // the limit
  MonotonicTime rings_ = MonotonicTime::max();     // when the timer looks at it
  bool timed_out_ = false;
  boost::beast::flat_buffer buffer_;
  RequestHead head_;
  std::optional<http::request_parser<http::string_body>> parser_;
  struct Upload;
  std::shared_ptr<Upload> upload_;      // a body that goes elsewhere as it comes
  std::shared_ptr<Exchange> exchange_;  // the request being answered
  MonotonicTime head_deadline_;
  std::deque<std::string> writes_;
  ConnectionLimits::Verdict verdict_;
  bool writing_ = false;
  bool reply_begun_ = false;  // the head of the reply is among writes_, or written
  bool last_queued_ = false;
  bool close_after_write_ = false;
  bool closed_ = false;
  bool peer_finished_ = false;
  size_t discarded_ = 0;
};

}  // namespace bantam
