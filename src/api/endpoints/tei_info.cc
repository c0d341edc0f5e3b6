// GET /info, as Text Embeddings Inference answers it: of the first model that does what it does, with our limits.
#include <algorithm>
#include <thread>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "base/json.h"

namespace bantam {
namespace {

json::object Labels(const Classifier& classifier) {
  json::object names, ids;
  for (size_t i = 0; i < classifier.labels().size(); ++i) {
    names[std::to_string(i)] = classifier.labels()[i];
    ids[classifier.labels()[i]] = i;
  }
  return {{"id2label", std::move(names)}, {"label2id", std::move(ids)}};
}

json::object TypeOf(const ServedModel& model) {
  if (model.embedder != nullptr) {
    const std::string_view pooling = PoolingModeName(model.embedder->sentence().pooling);
    return {{"embedding", json::object{{"pooling", pooling}}}};
  }
  if (model.classifier == nullptr) return {{"embedding", json::object{{"pooling", "splade"}}}};
  return {{model.reranker != nullptr ? "reranker" : "classifier", Labels(*model.classifier)}};
}

}  // namespace

void HandleTeiInfo(ApiContext& context, const HttpRequest&, Responder& responder) {
  const auto serves = [](const ServedModelPtr& model) {
    return model->embedder != nullptr || model->classifier != nullptr || model->sparse != nullptr;
  };
  const std::vector<ServedModelPtr> models = context.models->List();
  const auto found = std::ranges::find_if(models, serves);
  if (found == models.end()) {
    return responder.Send(
        ErrorReply(ApiFamily::kTei, Err(ErrorCode::kNotFound, "no model here embeds, classifies or ranks")));
  }
  const ServedModelPtr& model = *found;
  // The first to ask about a model from outside the store waits for its hash.
  const auto sha256 = model->identity.Sha256();
  json::object info{{"model_id", model->name},
                    {"model_sha", sha256 && !sha256->empty() ? json::value(*sha256) : json::value(nullptr)},
                    {"model_dtype", model->weight_type()},
                    {"served_model_name", model->name},
                    {"model_type", TypeOf(*model)},
                    {"max_concurrent_requests", EngineOptions().max_queued_requests},
                    {"max_input_length", model->max_tokens()},
                    {"max_batch_tokens", EngineOptions().max_batch_tokens},
                    {"max_batch_requests", nullptr},
                    {"max_client_batch_size", kMaxInputs},
                    {"auto_truncate", true},
                    {"tokenization_workers", std::max(1u, std::thread::hardware_concurrency())},
                    {"version", BANTAM_VERSION},
                    {"sha", nullptr},
                    {"docker_label", nullptr}};
  responder.Send({.status = 200, .content_type = "application/json", .body = ToJson(info), .headers = {}});
}

}  // namespace bantam
