// How a handler answers: formats replies on its thread and hands the bytes to the session.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/http_exchange.h"
#include "api/http_types.h"

namespace bantam {

class HttpApp;
class Session;
struct SessionHost;

// nginx's word for "the client went away".
inline constexpr int kClientClosedRequest = 499;

// "Not Found"
std::string_view ReasonPhrase(int status);

// 503 for what is not answered any more.
HttpReply StoppingReply(const HttpApp& app, std::string_view path);

// Lives on a worker, and reaches the session only by posting to the I/O thread.
class SessionResponder final : public Responder {
 public:
  SessionResponder(std::shared_ptr<Session> session, std::shared_ptr<Exchange> exchange, SessionHost& host,
                   LateReplies* kept_in = nullptr)
      : session_(std::move(session)), exchange_(std::move(exchange)), host_(host), kept_in_(kept_in) {
    if (kept_in_ != nullptr) kept_in_->Begin();
  }
  ~SessionResponder() override;
  void Send(HttpReply reply) override;
  Later Detach() override;
  std::unique_ptr<Responder> TakeOver() override;
  void ContinueOnWorker(std::function<void(Responder&)> work) override;
  void BeginStream(HttpReply head) override;
  bool Write(std::string_view piece) override;
  void End() override;
  bool began() const { return began_; }

 private:
  void SendWhyNothing();
  std::string Head(const HttpReply& reply, std::optional<size_t> length) const;
  bool Post(std::string bytes, bool last);
  std::shared_ptr<Session> session_;
  std::shared_ptr<Exchange> exchange_;
  SessionHost& host_;
  LateReplies* const kept_in_;  // for one that outlives its handler
  bool began_ = false, streaming_ = false, ended_ = false;
};

}  // namespace bantam
