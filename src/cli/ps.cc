// bantam ps: what a running server has loaded.
#include <CLI/CLI.hpp>
#include <cstdlib>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "net/http_client.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string url;
  bool json = false;
};

// "127.0.0.1:8081" and ":8081" are addresses too, as people write them into BANTAM_HOST.
std::string ServerUrl(const std::string& told) {
  const char* host = std::getenv("BANTAM_HOST");
  std::string url = !told.empty() ? told : host != nullptr ? host : "";
  if (url.empty()) url = "127.0.0.1:8080";
  if (url.starts_with(':')) url.insert(0, "127.0.0.1");
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// "Forever" for times in another century, as Ollama's client has it; else the time as it came.
std::string Until(const std::string& expires_at) { return expires_at >= "2200" ? "Forever" : expires_at; }

Status RunPs(const Options& options) {
  EndQuietlyOnClosedPipe();
  const std::string url = ServerUrl(options.url);
  HttpClient client;
  auto sent = client.Send({.url = url + "/api/ps"}, {});
  if (!sent) {
    return Err(sent.error().code, "{}; 'bantam serve' starts a server, --url or BANTAM_HOST says where one is",
               sent.error().message);
  }
  BANTAM_TRY(const std::string origin, OriginOf(url));
  if (sent->status != 200) {
    return Err(ErrorCode::kUnavailable, "{}/api/ps answers with status {}: is it another server?", origin,
               sent->status);
  }
  BANTAM_TRY(const json::value document, ParseJson(sent->body, origin + "/api/ps"));
  BANTAM_TRY(const JsonObject reply, JsonObject::From(document, origin + "/api/ps"));
  BANTAM_TRY(const json::array* models, reply.Array("models"));
  if (options.json) return Print(ToJson(json::object{{"models", *models}}) + "\n");
  if (models->empty()) return Print(fmt::format("{} has no model loaded.\n", origin));
  std::vector<std::vector<std::string>> table = {{"NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"}};
  for (const json::value& value : *models) {
    BANTAM_TRY(const JsonObject model, JsonObject::From(value, reply.Where("models")));
    BANTAM_TRY(const std::string name, model.String("name"));
    BANTAM_TRY(const std::string digest, model.StringOr("digest", ""));
    BANTAM_TRY(const int64_t size, model.IntOr("size", 0, 0, INT64_MAX));
    BANTAM_TRY(const int64_t context, model.IntOr("context_length", 0, 0, INT64_MAX));
    BANTAM_TRY(const std::string expires_at, model.StringOr("expires_at", ""));
    table.push_back({EscapeForTerminal(name), EscapeForTerminal(digest.substr(0, 12)),
                     HumanBytes(static_cast<uint64_t>(size)), "100% CPU", context > 0 ? fmt::format("{}", context) : "",
                     EscapeForTerminal(Until(expires_at))});
  }
  return Print(AlignColumns(table, {2, 4}));
}

}  // namespace

Run SetUpPs(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--url", options->url, "Address of the server; default: BANTAM_HOST, else 127.0.0.1:8080");
  app.add_flag("--json", options->json, "The server's own answer, in the shape of Ollama's /api/ps");
  app.footer(
      "Examples:\n"
      "  bantam ps\n"
      "  bantam ps --url http://127.0.0.1:8081 --json\n"
      "  BANTAM_HOST=:8081 bantam ps");
  return [options] { return RunPs(*options); };
}

}  // namespace bantam::cli
