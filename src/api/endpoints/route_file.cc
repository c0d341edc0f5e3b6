// /v1/console/route-file: the route file in force, to be read, and its tests, to be run. For the console.
#include "api/endpoints/endpoint.h"
#include "api/endpoints/reload_thread.h"
#include "api/endpoints/uncached_reply.h"
#include "base/file_io.h"
#include "route/route_tests.h"
#include "route/router_parts.h"

namespace bantam {
namespace {

Result<std::shared_ptr<Router>> FindAssistant(ApiContext& context) {
  std::shared_ptr<Router> router = context.router();
  if (router == nullptr) return Err(ErrorCode::kNotFound, "there is no assistant here: serve a route file");
  return router;
}

void ReplaceAll(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

// Keys that the file itself holds, and names and passwords in its addresses.
std::string WithoutSecrets(std::string text, const RouteFile& file) {
  constexpr size_t kShortest = 8;  // what is shorter guards nothing, and stands elsewhere in the file, too ("none")
  for (const UpstreamConfig& upstream : file.upstreams) {
    if (upstream.api_key.size() >= kShortest) ReplaceAll(text, upstream.api_key, "[hidden]");
  }
  constexpr std::string_view kScheme = "://", kEnds = " \t\r\n\"'/";
  for (size_t at = text.find(kScheme); at != std::string::npos; at = text.find(kScheme, at)) {
    at += kScheme.size();
    const size_t host = text.substr(at, text.find_first_of(kEnds, at) - at).rfind('@');
    if (host != std::string::npos) text.replace(at, host, "[hidden]");
  }
  return text;
}

// Its text where that is still what is served: the file may have been edited since.
Result<json::object> Show(ApiContext& context) {
  BANTAM_TRY(const std::shared_ptr<Router> router, FindAssistant(context));
  const RouteFile& file = router->file();
  json::object body{{"object", "route_file"}, {"assistant", file.name}, {"path", file.path.string()},
                    {"text", nullptr},        {"changed", true},        {"num_tests", file.tests.size()}};
  const auto now = LoadRouteFile(file.path);
  if (!now || now->sha256 != file.sha256) return body;
  BANTAM_TRY(std::string text, ReadFile(file.path));
  body["text"] = WithoutSecrets(std::move(text), file);
  body["changed"] = false;
  return body;
}

json::object Describe(const TestResult& test) {
  json::object object{{"line", test.test->turns.front().line},
                      {"say", test.test->turns.front().say},
                      {"num_turns", test.test->turns.size()},
                      {"passed", test.passed()},
                      {"seconds", test.seconds}};
  object["failure"] = test.passed() ? json::value() : json::value(FailureJson(test));
  return object;
}

// On a stage beside the assistant, as at a reload: nothing is recorded, called or sent.
Result<json::object> RunTests(ApiContext& context) {
  BANTAM_TRY(const std::shared_ptr<Router> router, FindAssistant(context));
  const auto stage = MakeRouter({.file = router->file(), .intents = router->parts().intents, .offline = true});
  BANTAM_TRY(const TestReport report, RunRouteTests(*stage, {}));
  json::array tests;
  for (const TestResult& test : report.tests) tests.push_back(Describe(test));
  return json::object{{"object", "route_tests"},
                      {"assistant", router->file().name},
                      {"passed", report.tests.size() - report.failed()},
                      {"failed", report.failed()},
                      {"seconds", report.seconds},
                      {"tests", std::move(tests)}};
}

}  // namespace

void HandleRouteFile(ApiContext& context, const HttpRequest&, Responder& responder) {
  responder.Send(UncachedReply(Show(context)));
}

void HandleRouteFileTests(ApiContext& context, const HttpRequest& http, Responder& responder) {
  RunOnReloadThread(context, http, responder,
                    [&context](Responder& taken) { taken.Send(UncachedReply(RunTests(context))); });
}

}  // namespace bantam
