// What /v1/completions and /v1/chat/completions of a model that writes text ask alike: how tokens are chosen, when a
// text ends, how many there are, and how the reply travels.
#pragma once

#include <string>
#include <vector>

#include "api/context.h"
#include "api/endpoints/tool_request.h"
#include "base/json.h"
#include "tasks/generate.h"

namespace bantam {

struct GenerateRequest {
  ServedModelPtr model = nullptr;
  // One for each prompt, which differ in their prompts alone. `n` of each is `best_of`.
  std::vector<GenerateCall> calls;
  std::vector<std::string> echo;                       // one for each call: what its texts begin with; empty: nothing
  std::shared_ptr<const ToolRequest> tools = nullptr;  // null: calls are not looked for
  int n = 1, best_of = 1;
  bool chat = false;
  bool infill = false;                        // in the shape of llama.cpp's server
  size_t dropped_files = 0;                   // of infill: for which there was no room
  std::chrono::milliseconds line_timeout{0};  // of infill: after the first token, for a text with a whole line; 0: none
  std::vector<std::string> fields = {};       // of infill: those that are answered with, "timings/prompt_n"; empty: all
  bool no_text = false;                       // only the prompt is computed
  bool prompt_logprobs = false;               // "logprobs" tell of the echoed prompt, too
  bool logprobs = false;
  int top_logprobs = 0;
  bool stream = false;
  bool include_usage = false;

  int num_choices() const { return n * static_cast<int>(calls.size()); }
};

// Texts of one request, all prompts and candidates together: what the engine takes in at once.
inline constexpr int kMaxTextsOfARequest = 128;

// The model that "model" names, for what generates text; without "model" the only one that does.
Result<ServedModelPtr> FindGenerator(const ApiContext& context, const JsonObject& body, std::string& at);

inline constexpr int64_t kMostTokens = int64_t{1} << 24;    // that may be asked for
inline constexpr int64_t kMaxSeed = 9'007'199'254'740'991;  // 2^53 - 1: what every JSON reader keeps exactly

// The texts at which a text ends: `key` of `object`, where errors are told to be at `place`; none where it says
// nothing.
Result<std::vector<std::string>> ReadStopTexts(const JsonObject& object, std::string_view key, std::string_view place,
                                               std::string& at);

// Fields that mean something we cannot do: refused by name, because a client that sends one counts on it. `chat`: those
// of the chat endpoint as well.
Status RefuseUnsupported(const JsonObject& body, bool chat, std::string& at);

// "temperature", "top_p", "top_k", "min_p", "typical_p", the penalties, "logit_bias", "seed", "stop",
// "stop_token_ids", "ignore_eos", "priority", "timeout_ms", and whose the request is; not "max_tokens", whose default
// differs. What is not sent has OpenAI's default.
Status ReadSampling(const JsonObject& body, const ApiContext& context, const HttpRequest& request, GenerateCall& call,
                    std::string& at);

// Who a request shares its turns with. Whether a key is right is nobody's to say here; behind a gateway that knows it,
// shares are those of its callers.
std::string ShareKey(const HttpRequest& request);

// "priority" and "timeout_ms", or the headers for clients that cannot add fields; whose the request is.
Status ReadTurn(const JsonObject& body, const ApiContext& context, const HttpRequest& request, GenerateCall& call,
                std::string& at);

// "n", "stream", "stream_options".
Status ReadDelivery(const JsonObject& body, GenerateRequest& request, std::string& at);

// kInvalidArgument, with the limit, for a prompt after which the model has no room for a token.
Status CheckLength(const Generator& generator, size_t prompt_tokens);

}  // namespace bantam
