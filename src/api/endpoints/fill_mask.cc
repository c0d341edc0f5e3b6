// POST /v1/fill-mask: the likeliest tokens in the place of each mask of a text.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/task_json.h"
#include "api/work_done.h"

namespace bantam {
namespace {

constexpr size_t kMaxTexts = 256;

Result<std::string> Fill(const ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  BANTAM_TRY(const ServedModelPtr model,
             FindAble(context, body, "fill masks", [](const ServedModel& m) { return m.filler != nullptr; }, at));
  BANTAM_TRY(const std::vector<std::string> texts, ParseInputs(body, kMaxTexts, at));
  FillOptions options;
  at = "top_k";
  BANTAM_TRY(const int64_t top_k, body.IntOr("top_k", 5, 1, 1000));
  options.top_k = static_cast<size_t>(top_k);
  at = "targets";
  if (body.Has("targets")) {
    BANTAM_TRY(options.targets, ParseStrings(body, "targets", 1000, at));
  }
  BANTAM_TRY(options.deadline, DeadlineOf(context, request, at));
  WorkDone work(request);
  options.times = &work.engine;
  at = "input";
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  BANTAM_TRY(const std::vector<FilledText> filled, model->filler->Fill(views, options));
  json::array data;
  size_t tokens = 0;
  for (size_t i = 0; i < filled.size(); ++i) {
    json::object item{{"index", i}, {"masks", MasksJson(filled[i])}};
    if (filled[i].truncated) item["truncated"] = true;
    data.push_back(std::move(item));
    tokens += filled[i].num_tokens;
  }
  work.Tell(*model, tokens);
  return ToJson(json::object{{"id", "fill-mask-" + request.request_id},
                             {"object", "list"},
                             {"model", model->name},
                             {"data", std::move(data)},
                             {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

}  // namespace

void HandleFillMask(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  auto reply = Fill(context, request, at);
  if (!reply) return responder.Send(OpenAiError(reply.error(), at));
  responder.Send({.status = 200, .content_type = "application/json", .body = std::move(*reply), .headers = {}});
}

}  // namespace bantam
