#include "route/upstream.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

#include "base/log.h"
#include "base/text_util.h"
#include "route/chat_reply.h"
#include "route/circuit_breaker.h"
#include "route/upstream_request.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxErrorBytes = size_t{64} << 10;
constexpr size_t kMaxResponseBytes = size_t{32} << 20;  // of events; some 200 bytes of JSON surround each token

// False when the client went away first.
bool Sleep(milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

milliseconds RandomUpTo(milliseconds most) {
  thread_local std::minstd_rand random(std::random_device{}());
  return milliseconds(
      std::uniform_int_distribution<milliseconds::rep>(0, std::max<milliseconds::rep>(0, most.count()))(random));
}

bool IsEventStream(std::string_view content_type) {
  constexpr std::string_view kType = "text/event-stream";
  return content_type.size() >= kType.size() && std::equal(kType.begin(), kType.end(), content_type.begin(),
                                                           [](char a, char b) { return a == (b | 0x20) || a == b; });
}

// One request on the wire, and what came of it.
class Attempt {
 public:
  Attempt(const UpstreamConfig& config, const DeltaSink& sink) : config_(config), stream_(sink), sink_(sink) {}

  void Run(HttpClient& client, const std::string& body, MonotonicTime deadline, const std::stop_token& stop) {
    OutgoingRequest out{.method = "POST",
                        .url = config_.api_base + "/chat/completions",
                        .headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}},
                        .body = body,
                        .connect_timeout = config_.connect_timeout,
                        .first_byte_timeout = config_.first_byte_timeout,
                        .idle_timeout = config_.idle_timeout,
                        .deadline = deadline,
                        .max_response_bytes = kMaxResponseBytes,
                        .use_environment_proxy = config_.use_environment_proxy,
                        .ca_file = config_.ca_file};
    if (!config_.api_key.empty()) out.headers.emplace_back("Authorization", "Bearer " + config_.api_key);
    const HttpCallbacks callbacks{.on_head = [this](const IncomingResponse& head) { OnHead(head); },
                                  .on_body = [this](std::string_view piece) { return OnBody(piece); }};
    const auto sent = client.Send(out, callbacks, stop);
    Conclude(sent.has_value() ? std::optional<ErrorCode>() : sent.error().code, stop.stop_requested());
    if (!sent && reply_.outcome != UpstreamOutcome::kOk && reply_.outcome != UpstreamOutcome::kCancelled) {
      Log(LogLevel::kWarning, "upstream \"{}\": {}", config_.name, sent.error().message);
    }
  }

  const ChatReply& reply() const { return reply_; }
  int status() const { return status_; }
  bool may_retry() const { return may_retry_; }
  bool began() const { return status_ >= 200 && status_ < 300; }
  std::optional<milliseconds> retry_after() const { return retry_after_; }

 private:
  void OnHead(const IncomingResponse& head) {
    status_ = head.status;
    is_stream_ = IsEventStream(head.Header("content-type"));
    retry_after_ = ParseRetryAfter(head.Header("retry-after"), WallMicros());
  }

  bool OnBody(std::string_view piece) {
    if (began() && is_stream_) return stream_.Feed(piece);
    document_ += piece;
    return began() || document_.size() < kMaxErrorBytes;
  }

  void Conclude(std::optional<ErrorCode> error, bool cancelled) {
    if (began() && is_stream_) {
      stream_.Finish(!error.has_value());
      reply_ = stream_.reply();
    } else if (began() && !error) {
      reply_ = ParseChatReply(document_);
      if (reply_.outcome == UpstreamOutcome::kOk && sink_) sink_(reply_.text);
    }
    if (reply_.outcome == UpstreamOutcome::kOk && reply_.done)
      return;  // complete, whatever happened to the connection then
    if (cancelled) return Fail(UpstreamOutcome::kCancelled, "was not waited for: the client went away");
    if (status_ == 0) return NoAnswer(error.value_or(ErrorCode::kInternal));
    if (!began()) return BadStatus();
    if (error == ErrorCode::kDeadline) return Fail(UpstreamOutcome::kTimeout, "did not finish its answer in time");
    if (error == ErrorCode::kTooLarge) {
      return Fail(UpstreamOutcome::kGarbage, fmt::format("sent more than {}", HumanBytes(kMaxResponseBytes)));
    }
    if (error && !is_stream_) Fail(UpstreamOutcome::kTruncated, "stopped in the middle of its answer");
  }

  void NoAnswer(ErrorCode error) {
    switch (error) {
      case ErrorCode::kDeadline:
        return Fail(UpstreamOutcome::kTimeout, "did not answer in time");
      case ErrorCode::kUnavailable:
        may_retry_ = true;
        return Fail(UpstreamOutcome::kRefused, "cannot be reached");
      case ErrorCode::kCorrupt:
      case ErrorCode::kTooLarge:
        return Fail(UpstreamOutcome::kGarbage, "sent an answer that is not HTTP");
      default:
        return Fail(UpstreamOutcome::kRejected, "cannot be asked: see the server's log");
    }
  }

  void BadStatus() {
    const std::string message = ErrorMessageIn(document_);
    if (status_ == 429) {
      may_retry_ = true;
      Fail(UpstreamOutcome::kOverloaded, "is overloaded, or its limit is reached (HTTP 429)", message);
    } else if (status_ >= 500) {
      may_retry_ = status_ != 501 && status_ != 505;
      Fail(UpstreamOutcome::kServerError, fmt::format("failed (HTTP {})", status_), message);
    } else if (status_ == 401 || status_ == 403) {
      // Its words are left out: they like to repeat the key.
      Fail(UpstreamOutcome::kRejected,
           fmt::format("refused the key (HTTP {}): check its api_key in the route file", status_));
    } else if (status_ >= 300 && status_ < 400) {
      Fail(UpstreamOutcome::kRejected,
           fmt::format("redirected the request (HTTP {}), which is not followed: put the final address into api_base",
                       status_));
    } else {
      Fail(UpstreamOutcome::kRejected, fmt::format("rejected the request (HTTP {})", status_), message);
    }
  }

  void Fail(UpstreamOutcome outcome, std::string problem, std::string_view message = {}) {
    reply_.outcome = outcome;
    reply_.problem = std::move(problem);
    reply_.detail = EscapeForTerminal(message, 300);
  }

  const UpstreamConfig& config_;
  ChatStream stream_;
  const DeltaSink& sink_;
  ChatReply reply_;
  std::string document_;  // a body that is not an event stream
  int status_ = 0;
  bool is_stream_ = false, may_retry_ = false;
  std::optional<milliseconds> retry_after_;
};

class HttpUpstream final : public Upstream {
 public:
  HttpUpstream(UpstreamConfig config, std::shared_ptr<HttpClient> client)
      : config_(std::move(config)), client_(std::move(client)), breaker_(config_.allowed_fails, config_.cooldown_time) {
    config_.model = WithoutProvider(config_.model);
    while (config_.api_base.ends_with('/')) config_.api_base.pop_back();
  }
  const UpstreamConfig& config() const override { return config_; }

  UpstreamReply Ask(const AssistantRequest& request, const DeltaSink& sink) override {
    const MonotonicTime deadline = std::min(request.deadline, MonotonicNow() + config_.timeout);
    if (!breaker_.Admit(MonotonicNow())) {
      UpstreamReply reply;
      reply.outcome = UpstreamOutcome::kCoolingDown;
      reply.problem = fmt::format("\"{}\" failed too often just now and is not asked for a while", config_.name);
      return reply;
    }
    const UpstreamReply reply = AskWithRetries(request, sink, deadline);
    switch (reply.outcome) {
      case UpstreamOutcome::kOk:
        breaker_.Success();
        break;
      case UpstreamOutcome::kCancelled:
      case UpstreamOutcome::kRejected:
        breaker_.Abandon(MonotonicNow());
        break;  // says nothing about its health
      default:
        breaker_.Failure(MonotonicNow());
        break;
    }
    return reply;
  }

 private:
  UpstreamReply AskWithRetries(const AssistantRequest& request, const DeltaSink& sink, MonotonicTime deadline) {
    const std::string body = UpstreamBody(config_, request);
    bool sent = false;  // text arrived: not to be asked for again, whether somebody read along or not
    const DeltaSink watched = [&](std::string_view piece) {
      sent = true;
      if (sink) sink(piece);
    };
    for (int attempts = 1;; ++attempts) {
      Attempt attempt(config_, watched);
      attempt.Run(*client_, body, deadline, request.stop);
      const bool again = attempt.may_retry() && !sent && attempts <= config_.num_retries;
      const milliseconds pause = again ? PauseAfter(attempt, attempts) : milliseconds(0);
      if (!again || MonotonicNow() + pause >= deadline) return Reply(request, attempt, attempts, sent && sink);
      Log(LogLevel::kInfo, "upstream \"{}\": {}; asking again in {} ms", config_.name, attempt.reply().problem,
          pause.count());
      if (!Sleep(pause, request.stop)) {
        UpstreamReply reply = Reply(request, attempt, attempts, sent && sink);
        reply.outcome = UpstreamOutcome::kCancelled;
        reply.problem = fmt::format("\"{}\" was not waited for: the client went away", config_.name);
        return reply;
      }
    }
  }

  // The jitter keeps many who were refused together from coming back together.
  milliseconds PauseAfter(const Attempt& attempt, int attempts) const {
    const milliseconds own = config_.retry_pause * (1 << std::min(attempts - 1, 10));
    if (attempt.retry_after()) return *attempt.retry_after() + RandomUpTo(config_.retry_pause);
    return own / 2 + RandomUpTo(own);
  }

  UpstreamReply Reply(const AssistantRequest& request, const Attempt& attempt, int attempts, bool sent) const {
    const ChatReply& got = attempt.reply();
    UpstreamReply reply;
    reply.outcome = got.outcome;
    reply.text = got.text;
    reply.text_was_sent = sent;
    reply.attempts = attempts;
    reply.http_status = attempt.status();
    if (!got.finish_reason.empty()) reply.finish_reason = got.finish_reason;
    if (got.outcome != UpstreamOutcome::kOk) {
      reply.problem = fmt::format("\"{}\" {}", config_.name, got.problem);
      if (!got.detail.empty() && !Reveals(got.detail, config_.api_key)) reply.problem += ": " + got.detail;
    }
    if (attempt.began() && (!got.text.empty() || got.prompt_tokens)) {
      reply.prompt_tokens = got.prompt_tokens.value_or(EstimatePromptTokens(request));
      reply.completion_tokens = got.completion_tokens.value_or(EstimateTokens(got.text));
      reply.cost = (static_cast<double>(reply.prompt_tokens) * config_.input_per_1m +
                    static_cast<double>(reply.completion_tokens) * config_.output_per_1m) /
                   1e6;
    }
    return reply;
  }

  UpstreamConfig config_;
  std::shared_ptr<HttpClient> client_;
  CircuitBreaker breaker_;
};

}  // namespace

std::string_view UpstreamOutcomeName(UpstreamOutcome outcome) {
  switch (outcome) {
    case UpstreamOutcome::kOk:
      return "ok";
    case UpstreamOutcome::kRefused:
      return "upstream_refused";
    case UpstreamOutcome::kTimeout:
      return "upstream_timeout";
    case UpstreamOutcome::kOverloaded:
      return "upstream_overloaded";
    case UpstreamOutcome::kServerError:
      return "upstream_server_error";
    case UpstreamOutcome::kRejected:
      return "upstream_rejected";
    case UpstreamOutcome::kTruncated:
      return "upstream_truncated";
    case UpstreamOutcome::kGarbage:
      return "upstream_garbage";
    case UpstreamOutcome::kCancelled:
      return "cancelled";
    case UpstreamOutcome::kCoolingDown:
      return "upstream_cooling_down";
  }
  return "unknown";
}

std::unique_ptr<Upstream> Upstream::Create(UpstreamConfig config, std::shared_ptr<HttpClient> client) {
  return std::make_unique<HttpUpstream>(std::move(config), std::move(client));
}

}  // namespace bantam
