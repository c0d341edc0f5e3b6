// What POST /v1/systemone and POST /v1/decisions share: typed questions about a state to a model or to the assistant.
// The two differ in how they are asked and told.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/context.h"
#include "api/error_map.h"
#include "api/http_types.h"
#include "base/json.h"
#include "route/types.h"
#include "tasks/decide.h"

namespace bantam {

inline constexpr size_t kMaxQuestions = 400;    // OpenAI's
inline constexpr size_t kMaxOptions = 255;      // of a question
inline constexpr size_t kMaxAllOptions = 4096;  // of a request

struct DecisionRequest {
  ServedModelPtr model;  // null: the assistant
  std::string model_name;
  std::string state;
  std::vector<DecisionQuestion> questions;
  CompareOptions options;
};

// What the assistant says of a question whose options are its routes.
struct RouteDecision {
  double p_correct = 0;  // calibrated: that the question is about one of the routes, and the answer the right one
  std::vector<size_t> prediction_set;   // options
  std::string_view decision;            // "answer", "clarify", "escalate"
  double threshold = 0;                 // of p_correct; infinity: nothing would do
  std::optional<BudgetInForce> budget;  // none with policy: threshold
};

struct DecidedRequest {
  Decisions decisions;
  std::vector<std::optional<RouteDecision>> routes;  // [questions]
};

// "model": the assistant's name or that of a model that can decide; without it the assistant, or the only such model.
Status ReadDecider(const ApiContext& context, const JsonObject& body, DecisionRequest& request, std::string& at);
// Once the questions are there: their number, how long they may take, and whose they are.
Status FinishDecisionRequest(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                             DecisionRequest& request, std::string& at);
// An object or an array of a state, instructions or a description, as a model reads it best: a line for each member.
// Texts are told as they are, null as "".
std::string TextOfJson(const json::value& value);

// Answers with what `format` makes of the decisions.
void AnswerDecisions(ApiContext& context, const HttpRequest& http, Responder& responder, ApiFamily family,
                     DecisionRequest request,
                     std::function<json::object(const DecisionRequest& request, const DecidedRequest& decided)> format);
// The fields beside the standard's: "calibrated", "p_correct", "prediction_set", "decision", "risk". names: of the
// question's options.
void AddRouteDecision(const RouteDecision& decision, const std::vector<json::value>& names, json::object& answer);

}  // namespace bantam
