// POST /v1/tag: labelled spans of texts, by a model with a token-classification head.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/task_json.h"
#include "api/work_done.h"

namespace bantam {
namespace {

Result<std::string> Tag(const ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  BANTAM_TRY(const ServedModelPtr model,
             FindAble(context, body, "tag", [](const ServedModel& m) { return m.tagger != nullptr; }, at));
  BANTAM_TRY(const std::vector<std::string> texts, ParseInputs(body, kMaxInputs, at));
  TagOptions options;
  at = "aggregation_strategy";
  BANTAM_TRY(const std::string aggregation, body.StringOr("aggregation_strategy", "simple"));
  BANTAM_TRY(options.aggregation, ParseAggregation(aggregation));
  at = "stride";
  if (body.Has("stride")) {
    BANTAM_TRY(const int64_t stride, body.Int("stride", 0, int64_t{1} << 20));
    options.stride = static_cast<size_t>(stride);
  }
  at = "ignore_labels";
  if (body.Has("ignore_labels")) {
    BANTAM_TRY(options.ignored_labels, ParseStrings(body, "ignore_labels", kMaxInputs, at));
  }
  BANTAM_TRY(options.deadline, DeadlineOf(context, request, at));
  WorkDone work(request);
  options.times = &work.engine;
  at = "stride";
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  BANTAM_TRY(const std::vector<TaggedText> tagged, model->tagger->Tag(views, options));
  json::array data;
  size_t tokens = 0;
  for (size_t i = 0; i < tagged.size(); ++i) {
    json::object item{{"index", i}, {"entities", EntitiesJson(tagged[i], options.aggregation)}};
    if (tagged[i].num_windows > 1) item["windows"] = tagged[i].num_windows;
    data.push_back(std::move(item));
    tokens += tagged[i].num_tokens;
  }
  work.Tell(*model, tokens);
  return ToJson(json::object{{"id", "tag-" + request.request_id},
                             {"object", "list"},
                             {"model", model->name},
                             {"data", std::move(data)},
                             {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

}  // namespace

void HandleTag(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  auto reply = Tag(context, request, at);
  if (!reply) return responder.Send(OpenAiError(reply.error(), at));
  responder.Send({.status = 200, .content_type = "application/json", .body = std::move(*reply), .headers = {}});
}

}  // namespace bantam
