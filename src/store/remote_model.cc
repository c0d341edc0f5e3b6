#include "store/remote_model.h"

#include <cstdlib>

#include "base/text_util.h"
#include "store/download.h"
#include "store/fetch.h"
#include "store/remote_path.h"

namespace bantam {
namespace {

constexpr size_t kMaxTokenBytes = 4096;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin);
}

bool IsTrue(const std::string& text) { return text == "1" || text == "ON" || text == "YES" || text == "TRUE"; }

// As huggingface_hub looks for it.
Result<std::string> HubToken() {
  if (IsTrue(Variable("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return std::string();
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (std::string token = Trimmed(Variable(name)); !token.empty()) return token;
  }
  Path file;
  if (const std::string named = Variable("HF_TOKEN_PATH"); !named.empty()) {
    file = named;
  } else if (const std::string home = Variable("HF_HOME"); !home.empty()) {
    file = Path(home) / "token";
  } else if (const std::string cache = Variable("XDG_CACHE_HOME"); !cache.empty()) {
    file = Path(cache) / "huggingface/token";
  } else if (const std::string user = Variable("HOME"); !user.empty()) {
    file = Path(user) / ".cache/huggingface/token";
  }
  std::error_code ignored;
  if (file.empty() || !std::filesystem::exists(file, ignored)) return std::string();
  BANTAM_TRY(const std::string text, ReadFile(file, kMaxTokenBytes));
  return Trimmed(text);
}

Result<std::string> Server(const char* variable, std::string_view otherwise) {
  std::string url = Trimmed(Variable(variable));
  if (url.empty()) url = otherwise;
  while (url.ends_with('/')) url.pop_back();
  const auto origin = OriginOf(url);
  if (!origin) return Err(origin.error().code, "{}: {}", variable, origin.error().message);
  return url;
}

}  // namespace

Result<RemoteSettings> RemoteSettings::FromEnvironment() {
  RemoteSettings settings;
  BANTAM_TRY(settings.hub, Server("HF_ENDPOINT", settings.hub));
  BANTAM_TRY(settings.registry, Server("BANTAM_OLLAMA_REGISTRY", settings.registry));
  BANTAM_TRY(settings.hub_token, HubToken());
  settings.ca_file = Variable("SSL_CERT_FILE");
  if (!settings.hub_token.empty() && settings.hub.starts_with("http://") && !IsLocalHost(HostOf(settings.hub))) {
    return Err(ErrorCode::kInvalidArgument,
               "HF_ENDPOINT is {}: a token would travel there unencrypted; use https, or set "
               "HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to go without it",
               ShownUrl(settings.hub));
  }
  return settings;
}

Result<IncomingResponse> AskServer(HttpClient& client, const RemoteSettings& settings, const std::string& url,
                                   const HttpHeaders& headers, const std::string& authorization, size_t max_bytes,
                                   const AskOptions& options) {
  for (int retries = 0;; ++retries) {
    auto fetched = Fetch(client,
                         {.url = url,
                          .headers = headers,
                          .headers_for = {},
                          .authorization = authorization,
                          .max_response_bytes = max_bytes,
                          .ca_file = settings.ca_file},
                         {}, options.stop);
    if (fetched && !IsPassingStatus(fetched->response.status)) return std::move(fetched->response);
    if (!fetched && !IsPassing(fetched.error())) return fetched.error();
    const auto wanted = fetched ? RetryAfter(fetched->response) : std::chrono::milliseconds(0);
    const Error error =
        !fetched ? fetched.error()
                 : Error(Err(fetched->response.status == 429 ? ErrorCode::kOverloaded : ErrorCode::kUnavailable,
                             "{} answers with status {}: try again later", ShownUrl(url), fetched->response.status));
    if (retries >= settings.max_retries || wanted > std::chrono::seconds(120)) return error;
    const auto pause = std::max(wanted, settings.first_pause * (1 << std::min(retries, 5)));
    if (options.on_retry) options.on_retry(error, pause);
    BANTAM_RETURN_IF_ERROR(PauseUnlessStopped(pause, options.stop));
  }
}

std::string StoreNameOf(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    name += plain ? c : '-';
  }
  while (name.starts_with('.') || name.starts_with('-')) name.erase(0, 1);
  if (name.size() > 64) name.resize(64);  // CheckPlainName's limit
  return name;
}

}  // namespace bantam
