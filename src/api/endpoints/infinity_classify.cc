// POST /infinity/classify, as Infinity's clients send and read it. Its own path is /classify, which is vLLM's here.
#include <ctime>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/task_json.h"
#include "api/work_done.h"

namespace bantam {
namespace {

Result<std::string> Classify(const ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  BANTAM_TRY(
      const ServedModelPtr model,
      FindAble(context, body, "classify", [](const ServedModel& served) { return served.classifier != nullptr; }, at));
  BANTAM_TRY(const std::vector<std::string> texts, ParseInputs(body, kMaxInputs, at));
  at = "raw_scores";
  BANTAM_TRY(const bool raw, body.BoolOr("raw_scores", false));
  ClassifyOptions options;
  if (raw) options.function = ScoreFunction::kNone;
  BANTAM_TRY(options.deadline, DeadlineOf(context, request, at));
  WorkDone work(request);
  options.times = &work.engine;
  at = "input";
  std::vector<TextInput> inputs;
  for (const std::string& text : texts) inputs.push_back({text, {}});
  BANTAM_TRY(const std::vector<Classification> answers, model->classifier->Classify(inputs, options));
  json::array data;
  size_t tokens = 0;
  for (const Classification& answer : answers) {
    data.push_back(LabelsJson(answer, model->classifier->labels(), 0));
    tokens += answer.num_tokens;
  }
  work.Tell(*model, tokens);
  return ToJson(json::object{{"object", "classify"},
                             {"data", std::move(data)},
                             {"model", model->name},
                             {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}},
                             {"id", "infinity-" + request.request_id},
                             {"created", std::time(nullptr)}});
}

}  // namespace

void HandleInfinityClassify(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  auto reply = Classify(context, request, at);
  if (!reply) return responder.Send(OpenAiError(reply.error(), at));
  responder.Send({.status = 200, .content_type = "application/json", .body = std::move(*reply), .headers = {}});
}

}  // namespace bantam
