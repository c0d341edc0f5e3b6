// One request to an upstream on the wire, and what came of it. Internal to upstream.cc.
#pragma once

#include "route/dialects/dialect.h"
#include "route/outgoing_span.h"

namespace bantam {

// One thread; run once. `config` and `sink` outlive it.
class UpstreamAttempt {
 public:
  UpstreamAttempt(const UpstreamConfig& config, const DeltaSink& sink);

  // repeats: how often this was sent before.
  void Run(HttpClient& client, const std::string& body, MonotonicTime deadline, const std::stop_token& stop,
           int repeats);

  const ChatReply& reply() const { return reply_; }
  int status() const { return status_; }
  bool reached() const { return reached_; }  // the request may have reached the endpoint
  bool may_retry() const { return may_retry_; }
  bool began() const { return status_ >= 200 && status_ < 300; }
  std::optional<std::chrono::milliseconds> retry_after() const { return retry_after_; }

 private:
  void OnHead(const IncomingResponse& head);
  bool OnBody(std::string_view piece);
  void Conclude(std::optional<ErrorCode> error, bool cancelled);
  void NoAnswer(ErrorCode error);
  void BadStatus();
  void Tell(OutgoingSpan& span, int repeats) const;
  void Fail(UpstreamOutcome outcome, std::string problem, std::string_view message = {});

  const UpstreamConfig& config_;
  const DeltaSink& sink_;
  const Dialect& dialect_;
  const std::unique_ptr<ReplyStream> stream_;
  ChatReply reply_;
  std::string document_;  // a body that is not streamed
  int status_ = 0;
  bool is_stream_ = false, may_retry_ = false, reached_ = false;
  std::optional<std::chrono::milliseconds> retry_after_;
};

}  // namespace bantam
