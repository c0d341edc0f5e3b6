// A large model behind an endpoint, asked when the local answer is not sure enough. How it is spoken to is its dialect,
// chosen by the prefix of the model's name (route/dialects/).
//
//   auto big = Upstream::Create(config, std::make_shared<HttpClient>());
//   const UpstreamReply reply = big->Ask(request, [&](std::string_view piece) { ... });
//   if (reply.outcome != UpstreamOutcome::kOk) ...   // reply.problem says why; never cache reply.text
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/http_client.h"
#include "route/spending.h"
#include "route/types.h"

namespace bantam {

struct UpstreamConfig {
  std::string name;      // model_name in the route file; several endpoints may share it
  std::string label;     // of this endpoint alone, for messages and metrics: "big", or "big#2" when it is the second
  std::string model;     // what the endpoint calls it, behind its dialect: "openai/gpt-4o-mini", "anthropic/claude-..."
  std::string api_base;  // "https://api.openai.com/v1"
  std::string api_key;   // resolved from os.environ/VAR; never logged, never echoed
  std::chrono::milliseconds timeout{20'000};  // whole request, all attempts
  std::chrono::milliseconds connect_timeout{2'000};
  std::chrono::milliseconds first_byte_timeout{15'000};
  std::chrono::milliseconds idle_timeout{15'000};
  int num_retries = 1;                         // only before the first byte of the answer
  std::chrono::milliseconds retry_pause{250};  // before the first retry, doubled for each further one, with jitter
  int order = 1;                               // endpoints of one name: the lowest is asked first,
  double weight = 1;                           // and among equals, this share of the requests goes here
  int max_parallel_requests = 32;              // more wait for `connect_timeout`, and are then turned away
  int64_t max_tokens = 0;  // the longest answer that may be asked for; 0: as long as the endpoint likes
  double input_per_1m = 0, output_per_1m = 0;
  std::optional<double> cached_input_per_1m = {};  // of what the endpoint had read before; empty: as input
  SpendingLimit limit;                             // of this endpoint
  int allowed_fails = 3;                           // failures in a row, then it is not asked for `cooldown_time`
  std::chrono::milliseconds cooldown_time{30'000};
  bool use_environment_proxy = false;
  std::string ca_file;  // PEM, for an endpoint inside a company; empty: the system's certificates
};

// How an exchange ended; the name goes into the audit log.
//   kRefused      no connection, or it broke before an answer began
//   kTimeout      one of the four time-outs, or the request's own deadline
//   kOverloaded   429, or an error object that says so
//   kServerError  5xx, or an error object in the answer
//   kRejected     any other status: a wrong key, model or parameter; a redirect
//   kTruncated    the answer began and did not come to its end
//   kGarbage      200, but not an answer of this protocol
//   kCancelled    the client went away
//   kCoolingDown  not asked: it failed too often just now
//   kBusy         not asked: max_parallel_requests of ours are under way
//   kOverBudget   not asked: the worst that it could cost is more than what is left
enum class UpstreamOutcome {
  kOk,
  kRefused,
  kTimeout,
  kOverloaded,
  kServerError,
  kRejected,
  kTruncated,
  kGarbage,
  kCancelled,
  kCoolingDown,
  kBusy,
  kOverBudget
};
std::string_view UpstreamOutcomeName(UpstreamOutcome outcome);  // "ok", "upstream_refused", "upstream_timeout", ...

struct UpstreamReply {
  UpstreamOutcome outcome = UpstreamOutcome::kOk;
  std::string text;            // complete only when outcome is kOk
  bool text_was_sent = false;  // something went to the sink already
  bool began = false;          // an answer had begun, or may have: it may have to be paid for, so nobody else is asked
  std::string problem;         // one sentence for people, without secrets and addresses: `"big" did not answer in time`
  std::string finish_reason = "stop";
  int attempts = 0;
  int http_status = 0;  // of the last attempt; 0: none came
  std::string label;    // of the endpoint that was asked last
  int64_t prompt_tokens = 0, completion_tokens = 0;
  double cost = 0;  // also of an answer that was cut: it was paid for
};

// Thread-safe. Streams: pieces go to the sink as they come, on the caller's thread. A stream that does not come to its
// protocol's end is kTruncated. An attempt is repeated only while no answer has begun: no connection, 429 or 5xx;
// Retry-After is honoured within the time that is left. Tokens that the endpoint does not count are estimated.
class Upstream {
 public:
  // `spending`, when given, is asked before every attempt and told its price after it.
  static std::unique_ptr<Upstream> Create(UpstreamConfig config, std::shared_ptr<HttpClient> client,
                                          std::shared_ptr<Spending> spending = nullptr);
  virtual ~Upstream() = default;
  virtual UpstreamReply Ask(const AssistantRequest& request, const DeltaSink& sink) = 0;
  virtual const UpstreamConfig& config() const = 0;
};

}  // namespace bantam
