#include "api/endpoints/answer_details.h"

#include "route/budget_report.h"

namespace bantam {
namespace {

void WriteNearest(const std::vector<NearestExample>& examples, JsonWriter& out) {
  out.BeginArray();
  for (const NearestExample& example : examples) {
    out.BeginObject().Member("text", example.text).Member("route", example.route);
    out.Member("similarity", example.similarity).EndObject();
  }
  out.EndArray();
}

void WriteForm(const FormProgress& form, JsonWriter& out) {
  out.BeginObject().Member("name", form.name).Member("state", form.state).Key("slots").BeginObject();
  for (const auto& [name, value] : form.slots) out.Member(name, value);
  out.EndObject().Member("missing", form.missing).MemberOrNull("asked", form.asked).EndObject();
}

}  // namespace

void WriteDetails(const AssistantAnswer& answer, std::string_view request_id, bool truncated, JsonWriter& out) {
  out.BeginObject().MemberOrNull("route", answer.route);
  out.Member("confidence", answer.confidence).Member("threshold", answer.threshold);
  out.Member("p_correct", answer.p_correct).Member("prediction_set", answer.prediction_set);
  out.Member("budget", BudgetJson(answer.budget)).MemberOrNull("calibration_id", answer.calibration_id);
  out.Member("source", AnswerSourceName(answer.source)).Member("decision", DecisionKindName(answer.decision));
  out.Key("nearest");
  WriteNearest(answer.nearest, out);
  out.Member("latency_ms", answer.latency_ms).Member("request_id", request_id);
  if (!answer.parts.empty()) {
    out.Key("parts").BeginArray();
    for (const AnsweredPart& part : answer.parts) {
      out.BeginObject().Member("text", part.text).Member("route", part.route);
      out.Member("confidence", part.confidence).EndObject();
    }
    out.EndArray();
  }
  if (answer.exit_layer > 0) out.Member("exit_layer", answer.exit_layer);
  if (answer.queued) out.Member("queued", true);
  if (!answer.model.empty()) out.Member("upstream_model", answer.model);
  if (answer.upstream_error) out.Member("upstream_error", *answer.upstream_error);
  if (answer.form) {
    out.Key("form");
    WriteForm(*answer.form, out);
  }
  if (truncated) out.Member("truncated", true);
  out.EndObject();
}

std::string WithDetails(const json::object& reply, const TextResult& result, std::string_view request_id) {
  std::string text = ToJson(reply);
  if (result.assistant == nullptr) return text;
  text.pop_back();
  text += R"(,"bantam":)";
  JsonWriter out(text);
  WriteDetails(*result.assistant, request_id, result.truncated, out);
  return text + '}';
}

}  // namespace bantam
