#include "api/app.h"

#include <fmt/format.h>

#include <optional>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/text_thread.h"
#include "api/error_map.h"
#include "api/local_caller.h"
#include "api/reload.h"
#include "api/request_log.h"
#include "api/request_trace.h"
#include "base/log.h"
#include "base/text_util.h"

namespace bantam {
namespace {

const Endpoint* Find(const HttpRequest& request) {
  bool other_method = false;
  return FindEndpoint(request.method, request.path, &other_method);
}

// A browser's page can send a form or text/plain anywhere without asking, but not application/json. It cannot hide that
// it is one, either: Origin or Sec-Fetch-Site say so. Programs send neither, and Ollama's curl examples no type.
bool MayBePage(const HttpRequest& request) {
  return !request.Header("origin").empty() || !request.Header("sec-fetch-site").empty();
}

class App final : public HttpApp {
 public:
  App(std::shared_ptr<ApiContext> context, std::shared_ptr<SpanExporter> spans)
      : context_(std::move(context)), tracer_(std::move(spans)) {}

  bool IsLight(const HttpRequest& request) const override {
    const Endpoint* endpoint = Find(request);
    return endpoint == nullptr || endpoint->Has(kLight);
  }

  bool IsQuick(const HttpRequest& request) const override {
    const Endpoint* endpoint = Find(request);
    if (endpoint == nullptr) return false;
    return endpoint->quick != nullptr ? endpoint->quick(request) : FullQueue(*endpoint, request).has_value();
  }

  void Handle(const HttpRequest& request, Responder& responder) override {
    bool other_method = false;
    const Endpoint* endpoint = FindEndpoint(request.method, request.path, &other_method);
    const TraceScope scope(tracer_.Begin(request, endpoint));
    if (std::optional<HttpReply> refusal = AskForKey(endpoint, request)) return responder.Send(*std::move(refusal));
    if (endpoint == nullptr) {
      const ApiFamily family = FamilyOf(request.path);
      const std::string path = EscapeForTerminal(request.path);
      return responder.Send(
          other_method ? Refusal(request, family, 405,
                                 fmt::format("{} is not a method of {}", EscapeForTerminal(request.method), path))
                       : Refusal(request, family, 404,
                                 fmt::format("there is no {}; see the list at /openapi.json or in "
                                             "docs/reference/http-api.md",
                                             path)));
    }
    if (std::string_view(endpoint->method) != "GET" && MayBePage(request) &&
        !request.Header("content-type").starts_with("application/json")) {
      return responder.Send(
          Refusal(request, endpoint->family, 415, "send the header \"Content-Type: application/json\""));
    }
    if (const Status may = MayManage(*endpoint, request); !may)
      return responder.Send(ErrorReply(endpoint->family, may.error(), {}, 1, request.request_id));
    if (std::optional<HttpReply> full = FullQueue(*endpoint, request)) return responder.Send(*std::move(full));
    if (endpoint->quick != nullptr || !WritesText(*endpoint)) return endpoint->handler(*context_, request, responder);
    // Where there is room again in this moment, it was taken for a quick one.
    responder.ContinueOnWorker(
        [this, endpoint, &request](Responder& own) { endpoint->handler(*context_, request, own); });
  }

  bool TakesUpload(std::string_view method, std::string_view path) const override {
    bool other_method = false;
    const Endpoint* endpoint = FindEndpoint(method, path, &other_method);
    return endpoint != nullptr && endpoint->upload != nullptr;
  }

  // What Handle asks before it calls a handler is asked before the body is taken, too.
  Result<std::shared_ptr<BodySink>> OpenUpload(const HttpRequest& request) override {
    const Endpoint& endpoint = *Find(request);
    if (MayBePage(request)) return Err(ErrorCode::kForbidden, "{} takes no files from pages", endpoint.path);
    if (context_->keys != nullptr && !endpoint.Has(kOpen))
      BANTAM_RETURN_IF_ERROR(context_->keys->Recognise(request, endpoint.Has(kManagement)).status);
    BANTAM_RETURN_IF_ERROR(MayManage(endpoint, request));
    return endpoint.upload(*context_, request);
  }

  HttpReply RenderError(std::string_view path, int status, const std::string& message) const override {
    return ErrorReply(FamilyOf(path), status, message);
  }

  MemoryPressure Pressure() override {
    if (context_->memory_watch == nullptr) return MemoryPressure::kNone;
    const MemoryPressure pressure = context_->memory_watch->Look();
    if (pressure != MemoryPressure::kNone && before_ == MemoryPressure::kNone) context_->models->LetIdleGo();
    return before_ = pressure;
  }

  void Reload() override {
    const bool posted = context_->reload_worker.TryPost([context = context_.get()] {
      try {
        bantam::Reload(*context);
      } catch (const std::exception& e) {
        Log(LogLevel::kError, "reload: {}", e.what());
      }
    });
    if (!posted) Log(LogLevel::kInfo, "a reload waits already, which will read what there is then");
  }

  void OnFinished(const HttpRequest& request, const Finished& finished) override {
    if (context_->keys != nullptr) context_->keys->Finished(request);
    const Endpoint* endpoint = Find(request);
    context_->metrics.CountRequest(endpoint == nullptr ? "other" : endpoint->path, finished.status,
                                   finished.milliseconds);
    context_->metrics.CountStages(request.notes->times());
    // What is light asks no model: probes, and the console itself.
    if (endpoint == nullptr || !endpoint->Has(kLight))
      context_->recent.Add(request, endpoint == nullptr ? EscapeForTerminal(request.path) : endpoint->path, finished);
    if (context_->log_requests) LogRequest(request, finished);
    tracer_.End(request, endpoint, finished.status, context_->gauges->certificate_expires != 0 ? "https" : "http");
  }

  void OnRefused(const HttpRequest& request, int status) override {
    if (context_->log_requests) LogRefusal(request, status);
  }

 private:
  static bool WritesText(const Endpoint& endpoint) { return endpoint.Has(kStreams) && !endpoint.Has(kManagement); }

  // Ten times as many requests as can be answered must not take the cores from those that are: a refusal is made where
  // the request was read.
  std::optional<HttpReply> FullQueue(const Endpoint& endpoint, const HttpRequest& request) const {
    constexpr size_t kMostBytes = 16 * 1024;
    if (!WritesText(endpoint) || request.body.size() > kMostBytes) return std::nullopt;
    return RefuseFullQueue(*context_, request, endpoint.family);
  }

  Status MayManage(const Endpoint& endpoint, const HttpRequest& request) const {
    if (!endpoint.Has(kManagement) || context_->keys != nullptr || IsLocalCaller(request)) return Ok();
    return Err(ErrorCode::kForbidden,
               "{} changes what is stored or served, and is answered for callers on the server's own machine only, or "
               "for those with an admin's key where the server has keys (--api-keys)",
               endpoint.path);
  }

  static HttpReply Refusal(const HttpRequest& request, ApiFamily family, int status, std::string_view message) {
    return ErrorReply(family, status, message, {}, {}, request.request_id);
  }

  // Nothing where the request may go on.
  std::optional<HttpReply> AskForKey(const Endpoint* endpoint, const HttpRequest& request) const {
    if (context_->keys == nullptr || (endpoint != nullptr && endpoint->Has(kOpen))) return std::nullopt;
    const auto verdict = context_->keys->Admit(request, endpoint != nullptr && endpoint->Has(kManagement));
    request.notes->SetKeyName(verdict.key_name);
    if (verdict.status) return std::nullopt;
    HttpReply reply = ErrorReply(endpoint != nullptr ? endpoint->family : FamilyOf(request.path),
                                 verdict.status.error(), {}, verdict.retry_after_s, request.request_id);
    if (reply.status == 401) {
      // A browser asks its user, for the console; programs know what to send.
      const bool browser = request.Header("accept").find("text/html") != std::string_view::npos;
      reply.headers.emplace_back("WWW-Authenticate", browser ? R"(Basic realm="Bantam: the key is the password")"
                                                             : R"(Bearer realm="Bantam")");
    }
    return reply;
  }

  std::shared_ptr<ApiContext> context_;
  const RequestTracer tracer_;
  MemoryPressure before_ = MemoryPressure::kNone;  // I/O thread
};

}  // namespace

std::shared_ptr<HttpApp> MakeApp(std::shared_ptr<ApiContext> context, std::shared_ptr<SpanExporter> spans) {
  return std::make_shared<App>(std::move(context), std::move(spans));
}

}  // namespace bantam
