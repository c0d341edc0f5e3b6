#include "route/upstream_attempt.h"

#include <algorithm>

#include "base/log.h"
#include "base/text_util.h"
#include "net/retry_after.h"
#include "route/upstream_readings.h"

namespace bantam {
namespace {

constexpr size_t kMaxErrorBytes = size_t{64} << 10;
constexpr size_t kMaxResponseBytes = size_t{32} << 20;  // of events; some 200 bytes of JSON surround each token

// Servers add "; charset=utf-8" and write in any case.
bool IsType(std::string_view content_type, std::string_view type) {
  return content_type.size() >= type.size() && std::equal(type.begin(), type.end(), content_type.begin(),
                                                          [](char a, char b) { return a == (b | 0x20) || a == b; });
}

}  // namespace

UpstreamAttempt::UpstreamAttempt(const UpstreamConfig& config, const DeltaSink& sink)
    : config_(config), sink_(sink), dialect_(DialectOf(config.model)), stream_(dialect_.stream(sink)) {}

void UpstreamAttempt::Run(HttpClient& client, const std::string& body, MonotonicTime deadline,
                          const std::stop_token& stop, int repeats) {
  OutgoingRequest out{.method = "POST",
                      .url = config_.api_base + std::string(dialect_.path),
                      .headers = dialect_.headers(config_.api_key),
                      .body = body,
                      .connect_timeout = config_.connect_timeout,
                      .first_byte_timeout = config_.first_byte_timeout,
                      .idle_timeout = config_.idle_timeout,
                      .deadline = deadline,
                      .max_response_bytes = kMaxResponseBytes,
                      .use_environment_proxy = config_.use_environment_proxy,
                      .ca_file = config_.ca_file};
  out.headers.emplace_back("Content-Type", "application/json");
  out.headers.emplace_back("Accept", dialect_.stream_type);
  OutgoingSpan span(fmt::format("chat {}", WithoutProvider(config_.model)), out);
  const HttpCallbacks callbacks{.on_head = [this](const IncomingResponse& head) { OnHead(head); },
                                .on_body = [this](std::string_view piece) { return OnBody(piece); },
                                .reached = &reached_};
  const auto sent = client.Send(out, callbacks, stop);
  Conclude(sent.has_value() ? std::optional<ErrorCode>() : sent.error().code, stop.stop_requested());
  Tell(span, repeats);
  if (!sent && reply_.outcome != UpstreamOutcome::kOk && reply_.outcome != UpstreamOutcome::kCancelled) {
    Log(LogLevel::kWarning, "upstream \"{}\": {}", config_.label, sent.error().message);
  }
}

void UpstreamAttempt::Tell(OutgoingSpan& span, int repeats) const {
  span.Add("gen_ai.operation.name", "chat");
  span.Add("gen_ai.provider.name", dialect_.name);
  span.Add("gen_ai.request.model", WithoutProvider(config_.model));
  if (repeats > 0) span.Add("http.request.resend_count", repeats);
  if (reply_.prompt_tokens) span.Add("gen_ai.usage.input_tokens", *reply_.prompt_tokens);
  if (reply_.completion_tokens) span.Add("gen_ai.usage.output_tokens", *reply_.completion_tokens);
  const bool ok = reply_.outcome == UpstreamOutcome::kOk;
  span.End(status_, ok ? std::string_view() : UpstreamOutcomeName(reply_.outcome));
}

void UpstreamAttempt::OnHead(const IncomingResponse& head) {
  status_ = head.status;
  is_stream_ = IsType(head.Header("content-type"), dialect_.stream_type);
  retry_after_ = ParseRetryAfter(head.Header("retry-after"), WallMicros());
}

bool UpstreamAttempt::OnBody(std::string_view piece) {
  if (began() && is_stream_) return stream_->Feed(piece);
  document_ += piece;
  return began() || document_.size() < kMaxErrorBytes;
}

void UpstreamAttempt::Conclude(std::optional<ErrorCode> error, bool cancelled) {
  if (began() && is_stream_) {
    stream_->Finish(!error.has_value());
    reply_ = stream_->reply();
  } else if (began() && !error) {
    reply_ = ReadDocument(dialect_, document_);
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

void UpstreamAttempt::NoAnswer(ErrorCode error) {
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

void UpstreamAttempt::BadStatus() {
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

void UpstreamAttempt::Fail(UpstreamOutcome outcome, std::string problem, std::string_view message) {
  reply_.outcome = outcome;
  reply_.problem = std::move(problem);
  reply_.detail = EscapeForTerminal(message, 300);
}

}  // namespace bantam
