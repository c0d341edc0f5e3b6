// POST /v1/classify: the assistant's intent head on its own. The reply has vLLM's shape with our calibrated fields
// beside.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"

namespace bantam {
namespace {

json::object Describe(const Head& head, const Prediction& prediction, size_t index) {
  json::array ranking;
  for (const ScoredLabel& scored : prediction.ranking) {
    ranking.push_back(
        {{"label", head.labels()[static_cast<size_t>(scored.label)]}, {"probability", scored.probability}});
  }
  return {{"index", index},
          {"label", head.labels()[static_cast<size_t>(prediction.label)]},
          {"probability", prediction.probability},
          {"confidence", prediction.confidence},
          {"out_of_scope", prediction.out_of_scope},
          {"accepted", prediction.accepted},
          {"num_classes", head.labels().size()},
          {"ranking", std::move(ranking)}};
}

Result<std::string> Classify(ApiContext& context, const HttpRequest& request) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  BANTAM_TRY(const std::string model, body.String("model"));
  if (!context.IsRouter(model)) return UnknownModel(context, model);
  BANTAM_TRY(const std::vector<std::string> texts, ParseInputs(body, 2048));
  BANTAM_TRY(const MonotonicTime deadline, DeadlineOf(context, request));
  BANTAM_TRY(const std::vector<Embedding> embeddings, context.router->embedder().EmbedBatch(texts, deadline));
  const Head& head = context.router->head();
  json::array data;
  size_t tokens = 0;
  for (size_t i = 0; i < embeddings.size(); ++i) {
    data.push_back(Describe(head, head.Predict(embeddings[i].vector), i));
    tokens += embeddings[i].num_tokens;
  }
  return ToJson(json::object{{"id", "classify-" + request.request_id},
                             {"object", "list"},
                             {"created", std::time(nullptr)},
                             {"model", context.router->file().name},
                             {"threshold", head.metadata().threshold},
                             {"data", std::move(data)},
                             {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}});
}

}  // namespace

void HandleClassify(ApiContext& context, const HttpRequest& request, Responder& responder) {
  auto reply = Classify(context, request);
  if (!reply)
    return responder.Send(OpenAiError(reply.error(), reply.error().code == ErrorCode::kNotFound ? "model" : ""));
  responder.Send({.status = 200, .content_type = "application/json", .body = std::move(*reply), .headers = {}});
}

}  // namespace bantam
