// POST /v1/classify: what the assistant would decide, without acting on it. The reply has vLLM's shape with our
// calibrated fields beside.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "route/decision.h"
#include "tasks/holds_text.h"

namespace bantam {
namespace {

constexpr size_t kMaxInputs = 2048;  // as for embeddings

// As the assistant would decide it in a chat: by the likeliest route's threshold, else the route file's, else the
// head's.
json::object Describe(const Router& router, const Prediction& prediction, size_t index) {
  const Head& head = router.head();
  const auto name = [&](int label) {  // -1: nothing is likeliest
    return label < 0 ? std::string() : head.labels()[static_cast<size_t>(label)];
  };
  Understanding understanding;
  understanding.route = name(prediction.label);
  understanding.confidence = prediction.confidence;
  const Judgement judgement = Judge(router.file(), std::move(understanding), head.metadata().threshold);
  json::array ranking;
  for (const ScoredLabel& scored : prediction.ranking)
    ranking.push_back({{"label", name(scored.label)}, {"probability", scored.probability}});
  return {{"index", index},
          {"label", prediction.label < 0 ? json::value() : json::value(name(prediction.label))},
          {"probability", prediction.probability},
          {"confidence", prediction.confidence},
          {"threshold", judgement.threshold},
          {"out_of_scope", prediction.out_of_scope},
          {"accepted", judgement.route != nullptr},
          {"num_classes", head.labels().size()},
          {"ranking", std::move(ranking)}};
}

Result<std::string> Classify(ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  at = "model";
  BANTAM_TRY(const std::string model, body.String("model"));
  if (!context.IsRouter(model)) return NoSuchAssistant(context, model);
  BANTAM_TRY(const std::vector<std::string> texts, ParseInputs(body, kMaxInputs, at));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (HoldsText(context.router->embedder().tokenizer(), texts[i])) continue;
    at = texts.size() > 1 ? fmt::format("input[{}]", i) : "input";
    return Err(ErrorCode::kInvalidArgument, "\"{}\" holds no text", at);
  }
  BANTAM_TRY(const MonotonicTime deadline, DeadlineOf(context, request, at));
  BANTAM_TRY(const std::vector<Embedding> embeddings, context.router->embedder().EmbedBatch(texts, deadline));
  const Head& head = context.router->head();
  json::array data;
  size_t tokens = 0;
  for (size_t i = 0; i < embeddings.size(); ++i) {
    data.push_back(Describe(*context.router, head.Predict(embeddings[i].vector), i));
    tokens += embeddings[i].num_tokens;
  }
  return ToJson(
      json::object{{"id", "classify-" + request.request_id},
                   {"object", "list"},
                   {"created", std::time(nullptr)},
                   {"model", context.router->file().name},
                   {"threshold", context.router->file().confidence_threshold.value_or(head.metadata().threshold)},
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
