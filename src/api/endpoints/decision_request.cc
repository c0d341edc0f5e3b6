#include "api/endpoints/decision_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/decision_json.h"
#include "api/endpoints/generate_request.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/text_thread.h"
#include "api/work_done.h"
#include "route/router.h"
#include "tasks/holds_text.h"

namespace bantam {
namespace {

// What SDKs of TypeSafe ask for unless told otherwise.
constexpr std::string_view kDefaultModel = "jev-latest";

bool CanDecide(const ServedModel& model) { return model.decider != nullptr; }

// Where each option stands among the head's labels; nothing where one is none of them.
std::optional<std::vector<size_t>> LabelsOf(const DecisionQuestion& question, const Head& head) {
  if (question.kind != DecisionQuestion::Kind::kChoice) return std::nullopt;
  std::vector<size_t> labels;
  for (const DecisionOption& option : question.options) {
    const auto found = std::ranges::find(head.labels(), option.name);
    if (found == head.labels().end()) return std::nullopt;
    labels.push_back(static_cast<size_t>(found - head.labels().begin()));
  }
  return labels;
}

// As the assistant would decide it in a chat, if the question had no other options than these. labels: of the options.
RouteDecision JudgeRoute(Router& router, const Prediction& prediction, const DecisionQuestion& question,
                         std::span<const size_t> labels, size_t chosen, double probability) {
  RouteDecision decision;
  Understanding understanding;
  understanding.route = question.options[chosen].name;
  understanding.out_of_scope = prediction.out_of_scope;
  understanding.confidence = static_cast<float>(probability * (1 - static_cast<double>(prediction.out_of_scope)));
  for (const int label : prediction.prediction_set) {
    const auto own = std::ranges::find(labels, static_cast<size_t>(label));
    if (own == labels.end()) continue;
    decision.prediction_set.push_back(static_cast<size_t>(own - labels.begin()));
    understanding.prediction_set.push_back(question.options[decision.prediction_set.back()].name);
  }
  decision.p_correct = static_cast<double>(understanding.confidence);
  const Explanation explanation = Explain(router.file(), router.policy(), std::move(understanding));
  decision.decision = OutcomeName(explanation.decision);
  decision.threshold = explanation.threshold;
  decision.budget = explanation.budget;
  return decision;
}

// Questions about routes by the head, all others by its encoder.
Result<DecidedRequest> AskAssistant(Router& router, const DecisionRequest& request) {
  DecidedRequest decided;
  decided.routes.resize(request.questions.size());
  decided.decisions.probabilities.resize(request.questions.size());
  const Head& head = router.head();
  std::vector<DecisionQuestion> others;
  std::vector<size_t> places;
  // Of the state, once a question asks for a route.
  std::optional<Prediction> prediction;
  std::vector<double> all;
  for (size_t i = 0; i < request.questions.size(); ++i) {
    const auto labels = LabelsOf(request.questions[i], head);
    if (!labels) {
      others.push_back(request.questions[i]);
      places.push_back(i);
      continue;
    }
    if (!prediction) {
      if (!HoldsText(router.embedder().tokenizer(), request.state)) {
        return Err(ErrorCode::kInvalidArgument, "the state holds no text");
      }
      BANTAM_TRY(const Embedding embedding,
                 router.embedder().Embed(request.state, CallForHead(request.options.deadline)));
      if (embedding.truncated) {
        return Err(ErrorCode::kInvalidArgument, "the state has {} tokens, {} reads {}; nothing is cut",
                   embedding.text_tokens, request.model_name, router.embedder().max_tokens());
      }
      decided.decisions.input_tokens += embedding.num_tokens;
      prediction = head.Predict(embedding.vector);
      all = head.Probabilities(embedding.vector);
    }
    std::vector<double>& own = decided.decisions.probabilities[i];
    double sum = 0;
    for (const size_t label : *labels) sum += own.emplace_back(all[label]);
    const size_t chosen = Likeliest(own);
    decided.routes[i] = JudgeRoute(router, *prediction, request.questions[i], *labels, chosen, own[chosen]);
    for (double& p : own) p = sum > 0 ? p / sum : 1.0 / static_cast<double>(own.size());
  }
  if (others.empty()) return decided;
  // It outlives the call, and belongs to the router.
  const auto decider = MakeDecider(std::shared_ptr<Embedder>(std::shared_ptr<void>(), &router.embedder()));
  BANTAM_TRY(Decisions decisions,
             decider->Decide({.state = request.state, .questions = others, .options = request.options}));
  decided.decisions.input_tokens += decisions.input_tokens;
  for (size_t i = 0; i < places.size(); ++i) {
    decided.decisions.probabilities[places[i]] = std::move(decisions.probabilities[i]);
  }
  return decided;
}

// router: asked where the request names no model.
Result<DecidedRequest> Ask(Router* router, const DecisionRequest& request) {
  if (request.model == nullptr) return AskAssistant(*router, request);
  DecidedRequest decided;
  BANTAM_TRY(decided.decisions,
             request.model->decider->Decide(
                 {.state = request.state, .questions = request.questions, .options = request.options}));
  decided.routes.resize(request.questions.size());
  return decided;
}

}  // namespace

Status ReadDecider(const ApiContext& context, const JsonObject& body, DecisionRequest& request, std::string& at) {
  at = "model";
  BANTAM_TRY(const std::string name, body.StringOr("model", kDefaultModel));
  const bool chosen = name != kDefaultModel || context.IsRouter(name) || context.FindModel(name) != nullptr;
  const std::shared_ptr<Router> router = context.router();
  if (router != nullptr && (!chosen || context.IsRouter(name))) {
    request.model_name = router->file().name;
    return Ok();
  }
  const json::value nothing = json::object{};
  BANTAM_TRY(const JsonObject unnamed, JsonObject::From(nothing, "body"));
  const auto found = FindAble(context, chosen ? body : unnamed, "decide", CanDecide, at);
  if (!found) return chosen || !body.Has("model") ? found.error() : NoSuchModel(context, name);
  request.model = *found;
  request.model_name = request.model->name;
  return Ok();
}

Status FinishDecisionRequest(const ApiContext& context, const JsonObject& body, const HttpRequest& http,
                             DecisionRequest& request, std::string& at) {
  at = "questions";
  size_t options = 0;
  for (const DecisionQuestion& question : request.questions) options += question.options.size();
  if (options > kMaxAllOptions) {
    return Err(ErrorCode::kInvalidArgument, "the questions have {} options together, the limit is {}", options,
               kMaxAllOptions);
  }
  GenerateCall turn;
  if (request.model != nullptr && request.model->generator != nullptr) {
    BANTAM_RETURN_IF_ERROR(ReadTurn(body, context, http, turn, at));
    request.options.adapters = request.model->adapters;
  } else {
    BANTAM_TRY(turn.deadline, DeadlineOf(context, http, at));
  }
  request.options.deadline = turn.deadline;
  request.options.priority = turn.priority;
  request.options.key = turn.key;
  at.clear();
  return Ok();
}

std::string TextOfJson(const json::value& value) {
  const auto inner = [](const json::value& member) {
    return member.is_string() ? std::string(member.get_string()) : ToJson(member);
  };
  std::string text;
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_null()) return text;
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, member] : *object) {
      text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", std::string_view(key), inner(member));
    }
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& member : *array) text += fmt::format("{}- {}", text.empty() ? "" : "\n", inner(member));
  } else {
    text = ToJson(value);
  }
  return text;
}

void AnswerDecisions(
    ApiContext& context, const HttpRequest& http, Responder& responder, ApiFamily family, DecisionRequest request,
    std::function<json::object(const DecisionRequest& request, const DecidedRequest& decided)> format) {
  const auto shared = std::make_shared<DecisionRequest>(std::move(request));
  const Generator* generator = shared->model == nullptr ? nullptr : shared->model->generator.get();
  const int retry_after_s = generator == nullptr ? 1 : generator->engine().RetryAfter();
  shared->options.stop = [&http] { return http.stop.stop_requested(); };
  const auto answer = [&context, family, shared, retry_after_s, work = WorkDone(http),
                       format = std::move(format)](Responder& own) {
    const std::shared_ptr<Router> router = context.router();
    const auto decided = Ask(router.get(), *shared);
    if (!decided && shared->options.stop()) return;  // the responder tells whoever still reads
    if (!decided) return own.Send(ErrorReply(family, decided.error(), "questions", retry_after_s));
    const size_t tokens = decided->decisions.input_tokens;
    if (shared->model != nullptr) {
      work.Tell(*shared->model, tokens);
    } else {
      work.Tell(shared->model_name, router->embedder().weights_sha256(), tokens);
    }
    HttpReply reply;
    reply.body = ToJson(format(*shared, *decided));
    own.Send(std::move(reply));
  };
  if (generator == nullptr) return answer(responder);
  RunOnTextThread(context, http, responder, family, retry_after_s, answer);
}

void AddRouteDecision(const RouteDecision& decision, const std::vector<json::value>& names, json::object& answer) {
  json::array set;
  for (const size_t option : decision.prediction_set) set.push_back(names[option]);
  answer["calibrated"] = true;
  answer["p_correct"] = decision.p_correct;
  answer["prediction_set"] = std::move(set);
  answer["decision"] = decision.decision;
  json::object risk{{"threshold", decision.threshold}};
  if (decision.budget) {
    risk["budget"] = decision.budget->max_error;
    risk["delta"] = decision.budget->delta;
    risk["n_cal"] = decision.budget->num_calibration;
  }
  answer["risk"] = std::move(risk);
}

}  // namespace bantam
