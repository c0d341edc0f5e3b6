// POST /v1/systemone, as TypeSafe's clients and those of other decision models send and read it: named questions about
// a state, answered with probabilities.
#include <fmt/format.h>

#include "api/endpoints/decision_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/task_json.h"
#include "base/text_util.h"

namespace bantam {
namespace {

using Kind = DecisionQuestion::Kind;

constexpr ApiFamily kFamily = ApiFamily::kTypeSafe;
constexpr size_t kMaxLevels = 10;

// A text, an object or an array.
Result<std::string> ReadContent(const json::value& value, std::string_view at) {
  if (value.is_string() || value.is_object() || value.is_array()) return TextOfJson(value);
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected a text, an object or an array", at,
             EscapeForTerminal(ToJson(value), 80));
}

// The same of a member that may be absent or null: "".
Result<std::string> ReadContentOr(const JsonObject& object, std::string_view key, std::string_view place,
                                  std::string& at) {
  at = fmt::format("{}.{}", place, key);
  const json::value* value = object.Find(key);
  if (value == nullptr || value->is_null()) return std::string();
  return ReadContent(*value, at);
}

Status ReadChoice(const JsonObject& question, std::string_view place, DecisionQuestion& parsed, std::string& at) {
  at = fmt::format("{}.criteria", place);
  BANTAM_TRY(const JsonObject criteria, question.Object("criteria"));
  if (criteria.raw().size() < 2 || criteria.raw().size() > kMaxOptions) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" has {} options, expected 2 to {}", at, criteria.raw().size(),
               kMaxOptions);
  }
  const std::string criteria_at = at;
  for (const auto& [key, member] : criteria.raw()) {
    const std::string name = key;
    if (name.empty()) return Err(ErrorCode::kInvalidArgument, "\"{}\" has an option without a name", at);
    BANTAM_TRY(std::string description, ReadContentOr(criteria, name, criteria_at, at));
    parsed.options.push_back({.name = name, .description = std::move(description)});
  }
  return Ok();
}

Status ReadScore(const JsonObject& question, std::string_view place, DecisionQuestion& parsed, std::string& at) {
  at = fmt::format("{}.criteria", place);
  BANTAM_TRY(const json::array* levels, question.Array("criteria"));
  if (levels->size() < 2 || levels->size() > kMaxLevels) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" has {} levels, expected 2 to {}", at, levels->size(), kMaxLevels);
  }
  for (size_t i = 0; i < levels->size(); ++i) {
    at = fmt::format("{}.criteria[{}]", place, i);
    BANTAM_TRY(parsed.options.emplace_back().name, ReadContent((*levels)[i], at));
  }
  return Ok();
}

Status ReadNoul(const JsonObject& question, std::string_view place, DecisionQuestion& parsed, std::string& at) {
  parsed.options = {{.name = "yes"}, {.name = "no"}};
  at = fmt::format("{}.criteria", place);
  const json::value* criteria = question.Find("criteria");
  if (criteria != nullptr && !criteria->is_null()) {
    BANTAM_TRY(const JsonObject both, question.Object("criteria"));
    const std::string criteria_at = at;
    BANTAM_TRY(parsed.options[0].description, ReadContentOr(both, "true", criteria_at, at));
    BANTAM_TRY(parsed.options[1].description, ReadContentOr(both, "false", criteria_at, at));
  }
  if (parsed.instructions.empty() && parsed.options[0].description.empty() && parsed.options[1].description.empty()) {
    at = place;
    return Err(ErrorCode::kInvalidArgument, "\"{}\" asks nothing: it has neither \"instructions\" nor \"criteria\"",
               at);
  }
  return Ok();
}

Result<DecisionQuestion> ReadQuestion(const json::value& value, const std::string& place, std::string& at) {
  at = place;
  BANTAM_TRY(const JsonObject question, JsonObject::From(value, place));
  DecisionQuestion parsed{.label = EscapeForTerminal(place, 160)};
  BANTAM_TRY(parsed.instructions, ReadContentOr(question, "instructions", place, at));
  at = fmt::format("{}.type", place);
  BANTAM_TRY(const std::string type, question.String("type"));
  if (type == "choice") {
    parsed.kind = Kind::kChoice;
    BANTAM_RETURN_IF_ERROR(ReadChoice(question, place, parsed, at));
  } else if (type == "score") {
    parsed.kind = Kind::kScale;
    BANTAM_RETURN_IF_ERROR(ReadScore(question, place, parsed, at));
  } else if (type == "noul") {
    parsed.kind = Kind::kYesNo;
    BANTAM_RETURN_IF_ERROR(ReadNoul(question, place, parsed, at));
  } else {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is \"{}\", expected \"choice\", \"score\" or \"noul\"",
               EscapeForTerminal(at, 160), EscapeForTerminal(type, 80));
  }
  return parsed;
}

// What the answers repeat of the questions.
struct Asked {
  std::vector<std::string> names;
  std::vector<json::object> legends;  // of scores
};

Result<DecisionRequest> Parse(const ApiContext& context, const HttpRequest& http, Asked& asked, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  DecisionRequest request;
  BANTAM_RETURN_IF_ERROR(ReadDecider(context, body, request, at));
  for (const char* key : {"assets", "images"}) {
    at = key;
    const json::value* images = body.Find(key);
    if (images == nullptr || images->is_null()) continue;
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is not supported: models here read text only", key);
  }
  at = "state";
  const json::value* state = body.Find("state");
  if (state == nullptr) {
    return Err(ErrorCode::kInvalidArgument, "\"state\" is missing: a text, an object or an array");
  }
  BANTAM_TRY(request.state, ReadContent(*state, at));
  at = "questions";
  BANTAM_TRY(const JsonObject questions, body.Object("questions"));
  if (questions.raw().empty() || questions.raw().size() > kMaxQuestions) {
    return Err(ErrorCode::kInvalidArgument, "\"questions\" has {} questions, expected 1 to {}", questions.raw().size(),
               kMaxQuestions);
  }
  for (const auto& [name, value] : questions.raw()) {
    const std::string place = fmt::format("questions.{}", std::string_view(name));
    BANTAM_TRY(request.questions.emplace_back(), ReadQuestion(value, place, at));
    asked.names.emplace_back(name);
    json::object& legend = asked.legends.emplace_back();
    if (request.questions.back().kind != Kind::kScale) continue;
    const json::array& levels = value.get_object().at("criteria").get_array();
    for (size_t i = 0; i < levels.size(); ++i) legend[std::to_string(i)] = levels[i];
  }
  BANTAM_RETURN_IF_ERROR(FinishDecisionRequest(context, body, http, request, at));
  return request;
}

json::object Format(const Asked& asked, const DecisionRequest& request, const DecidedRequest& decided) {
  json::object answers;
  for (size_t i = 0; i < request.questions.size(); ++i) {
    const DecisionQuestion& question = request.questions[i];
    json::object answer = DecisionJson(question, asked.legends[i], decided.decisions.probabilities[i]);
    if (decided.routes[i]) {
      std::vector<json::value> names;
      for (const DecisionOption& option : question.options) names.emplace_back(option.name);
      AddRouteDecision(*decided.routes[i], names, answer);
    }
    answers[asked.names[i]] = std::move(answer);
  }
  return {{"model", request.model_name},
          {"answers", std::move(answers)},
          {"usage", json::object{{"input_tokens", decided.decisions.input_tokens}, {"output_tokens", 0}}}};
}

}  // namespace

void HandleSystemOne(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  Asked asked;
  auto request = Parse(context, http, asked, at);
  if (!request) return responder.Send(ErrorReply(kFamily, request.error(), at));
  AnswerDecisions(context, http, responder, kFamily, *std::move(request),
                  [asked = std::move(asked)](const DecisionRequest& own, const DecidedRequest& decided) {
                    return Format(asked, own, decided);
                  });
}

}  // namespace bantam
