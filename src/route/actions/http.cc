// http: asks a service of yours and says what it replied.
//   {type: http, url: "http://status.local/now?q={text}", method: GET, response: "{{summary}} since {{since}}",
//    on_error: NAME, timeout: 5s}
// The reply must be JSON with status 2xx. Answers are never cached: they are true now.
#include "base/json.h"
#include "base/text_util.h"
#include "net/url_encode.h"
#include "route/actions/action.h"
#include "route/placeholders.h"

namespace bantam {
namespace {

constexpr std::string_view kDefaultTrouble = "I can't look that up at the moment. Please try again in a minute.";

class HttpAction : public Action {
 public:
  struct Settings {
    std::string url, method, response, on_error;
    std::chrono::milliseconds timeout{};
  };
  explicit HttpAction(Settings settings) : settings_(std::move(settings)) {}

  std::string Describe() const override { return "http " + settings_.method + " " + settings_.url; }
  DecisionKind kind() const override { return DecisionKind::kAnswer; }
  bool AnswersAtOnce() const override { return false; }

  Result<ActionResult> Run(const ActionContext& context) const override {
    ActionResult result;
    const auto trouble = [&](std::string outcome, std::string problem) {
      result.text =
          settings_.on_error.empty() ? std::string(kDefaultTrouble) : context.file.responses.at(settings_.on_error);
      result.outcome = std::move(outcome);
      result.problem = std::move(problem);
      return result;
    };
    const Result<IncomingResponse> response = context.send(Request(context), context.stop);
    if (!response) {
      if (response.error().code == ErrorCode::kCancelled) return response.error();
      if (response.error().code == ErrorCode::kDeadline && MonotonicNow() >= context.deadline) return response.error();
      return trouble(ServiceOutcome(response.error()), response.error().message);
    }
    if (response->status < 200 || response->status > 299) {
      return trouble("http_status", fmt::format("{} answered with status {}", settings_.url, response->status));
    }
    const Result<json::value> reply =
        ParseJson(response->body, settings_.url, {.max_depth = 32, .max_bytes = kMaxServiceReply});
    if (!reply) return trouble("http_garbage", reply.error().message);
    Result<std::string> text = FillFields(settings_.response, *reply);
    if (!text) return trouble("http_garbage", fmt::format("{}: {}", settings_.url, text.error().message));
    result.text = *std::move(text);
    return result;
  }

 private:
  OutgoingRequest Request(const ActionContext& context) const {
    const std::string encoded = UrlEncode(context.question);
    OutgoingRequest request = ServiceRequest(
        context, settings_.method,
        FillSlots(settings_.url, [&](std::string_view word) { return word == "text" ? &encoded : nullptr; }),
        settings_.timeout);
    request.headers.emplace_back("Accept", "application/json");
    if (settings_.method == "POST") {
      request.headers.emplace_back("Content-Type", "application/json");
      request.body = ToJson(json::object{{"text", ReplaceInvalidUtf8(context.question)}});
    }
    return request;
  }

  const Settings settings_;
};

}  // namespace

std::shared_ptr<const Action> ReadHttpAction(YamlMap& map, References& references) {
  HttpAction::Settings settings;
  settings.url = map.RequiredText("url", "give the address of the service");
  CheckUrl(settings.url, map.PlaceOf("url"), map.problems());
  for (const std::string& hole : SlotPlaceholders(settings.url)) {
    if (hole != "text") {
      map.problems().Error(map.PlaceOf("url"), "the URL holds {{{}}}; only {{text}}, the question, can be filled in",
                           hole);
    }
  }
  settings.method = map.OneOf("method", {"GET", "POST"}, "GET");
  settings.response = map.RequiredText("response", "give the text to say, with {{field}} for what the service replies");
  if (const auto holes = FieldPlaceholders(settings.response); !holes) {
    map.problems().Error(map.PlaceOf("response"), "{}", holes.error().message);
  }
  if (map.Has("on_error")) {
    settings.on_error = map.Text("on_error");
    references.Add(References::Kind::kResponse, settings.on_error, map.PlaceOf("on_error"));
  } else {
    static_cast<void>(map.Find("on_error"));
  }
  settings.timeout =
      map.Duration("timeout", std::chrono::seconds(5), std::chrono::milliseconds(1), std::chrono::minutes(5));
  return std::make_shared<HttpAction>(std::move(settings));
}

}  // namespace bantam
