// A large model behind an OpenAI-compatible endpoint, asked when the local answer is not sure enough.
#pragma once

#include <memory>
#include <string>

#include "net/http_client.h"
#include "route/types.h"

namespace bantam {

struct UpstreamConfig {
  std::string name;      // model_name in the route file
  std::string model;     // what the endpoint calls it ("gpt-4o-mini"; a provider prefix such as "openai/" is cut)
  std::string api_base;  // "https://api.openai.com/v1"
  std::string api_key;   // resolved from os.environ/VAR; never logged, never echoed
  std::chrono::milliseconds timeout{20'000};             // whole request, all attempts
  std::chrono::milliseconds connect_timeout{2'000};
  std::chrono::milliseconds first_byte_timeout{15'000};
  std::chrono::milliseconds idle_timeout{15'000};
  int num_retries = 1;   // only before the first byte of the answer
  double input_per_1m = 0, output_per_1m = 0;
};

// How an exchange ended; the name goes into the audit log.
enum class UpstreamOutcome { kOk, kRefused, kTimeout, kOverloaded, kServerError, kRejected, kTruncated, kGarbage, kCancelled };
std::string_view UpstreamOutcomeName(UpstreamOutcome outcome);  // "ok", "upstream_refused", "upstream_timeout", ...

struct UpstreamReply {
  UpstreamOutcome outcome = UpstreamOutcome::kOk;
  std::string text;           // complete only when outcome is kOk
  bool text_was_sent = false; // something went to the sink already
  std::string problem;        // one sentence for people, without secrets
  std::string finish_reason = "stop";
  int attempts = 0;
  int64_t prompt_tokens = 0, completion_tokens = 0;
  double cost = 0;
};

// Thread-safe. Streams: pieces go to the sink as they come. A stream that ends without finish_reason and [DONE] is
// kTruncated. Retry-After is honoured within the time that is left. Tokens that the endpoint does not count are estimated.
class Upstream {
 public:
  static std::unique_ptr<Upstream> Create(UpstreamConfig config, std::shared_ptr<HttpClient> client);
  virtual ~Upstream() = default;
  virtual UpstreamReply Ask(const AssistantRequest& request, const DeltaSink& sink) = 0;
  virtual const UpstreamConfig& config() const = 0;
};

}  // namespace bantam
