// POST /v1/reload: what SIGHUP does, with an answer.
#include "api/reload.h"

#include "api/endpoints/endpoint.h"
#include "api/endpoints/reload_thread.h"
#include "api/error_map.h"
#include "base/json.h"
#include "base/log.h"

namespace bantam {
namespace {

// What is wrong in a file is the caller's to mend, who has most likely just written it.
int StatusOf(const Error& error) { return error.code == ErrorCode::kBadConfig ? 422 : HttpStatusOf(error.code); }

HttpReply ReplyOf(const ReloadReport& report) {
  json::array parts;
  std::string problems;
  for (const ReloadedPart& part : report.parts) {
    json::object object{{"kind", part.kind},
                        {"result", part.error     ? "failed"
                                   : part.changed ? "reloaded"
                                                  : "unchanged"}};
    if (!part.name.empty()) object["name"] = part.name;
    if (!part.what.empty()) object["note"] = part.what;
    if (part.error) {
      object["error"] = part.error->message;
      problems += (problems.empty() ? "" : "\n") + part.error->message;
    }
    parts.push_back(std::move(object));
  }
  HttpReply reply;
  json::object body{{"object", "reload"}, {"milliseconds", report.milliseconds}, {"parts", std::move(parts)}};
  if (const Error* first = report.first_error()) {
    reply.status = StatusOf(*first);
    body["error"] =
        json::object{{"message", problems}, {"type", "reload_error"}, {"param", nullptr}, {"code", nullptr}};
  }
  reply.body = ToJson(body);
  return reply;
}

}  // namespace

void RunOnReloadThread(ApiContext& context, const HttpRequest& http, Responder& responder,
                       std::function<void(Responder&)> work) {
  const std::shared_ptr<Responder> taken = responder.TakeOver();
  const bool posted = context.reload_worker.TryPost([&http, taken, work = std::move(work)] {
    try {
      work(*taken);
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "{} {}: {}", http.method, http.path, e.what());
      taken->Send(OpenAiError(Err(ErrorCode::kInternal, "internal error")));
    }
  });
  if (posted) return;
  taken->Send(OpenAiError(Err(ErrorCode::kOverloaded, "a reload is under way and another one waits for it already")));
}

void HandleReload(ApiContext& context, const HttpRequest& http, Responder& responder) {
  RunOnReloadThread(context, http, responder, [&context](Responder& taken) { taken.Send(ReplyOf(Reload(context))); });
}

}  // namespace bantam
