#include "route/upstream.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>

#include "base/log.h"
#include "route/circuit_breaker.h"
#include "route/parallel_limit.h"
#include "route/upstream_attempt.h"
#include "route/upstream_readings.h"

namespace bantam {
namespace {

using std::chrono::milliseconds;

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

class HttpUpstream final : public Upstream {
 public:
  HttpUpstream(UpstreamConfig config, std::shared_ptr<HttpClient> client, std::shared_ptr<Spending> spending)
      : config_(std::move(config)),
        client_(std::move(client)),
        spending_(std::move(spending)),
        breaker_(config_.allowed_fails, config_.cooldown_time),
        slots_(config_.max_parallel_requests) {
    while (config_.api_base.ends_with('/')) config_.api_base.pop_back();
    if (config_.label.empty()) config_.label = config_.name;
  }
  const UpstreamConfig& config() const override { return config_; }

  UpstreamReply Ask(const AssistantRequest& request, const DeltaSink& sink) override {
    const MonotonicTime deadline = std::min(request.deadline, MonotonicNow() + config_.timeout);
    const ParallelLimit::Slot slot =
        slots_.Acquire(std::min(deadline, MonotonicNow() + config_.connect_timeout), request.stop);
    if (!slot) {
      if (request.stop.stop_requested())
        return NotAsked(UpstreamOutcome::kCancelled, "was not waited for: the client went away");
      return NotAsked(UpstreamOutcome::kBusy, fmt::format("is busy with {} requests", config_.max_parallel_requests));
    }
    if (!breaker_.Admit(MonotonicNow()))
      return NotAsked(UpstreamOutcome::kCoolingDown, "failed too often just now and is not asked for a while");
    UpstreamReply reply = AskWithRetries(request, sink, deadline);
    switch (reply.outcome) {
      case UpstreamOutcome::kOk:
        breaker_.Success();
        break;
      case UpstreamOutcome::kCancelled:
      case UpstreamOutcome::kRejected:
      case UpstreamOutcome::kOverBudget:
        breaker_.Abandon(MonotonicNow());
        break;  // says nothing about its health
      default:
        breaker_.Failure(MonotonicNow());
        break;
    }
    return reply;
  }

 private:
  UpstreamReply NotAsked(UpstreamOutcome outcome, std::string_view why) const {
    UpstreamReply reply;
    reply.outcome = outcome;
    reply.problem = fmt::format("\"{}\" {}", config_.name, why);
    reply.label = config_.label;
    return reply;
  }

  UpstreamReply AskWithRetries(const AssistantRequest& request, const DeltaSink& sink, MonotonicTime deadline) {
    const std::string body = ToJson(DialectOf(config_.model).body(config_, request));
    bool sent = false;  // text arrived: not to be asked for again, whether somebody read along or not
    const DeltaSink watched = [&](std::string_view piece) {
      sent = true;
      if (sink) sink(piece);
    };
    for (int attempts = 1;; ++attempts) {
      const Result<uint64_t> reserved = Reserve(request);
      if (!reserved) return OverBudget(reserved.error(), attempts - 1);
      UpstreamAttempt attempt(config_, watched);
      attempt.Run(*client_, body, deadline, request.stop, attempts - 1);
      Settle(*reserved, request, attempt);
      const bool again = attempt.may_retry() && !sent && attempts <= config_.num_retries;
      const milliseconds pause = again ? PauseAfter(attempt, attempts) : milliseconds(0);
      if (!again || MonotonicNow() + pause >= deadline) return Reply(request, attempt, attempts, sent && sink);
      Log(LogLevel::kInfo, "upstream \"{}\": {}; asking again in {} ms", config_.label, attempt.reply().problem,
          pause.count());
      if (!Sleep(pause, request.stop)) {
        UpstreamReply reply = Reply(request, attempt, attempts, sent && sink);
        reply.outcome = UpstreamOutcome::kCancelled;
        reply.problem = fmt::format("\"{}\" was not waited for: the client went away", config_.name);
        return reply;
      }
    }
  }

  // `cached` of the prompt's tokens; an endpoint that counts more of them than there are is not believed.
  double Price(int64_t prompt_tokens, int64_t cached, int64_t completion_tokens) const {
    cached = std::min(cached, prompt_tokens);
    return (static_cast<double>(prompt_tokens - cached) * config_.input_per_1m +
            static_cast<double>(cached) * config_.cached_input_per_1m.value_or(config_.input_per_1m) +
            static_cast<double>(completion_tokens) * config_.output_per_1m) /
           1e6;
  }

  Spent SpentOn(int64_t prompt_tokens, int64_t cached, int64_t completion_tokens) const {
    return {.money = Price(prompt_tokens, cached, completion_tokens), .tokens = prompt_tokens + completion_tokens};
  }

  // The worst that one attempt can cost. A file with budgets bounds every answer (route_file_models.cc).
  Spent Worst(const AssistantRequest& request) const {
    return SpentOn(MostPromptTokens(request), 0, AnswerLimit(config_, request.upstream_parameters));
  }

  Result<uint64_t> Reserve(const AssistantRequest& request) const {
    if (!spending_) return uint64_t{0};
    return spending_->Reserve({config_.label, config_.limit}, request.tenant, Worst(request));
  }

  void Settle(uint64_t reservation, const AssistantRequest& request, const UpstreamAttempt& attempt) const {
    if (spending_) spending_->Settle(reservation, RealPrice(request, attempt));
  }

  // Where nobody says what a request has cost (it was cut off, or nobody waited for it), it is the worst.
  Spent RealPrice(const AssistantRequest& request, const UpstreamAttempt& attempt) const {
    const ChatReply& got = attempt.reply();
    if (!attempt.reached() || (attempt.status() != 0 && !attempt.began())) return {};
    if (got.outcome != UpstreamOutcome::kOk && !(got.done && got.prompt_tokens && got.completion_tokens))
      return Worst(request);
    return SpentOn(got.prompt_tokens.value_or(EstimatePromptTokens(request)), got.cached_tokens,
                   got.completion_tokens.value_or(EstimateTokens(got.text)));
  }

  UpstreamReply OverBudget(const Error& why, int attempts) const {
    UpstreamReply reply = NotAsked(UpstreamOutcome::kOverBudget, why.message);
    reply.attempts = attempts;
    return reply;
  }

  // The jitter keeps many who were refused together from coming back together.
  milliseconds PauseAfter(const UpstreamAttempt& attempt, int attempts) const {
    const milliseconds own = config_.retry_pause * (1 << std::min(attempts - 1, 10));
    if (attempt.retry_after()) return *attempt.retry_after() + RandomUpTo(config_.retry_pause);
    return own / 2 + RandomUpTo(own);
  }

  UpstreamReply Reply(const AssistantRequest& request, const UpstreamAttempt& attempt, int attempts, bool sent) const {
    const ChatReply& got = attempt.reply();
    UpstreamReply reply;
    reply.outcome = got.outcome;
    reply.text = got.text;
    reply.text_was_sent = sent;
    reply.began = attempt.began();
    reply.label = config_.label;
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
      reply.cost = Price(reply.prompt_tokens, got.cached_tokens, reply.completion_tokens);
    }
    return reply;
  }

  UpstreamConfig config_;
  const std::shared_ptr<HttpClient> client_;
  const std::shared_ptr<Spending> spending_;  // null: nothing is limited
  CircuitBreaker breaker_;
  ParallelLimit slots_;
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
    case UpstreamOutcome::kBusy:
      return "upstream_busy";
    case UpstreamOutcome::kOverBudget:
      return "over_budget";
  }
  return "unknown";
}

std::unique_ptr<Upstream> Upstream::Create(UpstreamConfig config, std::shared_ptr<HttpClient> client,
                                           std::shared_ptr<Spending> spending) {
  return std::make_unique<HttpUpstream>(std::move(config), std::move(client), std::move(spending));
}

}  // namespace bantam
