// POST /v1/classify: what the assistant would decide, without acting on it; or a classifier's labels of texts and
// pairs, or by a model of natural-language inference labels of the client's own. The reply has vLLM's shape with our
// fields beside.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/task_json.h"
#include "api/work_done.h"

namespace bantam {
namespace {

constexpr size_t kMaxCandidates = 256, kMaxHypotheses = 8192;

// As the assistant would decide it in a chat.
json::object Describe(const Head& head, const Explanation& explanation, size_t index) {
  const Understanding& u = explanation.understanding;
  json::array ranking;
  for (const RankedRoute& ranked : u.ranking)
    ranking.push_back({{"label", ranked.route}, {"probability", ranked.probability}});
  return {{"index", index},
          {"label", u.route.empty() ? json::value() : json::value(u.route)},
          {"probability", u.ranking.empty() ? 0 : u.ranking[0].probability},
          {"confidence", u.confidence},
          {"threshold", explanation.threshold},
          {"out_of_scope", u.out_of_scope},
          {"accepted", !explanation.route.empty()},
          {"num_classes", head.labels().size()},
          {"ranking", std::move(ranking)}};
}

struct ClassifyAnswer {
  std::vector<Classification> texts;
  std::vector<std::string> labels;
};

// "candidate_labels" ask for those; without, the labels are the model's own.
Result<ClassifyAnswer> AskModel(const ServedModel& model, const JsonObject& body, const std::vector<TextOrPair>& inputs,
                                MonotonicTime deadline, EngineTimes& times, std::string& at) {
  if (body.Has("candidate_labels")) {
    BANTAM_TRY(std::vector<std::string> labels, ParseStrings(body, "candidate_labels", kMaxCandidates, at));
    ZeroShotOptions options{.deadline = deadline, .times = &times};
    at = "hypothesis_template";
    BANTAM_TRY(options.hypothesis_template, body.StringOr("hypothesis_template", options.hypothesis_template));
    at = "multi_label";
    BANTAM_TRY(options.multi_label, body.BoolOr("multi_label", false));
    at = "candidate_labels";
    if (model.zero_shot == nullptr) {
      return Err(
          ErrorCode::kInvalidArgument,
          "\"{}\" cannot take labels of your own: no label of its own begins with \"entail\", as those of models "
          "of natural-language inference do",
          model.name);
    }
    if (labels.size() * inputs.size() > kMaxHypotheses) {
      return Err(ErrorCode::kInvalidArgument, "{} labels of {} texts are {} pairs, the limit is {}", labels.size(),
                 inputs.size(), labels.size() * inputs.size(), kMaxHypotheses);
    }
    std::vector<std::string> texts;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].pair) {
        at = fmt::format("input[{}]", i);
        return Err(ErrorCode::kInvalidArgument, "\"{}\" is a pair; \"candidate_labels\" go with single texts", at);
      }
      texts.push_back(inputs[i].text);
    }
    at = "hypothesis_template";
    BANTAM_TRY(std::vector<Classification> answers, model.zero_shot->Classify(texts, labels, options));
    return ClassifyAnswer{std::move(answers), std::move(labels)};
  }
  ClassifyOptions options{.deadline = deadline, .times = &times};
  at = "function_to_apply";
  if (body.Has("function_to_apply")) {
    BANTAM_TRY(const std::string function, body.String("function_to_apply"));
    BANTAM_TRY(options.function, ParseScoreFunction(function));
  }
  at = "raw_scores";
  BANTAM_TRY(const bool raw, body.BoolOr("raw_scores", false));
  if (raw) options.function = ScoreFunction::kNone;
  std::vector<TextInput> texts;
  for (const TextOrPair& input : inputs) texts.push_back({input.text, input.pair});
  at = "input";
  BANTAM_TRY(std::vector<Classification> answers, model.classifier->Classify(texts, options));
  return ClassifyAnswer{std::move(answers), model.classifier->labels()};
}

Result<std::string> ClassifyByModel(const ApiContext& context, const ServedModel& model, const JsonObject& body,
                                    const HttpRequest& request, std::string& at) {
  BANTAM_TRY(const std::vector<TextOrPair> inputs, ParseTextsOrPairs(body, kMaxInputs, at));
  at = "top_k";
  BANTAM_TRY(const int64_t top_k, body.IntOr("top_k", 0, 0, INT32_MAX));
  BANTAM_TRY(const MonotonicTime deadline, DeadlineOf(context, request, at));
  WorkDone work(request);
  BANTAM_TRY(const ClassifyAnswer answer, AskModel(model, body, inputs, deadline, work.engine, at));
  json::array data;
  size_t tokens = 0;
  for (size_t i = 0; i < answer.texts.size(); ++i) {
    const Classification& text = answer.texts[i];
    json::array probs;
    for (const float score : text.scores) probs.push_back(ShortDouble(score));
    json::object item{{"index", i},
                      {"label", answer.labels[text.best()]},
                      {"probs", std::move(probs)},
                      {"num_classes", answer.labels.size()},
                      {"ranking", LabelsJson(text, answer.labels, static_cast<size_t>(top_k))}};
    if (text.truncated) item["truncated"] = true;
    data.push_back(std::move(item));
    tokens += text.num_tokens;
  }
  work.Tell(model, tokens);
  return ToJson(json::object{{"id", "classify-" + request.request_id},
                             {"object", "list"},
                             {"created", std::time(nullptr)},
                             {"model", model.name},
                             {"data", std::move(data)},
                             {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

Result<std::string> Classify(ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  at = "model";
  BANTAM_TRY(const std::string model, body.String("model"));
  BANTAM_TRY(const ServedModelPtr served, context.IsRouter(model) ? ServedModelPtr() : context.GetModel(model));
  if (served != nullptr && served->classifier != nullptr) {
    return ClassifyByModel(context, *served, body, request, at);
  }
  if (!context.IsRouter(model)) return NoSuchAssistant(context, model);
  const std::shared_ptr<Router> router = context.router();
  BANTAM_TRY(const std::vector<std::string> texts, ParseQuestions(*router, body, at));
  BANTAM_TRY(const MonotonicTime deadline, DeadlineOf(context, request, at));
  WorkDone work(request);
  EmbedCall call(deadline);
  call.times = &work.engine;
  BANTAM_TRY(const std::vector<Explanation> explanations, router->ExplainAll(texts, call));
  json::array data;
  size_t tokens = 0;
  for (size_t i = 0; i < explanations.size(); ++i) {
    data.push_back(Describe(router->head(), explanations[i], i));
    tokens += explanations[i].understanding.num_tokens;
  }
  work.Tell(router->file().name, router->embedder().weights_sha256(), tokens);
  return ToJson(json::object{{"id", "classify-" + request.request_id},
                             {"object", "list"},
                             {"created", std::time(nullptr)},
                             {"model", router->file().name},
                             {"threshold", router->policy().common().threshold},
                             {"data", std::move(data)},
                             {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

}  // namespace

void HandleClassify(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  auto reply = Classify(context, request, at);
  if (!reply) return responder.Send(OpenAiError(reply.error(), at));
  responder.Send({.status = 200, .content_type = "application/json", .body = std::move(*reply), .headers = {}});
}

}  // namespace bantam
