// POST /api/pull, as Ollama's clients send and read it: a model comes into the store. Where models come on demand it
// can be asked for at once. A new version of one that is served is tried out before it comes into the store, and then
// takes the place of the old one.
#include <exception>
#include <stop_token>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/ollama_request.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/pull_json.h"
#include "base/log.h"
#include "store/pull.h"

namespace bantam {
namespace {

struct PullJob {
  PullReference reference;
  RemoteSettings settings;
  bool stream = true;
};

Result<PullJob> Parse(const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  BANTAM_TRY(const std::string name, ReadOllamaName(body, at));
  PullJob job;
  BANTAM_TRY(job.reference, ParsePullReference(name));
  at = "insecure";
  BANTAM_TRY(const bool insecure, body.BoolOr("insecure", false));
  if (insecure) {
    return Err(ErrorCode::kInvalidArgument,
               "\"insecure\" is not supported: whom to trust says the server's environment (SSL_CERT_FILE)");
  }
  at = "stream";
  BANTAM_TRY(job.stream, body.BoolOr("stream", true));
  BANTAM_TRY(job.settings, RemoteSettings::FromEnvironment());
  return job;
}

// One pull, on its thread.
class Pull {
 public:
  Pull(ModelPool& models, const HttpRequest& http, Responder& responder, const PullJob& job)
      : models_(models), http_(http), responder_(responder), job_(job) {}

  void Run() {
    // Whoever asked has gone: what has come is kept, and the same call goes on with it.
    std::stop_source stop;
    const auto end = [&] { stop.request_stop(); };
    const std::stop_callback at_stop(http_.stop, end);
    PullOptions options;
    options.stop = stop.get_token();
    options.on_progress = [&](const PullProgress& progress) {
      const std::optional<json::object> line = lines_.Line(progress);
      if (!job_.stream || !line || progress.stage == PullProgress::Stage::kDone) return;
      if (!Write(*line)) stop.request_stop();
    };
    options.approve = [&](const std::string& name, const Path& folder) { return models_.Rehearse(name, folder); };
    const Result<Pulled> pulled = PullModel(job_.reference, job_.settings, options);
    if (!pulled) return Fail(pulled.error());
    if (const Result<bool> refreshed = models_.Refresh(pulled->name); !refreshed) return Fail(refreshed.error());
    // The name under which it is in the store, which may be another than was asked for.
    const json::object done{{"status", "success"}, {"model", pulled->name}};
    if (!job_.stream) {
      return responder_.Send({.status = 200, .content_type = "application/json", .body = ToJson(done), .headers = {}});
    }
    if (Write(done)) responder_.End();
  }

 private:
  bool Write(const json::object& line) {
    if (!begun_) {
      begun_ = true;
      responder_.BeginStream({.status = 200,
                              .content_type = "application/x-ndjson",
                              .body = {},
                              .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}});
    }
    return responder_.Write(ToJson(line) + "\n");
  }

  void Fail(const Error& error) {
    if (!begun_) return responder_.Send(ErrorReply(ApiFamily::kOllama, error));
    responder_.Write(ErrorBody(ApiFamily::kOllama, error) + "\n");
    responder_.End();
  }

  ModelPool& models_;
  const HttpRequest& http_;
  Responder& responder_;
  const PullJob& job_;
  PullLines lines_;
  bool begun_ = false;
};

}  // namespace

void HandleOllamaPull(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto parsed = Parse(http, at);
  if (!parsed) return responder.Send(ErrorReply(ApiFamily::kOllama, parsed.error(), at));
  const auto job = std::make_shared<const PullJob>(*std::move(parsed));
  const std::shared_ptr<Responder> taken = responder.TakeOver();
  const bool posted = context.pull_workers.TryPost([&context, &http, job, taken] {
    try {
      Pull(*context.models, http, *taken, *job).Run();
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "{} {}: {}", http.method, http.path, e.what());
      taken->Send(ErrorReply(ApiFamily::kOllama, Err(ErrorCode::kInternal, "internal error")));
    }
  });
  if (posted) return;
  taken->Send(ErrorReply(ApiFamily::kOllama, Err(ErrorCode::kOverloaded, "too many pulls wait already"), {}, 60));
}

}  // namespace bantam
