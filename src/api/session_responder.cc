#include "api/session_responder.h"

#include <fmt/format.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/status.hpp>

#include "api/http_session.h"
#include "base/check.h"

namespace bantam {
namespace {

constexpr size_t kMaxPendingStreamBytes = 256 * 1024;

// One reply that its handler still owes.
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

}  // namespace

std::string_view ReasonPhrase(int status) {
  if (status == kClientClosedRequest) return "Client Closed Request";
  return boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
}

HttpReply StoppingReply(const HttpApp& app, std::string_view path) {
  HttpReply reply = app.RenderError(path, 503, "the server is stopping; ask another one, or try again");
  reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

SessionResponder::~SessionResponder() {
  if (!began_) SendWhyNothing();
  if (streaming_ && !ended_) End();
  // Never the last one on a worker: a session ends on the I/O thread, which owns the list of them.
  if (session_ != nullptr) asio::dispatch(host_.io, [session = std::move(session_)] {});
  if (kept_in_ != nullptr) kept_in_->End();  // last: the server may end now
}

// Silence is how a handler leaves a client that is gone, and how it ends with the server. One that waited in a queue
// until the drain was over still reads, and is told.
void SessionResponder::SendWhyNothing() {
  const std::string& path = exchange_->request.path;
  if (exchange_->stop.stop_requested()) return Send(StoppingReply(*host_.app, path));
  Send(host_.app->RenderError(path, 500, "the handler sent no reply"));
}

std::string SessionResponder::Head(const HttpReply& reply, std::optional<size_t> length) const {
  std::string out;
  out.reserve(512);
  const auto header = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  out.append("HTTP/1.1 ").append(fmt::format_int(reply.status).c_str()).append(" ");
  out.append(ReasonPhrase(reply.status)).append("\r\n");
  header("Content-Type", reply.content_type);
  if (length) {
    header("Content-Length", fmt::format_int(*length).c_str());
  } else if (exchange_->minor_version == 1) {
    header("Transfer-Encoding", "chunked");
  }
  for (const auto& [name, value] : reply.headers) header(name, value);
  for (const auto& [name, value] : exchange_->request.notes->headers()) header(name, value);
  header("X-Request-Id", exchange_->request.request_id);
  if (!exchange_->keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
  return out;
}

bool SessionResponder::Post(std::string bytes, bool last) {
  {
    std::unique_lock lock(exchange_->mutex);
    const auto room = [&] { return exchange_->gone || exchange_->pending < kMaxPendingStreamBytes; };
    if (!exchange_->drained.wait_for(lock, host_.options.write_timeout, room))
      exchange_->gone = true;  // the client reads nothing
    if (exchange_->gone && !last) return false;
    exchange_->pending += bytes.size();
  }
  // At once when this is the I/O thread.
  asio::dispatch(host_.io, [session = session_, exchange = exchange_, bytes = std::move(bytes), last]() mutable {
    session->WriteReply(std::move(exchange), std::move(bytes), last);
  });
  return true;
}

Responder::Later SessionResponder::Detach() {
  BANTAM_CHECK(!began_, "a reply was begun already");
  began_ = true;
  return [reply = std::make_shared<LateReply>(session_, exchange_, host_.io, host_.late_replies)](
             std::function<HttpReply()> make) { reply->Send(std::move(make)); };
}

std::unique_ptr<Responder> SessionResponder::TakeOver() {
  BANTAM_CHECK(!began_, "a reply was begun already");
  began_ = true;
  return std::make_unique<SessionResponder>(std::move(session_), exchange_, host_, &host_.late_replies);
}

void SessionResponder::ContinueOnWorker(std::function<void(Responder&)> work) {
  if (!host_.io.get_executor().running_in_this_thread()) return work(*this);
  BANTAM_CHECK(!began_, "a reply was begun already");
  began_ = true;
  session_->RunOnWorker(exchange_, std::move(work));
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

}  // namespace bantam
