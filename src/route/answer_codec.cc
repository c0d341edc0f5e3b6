#include "route/answer_codec.h"

#include <limits>

#include "route/budget_report.h"
#include "route/json_texts.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

// A change of what is stored or of how keys are made must not read old entries as new ones.
constexpr std::string_view kFormat = "bantam answer 3";

Status ReadCalibration(const JsonObject& object, AssistantAnswer& answer) {
  if (object.Has("p_correct")) {
    BANTAM_TRY(answer.p_correct, object.Number("p_correct", 0, 1));
  }
  BANTAM_TRY(answer.prediction_set, ReadTexts(object, "prediction_set"));
  BANTAM_TRY(answer.calibration_id, object.String("calibration_id"));
  if (object.Has("budget")) {
    BANTAM_TRY(answer.budget, ReadBudget(object));
  }
  return Ok();
}

Result<AssistantAnswer> Read(std::string_view text) {
  BANTAM_TRY(const json::value document,
             ParseJson(text, "cached answer", {.max_depth = 8, .max_bytes = size_t{4} << 20}));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, "cached answer"));
  AssistantAnswer answer;
  BANTAM_TRY(answer.text, object.String("text"));
  BANTAM_TRY(answer.route, object.String("route"));
  BANTAM_TRY(const double confidence, object.Number("confidence", 0, 1));
  BANTAM_TRY(const double threshold, object.NumberOr("threshold", std::numeric_limits<double>::infinity(), 0, 1));
  answer.confidence = static_cast<float>(confidence);
  answer.threshold = static_cast<float>(threshold);
  BANTAM_RETURN_IF_ERROR(ReadCalibration(object, answer));
  BANTAM_TRY(const int64_t decision, object.Int("decision", 0, kNumDecisionKinds - 1));
  answer.decision = static_cast<DecisionKind>(decision);
  BANTAM_TRY(answer.model, object.String("model"));
  BANTAM_TRY(answer.finish_reason, object.String("finish_reason"));
  BANTAM_TRY(answer.prompt_tokens, object.Int("prompt_tokens", 0, INT64_MAX));
  BANTAM_TRY(answer.completion_tokens, object.Int("completion_tokens", 0, INT64_MAX));
  BANTAM_TRY(const json::array* nearest, object.Array("nearest"));
  for (const json::value& value : *nearest) {
    BANTAM_TRY(const JsonObject example, JsonObject::From(value, "nearest"));
    NearestExample& out = answer.nearest.emplace_back();
    BANTAM_TRY(out.text, example.String("text"));
    BANTAM_TRY(out.route, example.String("route"));
    BANTAM_TRY(const double similarity, example.Number("similarity", -1.01, 1.01));
    out.similarity = static_cast<float>(similarity);
  }
  answer.source = AnswerSource::kCache;
  answer.cache_hit = true;
  return answer;
}

void AddCommon(CacheKey& key, std::string_view kind, const AnswerIdentity& identity, const AssistantRequest& request) {
  key.Add(kFormat).Add(kind).Add(identity.route_file).Add(identity.intents).Add(identity.asker);
  for (const ChatMessage& message : request.messages) {
    if (message.role == "system" || message.role == "developer") key.Add(message.role).Add(message.content);
  }
  // Who asks and how it is billed do not change an answer: a client that names each of its users still shares them.
  json::object parameters = request.upstream_parameters;
  for (const char* name : {"user", "safety_identifier", "prompt_cache_key", "service_tier"}) parameters.erase(name);
  key.Add("parameters").Add(ToJson(parameters));
}

Sha256Digest KeyIn(const Sha256Digest& partition, std::string_view question) {
  const std::string_view bytes(reinterpret_cast<const char*>(partition.data()), partition.size());
  return CacheKey().Add(bytes).Add(NormalizeQuestion(question)).Finish();
}

}  // namespace

std::string EncodeAnswer(const AssistantAnswer& answer) {
  json::array nearest;
  for (const NearestExample& example : answer.nearest) {
    nearest.push_back(
        json::object{{"text", example.text}, {"route", example.route}, {"similarity", example.similarity}});
  }
  json::object object{{"text", answer.text},
                      {"route", answer.route},
                      {"confidence", answer.confidence},
                      {"threshold", answer.threshold},  // infinity becomes null
                      {"prediction_set", json::array(answer.prediction_set.begin(), answer.prediction_set.end())},
                      {"calibration_id", answer.calibration_id},
                      {"decision", static_cast<int64_t>(answer.decision)},
                      {"model", answer.model},
                      {"finish_reason", answer.finish_reason},
                      {"prompt_tokens", answer.prompt_tokens},
                      {"completion_tokens", answer.completion_tokens},
                      {"nearest", std::move(nearest)}};
  if (answer.p_correct) object["p_correct"] = *answer.p_correct;
  if (answer.budget) object["budget"] = BudgetJson(answer.budget);
  return ToJson(object);
}

std::optional<AssistantAnswer> DecodeAnswer(std::string_view text) {
  Result<AssistantAnswer> answer = Read(text);
  if (!answer) return std::nullopt;
  return *std::move(answer);
}

std::optional<std::string> AskerOf(CacheScope scope, const AssistantRequest& request) {
  if (scope == CacheScope::kGlobal) return "everybody";
  if (scope == CacheScope::kTenant) return "tenant " + request.tenant;
  for (const char* name : {"safety_identifier", "user"}) {
    const json::value* user = request.upstream_parameters.if_contains(name);
    if (user == nullptr || !user->is_string() || user->get_string().empty()) continue;
    return fmt::format("user {} {} {}", request.tenant.size(), request.tenant, std::string_view(user->get_string()));
  }
  return std::nullopt;
}

Sha256Digest LocalAnswerKey(const AnswerIdentity& identity, const AssistantRequest& request,
                            std::string_view question) {
  CacheKey key;
  AddCommon(key, "local", identity, request);
  return KeyIn(key.Finish(), question);
}

Sha256Digest UpstreamPartition(const AnswerIdentity& identity, const AssistantRequest& request, size_t question_index) {
  CacheKey key;
  AddCommon(key, "upstream", identity, request);
  key.Add("history");
  for (size_t i = 0; i < request.messages.size(); ++i) {
    if (i != question_index) key.Add(request.messages[i].role).Add(request.messages[i].content);
  }
  return key.Finish();
}

Sha256Digest UpstreamAnswerKey(const AnswerIdentity& identity, const AssistantRequest& request,
                               std::string_view question, size_t question_index) {
  return KeyIn(UpstreamPartition(identity, request, question_index), question);
}

}  // namespace bantam
