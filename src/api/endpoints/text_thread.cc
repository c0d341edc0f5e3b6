#include "api/endpoints/text_thread.h"

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <exception>

#include "api/endpoints/generate_request.h"
#include "api/endpoints/parse.h"
#include "base/log.h"

namespace bantam {

std::optional<HttpReply> RefuseFullQueue(const ApiContext& context, const HttpRequest& http, ApiFamily family) {
  const std::string key = ShareKey(http);
  const auto refusal = [&](const ServedModel& model) {
    return model.generator == nullptr ? std::nullopt : model.generator->engine().Refusal(key);
  };
  const std::vector<ServedModelPtr> models = context.models->List();
  if (std::ranges::none_of(models, [&](const ServedModelPtr& model) { return refusal(*model).has_value(); }))
    return std::nullopt;
  json::monotonic_resource storage(http.body.size() * 4);
  json::value document(&storage);
  const auto body = ParseBody(http, document);
  const json::value* name = body ? body->Find("model") : nullptr;
  // What is wrong with a request, and whose it is without a name, is for its endpoint to say.
  if (name == nullptr || !name->is_string() || context.IsRouter(name->get_string())) return std::nullopt;
  const ServedModelPtr model = context.FindModel(name->get_string());
  if (model == nullptr) return std::nullopt;
  const std::optional<Error> full = refusal(*model);
  if (!full) return std::nullopt;
  return ErrorReply(family, *full, {}, model->generator->engine().RetryAfter(), http.request_id);
}

void RunOnTextThread(ApiContext& context, const HttpRequest& http, Responder& responder, ApiFamily family,
                     int retry_after_s, std::function<void(Responder&)> work) {
  const std::shared_ptr<Responder> taken = responder.TakeOver();
  const bool posted = context.text_workers->TryPost([&http, taken, family, work = std::move(work)] {
    try {
      work(*taken);
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "{} {}: {}", http.method, http.path, e.what());
      taken->Send(ErrorReply(family, Err(ErrorCode::kInternal, "internal error"), {}, 1, http.request_id));
    }
  });
  if (posted) return;
  taken->Send(ErrorReply(family, Err(ErrorCode::kOverloaded, "too many requests wait for a text or for a model"), {},
                         retry_after_s, http.request_id));
}

}  // namespace bantam
