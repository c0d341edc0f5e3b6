// What travels through the decision layer: a request in, an answer with its reasons out. JSON of the wire ends in api/.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace bantam {

struct ChatMessage {
  std::string role;     // system, developer, user, assistant, tool
  std::string content;  // text parts joined
};

struct AssistantRequest {
  std::vector<ChatMessage> messages;  // the last user message is what is decided on
  std::string request_id;             // ours, unique
  std::string session_id;             // empty: the conversation is rebuilt from `messages`
  std::string tenant;                 // separates caches; empty for none
  bool no_store = false;              // Cache-Control: no-store: neither read nor write the cache
  json::object upstream_parameters;   // temperature, max_tokens, ... passed on as they came
  MonotonicTime deadline = MonotonicTime::max();
  std::stop_token stop;  // the client went away
};

// Who produced the answer.
//   rule         a deterministic turn: a form's next step, a correction, a confirmation, a choice that was asked for
//   cache        an earlier answer to the same question
//   local model  the intent head chose the route (or said that it is unsure, or asks which of a few is meant)
//   upstream     the large model
enum class AnswerSource { kRule, kCache, kLocalModel, kUpstream };
std::string_view AnswerSourceName(AnswerSource source);

enum class DecisionKind { kAnswer, kForm, kEscalate, kUnsure, kClarify };
inline constexpr size_t kNumDecisionKinds = 5;
std::string_view DecisionKindName(DecisionKind kind);  // "answer", "form", "escalate", "unsure", "clarify"

struct NearestExample {
  std::string text;
  std::string route;
  float similarity = 0;  // cosine
};

// The error budget that a decision was held to: of the messages that are answered here from `threshold` on, at most
// max_error get a wrong route, with a certainty of 1 - delta.
struct BudgetInForce {
  double max_error = 0, delta = 0;
  double threshold = 0;     // infinity: the calibration messages cannot show it, so nothing is answered here
  int num_calibration = 0;  // messages that it was certified on
};

struct FormProgress {
  std::string name;
  std::vector<std::pair<std::string, std::string>> slots;  // filled, in the form's order
  std::vector<std::string> missing;
  std::string asked;  // the slot that the answer asks for; empty when it asks for confirmation or the form has ended
  std::string state;  // "asking", "confirming", "done", "cancelled", "failed"
};

// One request of a message that holds several.
struct AnsweredPart {
  std::string text, route;
  float confidence = 0;
};

struct AssistantAnswer {
  std::string text;
  std::string route;     // empty: none
  float confidence = 0;  // of the route, calibrated; 1 for rule turns
  float threshold = 0;   // infinity: no confidence would do
  // The chance that the likeliest route is the right one, as far as calibration can tell; none where nothing was
  // predicted.
  std::optional<double> p_correct;
  std::vector<std::string> prediction_set;  // routes, likeliest first: one of them is right, at the head's coverage
  std::optional<BudgetInForce> budget;      // none: the route file has a threshold instead
  std::string calibration_id;               // of the messages that confidences were calibrated on; empty: not known
  AnswerSource source = AnswerSource::kLocalModel;
  DecisionKind decision = DecisionKind::kAnswer;
  std::vector<NearestExample> nearest;
  std::vector<AnsweredPart> parts;  // in the message's order; empty: it is one request
  int exit_layer = 0;               // of the encoder, after which the question was understood early; 0: it needed all
  std::optional<FormProgress> form;
  bool cache_hit = false;
  std::string model;  // the upstream's model name when it answered
  std::string finish_reason = "stop";
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  double cost = 0;                            // in the currency of the route file's prices
  double latency_ms = 0;                      // server time of the decision
  bool queued = false;                        // for the large model, to be asked later: Router::SendQueued
  std::optional<std::string> upstream_error;  // what went wrong upstream when the answer says so
};

// Receives an upstream's text as it comes. Local and cached answers never go through the sink: they are whole in
// AssistantAnswer::text, so that a caller knows where an answer came from before it writes the first byte of it.
using DeltaSink = std::function<void(std::string_view piece)>;

}  // namespace bantam
