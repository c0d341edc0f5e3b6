#include "api/app.h"

#include <fmt/format.h>

#include "api/endpoints/endpoint.h"
#include "api/error_map.h"
#include "base/text_util.h"

namespace bantam {
namespace {

// The row for a path; `method` may differ (then 405). HEAD is GET without the body. Bare paths are accepted beside /v1.
const Endpoint* Find(std::string_view method, std::string_view path, bool* other_method) {
  if (method == "HEAD") method = "GET";
  const std::string with_v1 = fmt::format("/v1{}", path);
  for (const Endpoint& endpoint : Endpoints()) {
    const auto matches = [&](std::string_view candidate) {
      return endpoint.prefix
                 ? candidate.starts_with(endpoint.path) && candidate.size() > std::string_view(endpoint.path).size()
                 : candidate == endpoint.path;
    };
    if (!matches(path) && !matches(with_v1)) continue;
    if (method == endpoint.method) return &endpoint;
    *other_method = true;
  }
  return nullptr;
}

class App final : public HttpApp {
 public:
  explicit App(std::shared_ptr<ApiContext> context) : context_(std::move(context)) {}

  bool IsLight(const HttpRequest& request) const override {
    bool other_method = false;
    const Endpoint* endpoint = Find(request.method, request.path, &other_method);
    return endpoint == nullptr || endpoint->light;
  }

  bool IsQuick(const HttpRequest& request) const override {
    bool other_method = false;
    const Endpoint* endpoint = Find(request.method, request.path, &other_method);
    return endpoint != nullptr && endpoint->quick != nullptr && endpoint->quick(request);
  }

  void Handle(const HttpRequest& request, Responder& responder) override {
    bool other_method = false;
    const Endpoint* endpoint = Find(request.method, request.path, &other_method);
    if (endpoint == nullptr) {
      const std::string path = EscapeForTerminal(request.path);
      return responder.Send(
          other_method
              ? OpenAiError(405, fmt::format("{} is not a method of {}", EscapeForTerminal(request.method), path))
              : OpenAiError(404, fmt::format("there is no {}; see the list in docs/reference/http-api.md", path)));
    }
    // A form post or text/plain from a foreign page needs no permission in a browser; application/json does.
    if (std::string_view(endpoint->method) == "POST" &&
        !request.Header("content-type").starts_with("application/json")) {
      return responder.Send(OpenAiError(415, "send the header \"Content-Type: application/json\""));
    }
    endpoint->handler(*context_, request, responder);
  }

  HttpReply RenderError(std::string_view, int status, const std::string& message) const override {
    return OpenAiError(status, message);
  }

  void OnFinished(const HttpRequest& request, int status, double milliseconds) override {
    bool other_method = false;
    const Endpoint* endpoint = Find(request.method, request.path, &other_method);
    context_->metrics.CountRequest(endpoint == nullptr ? "other" : endpoint->path, status, milliseconds);
  }

 private:
  std::shared_ptr<ApiContext> context_;
};

}  // namespace

std::shared_ptr<HttpApp> MakeApp(std::shared_ptr<ApiContext> context) {
  return std::make_shared<App>(std::move(context));
}

}  // namespace bantam
