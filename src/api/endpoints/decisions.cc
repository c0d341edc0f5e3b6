// POST /v1/decisions, as OpenAI's clients send and read it: predicates, choices and scores about an input, answered
// with probabilities.
#include <fmt/format.h>

#include <algorithm>

#include "api/endpoints/decision_input.h"
#include "api/endpoints/decision_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "base/text_util.h"

namespace bantam {
namespace {

using Kind = DecisionQuestion::Kind;

constexpr ApiFamily kFamily = ApiFamily::kOpenAi;

// What the answers repeat of a question.
struct Asked {
  json::value name;                 // null where it has none
  std::vector<json::value> values;  // of its options: a text and a boolean are not the same
};

Result<std::string> DescriptionOf(const JsonObject& option, std::string_view place, std::string& at) {
  at = fmt::format("{}.description", place);
  return option.StringOr("description", "");
}

// "choices" or "levels".
Result<const json::array*> ReadOptions(const JsonObject& question, const char* key, std::string_view place,
                                       std::string& at) {
  at = fmt::format("{}.{}", place, key);
  BANTAM_TRY(const json::array* options, question.Array(key));
  if (options->size() >= 2 && options->size() <= kMaxOptions) return options;
  return Err(ErrorCode::kInvalidArgument, "\"{}\" has {} entries, expected 2 to {}", at, options->size(), kMaxOptions);
}

Status ReadChoices(const JsonObject& question, const std::string& place, DecisionQuestion& parsed, Asked& asked,
                   std::string& at) {
  BANTAM_TRY(const json::array* choices, ReadOptions(question, "choices", place, at));
  for (size_t i = 0; i < choices->size(); ++i) {
    const std::string here = fmt::format("{}.choices[{}]", place, i);
    at = here;
    BANTAM_TRY(const JsonObject choice, JsonObject::From((*choices)[i], here));
    at = here + ".value";
    const json::value* value = choice.Find("value");
    const bool is_text = value != nullptr && value->is_string() && !value->get_string().empty();
    if (!is_text && (value == nullptr || !value->is_bool())) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected a text that is not empty, true or false", at,
                 value == nullptr ? "missing" : EscapeForTerminal(ToJson(*value), 80));
    }
    if (std::ranges::find(asked.values, *value) != asked.values.end()) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, as another choice of the question is", at,
                 EscapeForTerminal(ToJson(*value), 80));
    }
    asked.values.push_back(*value);
    DecisionOption& option = parsed.options.emplace_back();
    option.name = is_text ? std::string(value->get_string()) : value->get_bool() ? "true" : "false";
    BANTAM_TRY(option.description, DescriptionOf(choice, here, at));
  }
  return Ok();
}

Status ReadLevels(const JsonObject& question, const std::string& place, DecisionQuestion& parsed, Asked& asked,
                  std::string& at) {
  BANTAM_TRY(const json::array* levels, ReadOptions(question, "levels", place, at));
  for (size_t i = 0; i < levels->size(); ++i) {
    const std::string here = fmt::format("{}.levels[{}]", place, i);
    at = here;
    BANTAM_TRY(const JsonObject level, JsonObject::From((*levels)[i], here));
    at = here + ".label";
    DecisionOption& option = parsed.options.emplace_back();
    BANTAM_TRY(option.name, level.String("label"));
    if (option.name.empty()) return Err(ErrorCode::kInvalidArgument, "\"{}\" is empty", at);
    asked.values.emplace_back(option.name);
    BANTAM_TRY(option.description, DescriptionOf(level, here, at));
  }
  return Ok();
}

Result<DecisionQuestion> ReadQuestion(const json::value& value, const std::string& place, Asked& asked,
                                      std::string& at) {
  at = place;
  BANTAM_TRY(const JsonObject question, JsonObject::From(value, place));
  DecisionQuestion parsed{.label = place};
  at = place + ".name";
  if (const json::value* name = question.Find("name"); name != nullptr && !name->is_null()) {
    BANTAM_TRY(asked.name, question.String("name"));
  }
  at = place + ".instructions";
  const json::value* instructions = question.Find("instructions");
  if (instructions == nullptr) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is missing: what the input is asked", at);
  }
  BANTAM_TRY(parsed.instructions, ReadDecisionParts(*instructions, at));
  at = place + ".type";
  BANTAM_TRY(const std::string type, question.String("type"));
  if (type == "predicate") {
    parsed.kind = Kind::kYesNo;
    parsed.options = {{.name = "yes"}, {.name = "no"}};
  } else if (type == "choice") {
    parsed.kind = Kind::kChoice;
    BANTAM_RETURN_IF_ERROR(ReadChoices(question, place, parsed, asked, at));
  } else if (type == "score") {
    parsed.kind = Kind::kScale;
    BANTAM_RETURN_IF_ERROR(ReadLevels(question, place, parsed, asked, at));
  } else {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\", expected \"predicate\", \"choice\" or \"score\"", at,
               EscapeForTerminal(type, 80));
  }
  return parsed;
}

Result<DecisionRequest> Parse(const ApiContext& context, const HttpRequest& http, std::vector<Asked>& asked,
                              std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  DecisionRequest request;
  BANTAM_RETURN_IF_ERROR(ReadDecider(context, body, request, at));
  at = "input";
  const json::value* input = body.Find("input");
  if (input == nullptr) return Err(ErrorCode::kInvalidArgument, "\"input\" is missing: a text, or a list of messages");
  BANTAM_TRY(request.state, ReadDecisionInput(*input, at));
  at = "questions";
  BANTAM_TRY(const json::array* questions, body.Array("questions"));
  if (questions->empty() || questions->size() > kMaxQuestions) {
    return Err(ErrorCode::kInvalidArgument, "\"questions\" has {} questions, expected 1 to {}", questions->size(),
               kMaxQuestions);
  }
  for (size_t i = 0; i < questions->size(); ++i) {
    const std::string place = fmt::format("questions[{}]", i);
    BANTAM_TRY(request.questions.emplace_back(), ReadQuestion((*questions)[i], place, asked.emplace_back(), at));
  }
  BANTAM_RETURN_IF_ERROR(FinishDecisionRequest(context, body, http, request, at));
  return request;
}

json::object AnswerOf(const DecisionQuestion& question, const Asked& asked, const std::vector<double>& p) {
  json::array probabilities;
  switch (question.kind) {
    case Kind::kYesNo:
      return {{"type", "predicate"}, {"name", asked.name}, {"probability", p[0]}};
    case Kind::kScale:
      for (size_t i = 0; i < p.size(); ++i) {
        probabilities.push_back(json::object{{"label", asked.values[i]}, {"value", i}, {"probability", p[i]}});
      }
      return {{"type", "score"},
              {"name", asked.name},
              {"score", ExpectedLevel(p)},
              {"confidence", ScaleConfidence(p)},
              {"probabilities", std::move(probabilities)}};
    case Kind::kChoice:
      break;
  }
  for (size_t i = 0; i < p.size(); ++i) {
    probabilities.push_back(json::object{{"value", asked.values[i]}, {"probability", p[i]}});
  }
  return {{"type", "choice"},
          {"name", asked.name},
          {"choice", asked.values[Likeliest(p)]},
          {"confidence", ChoiceConfidence(p)},
          {"probabilities", std::move(probabilities)}};
}

json::object Format(const std::vector<Asked>& asked, const DecisionRequest& request, const DecidedRequest& decided) {
  const Decisions& decisions = decided.decisions;
  json::array answers;
  for (size_t i = 0; i < request.questions.size(); ++i) {
    json::object answer = AnswerOf(request.questions[i], asked[i], decisions.probabilities[i]);
    if (decided.routes[i]) AddRouteDecision(*decided.routes[i], asked[i].values, answer);
    answers.push_back(std::move(answer));
  }
  const size_t tokens = decisions.input_tokens;
  return {{"model", request.model_name},
          {"answers", std::move(answers)},
          {"usage", json::object{{"input_tokens", tokens},
                                 {"input_tokens_details",
                                  json::object{{"cached_tokens", decisions.cached_tokens}, {"cache_write_tokens", 0}}},
                                 {"output_tokens", 0},
                                 {"output_tokens_details", json::object{{"reasoning_tokens", 0}}},
                                 {"total_tokens", tokens}}}};
}

}  // namespace

void HandleDecisions(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  std::vector<Asked> asked;
  auto request = Parse(context, http, asked, at);
  if (!request) return responder.Send(ErrorReply(kFamily, request.error(), at));
  AnswerDecisions(context, http, responder, kFamily, *std::move(request),
                  [asked = std::move(asked)](const DecisionRequest& own, const DecidedRequest& decided) {
                    return Format(asked, own, decided);
                  });
}

}  // namespace bantam
