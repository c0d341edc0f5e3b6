#include "net/http_client.h"

#include <algorithm>
#include <mutex>

#include "base/text_util.h"
#include "net/http_exchange.h"

namespace bantam {
namespace {

constexpr size_t kMaxIdleSlots = 8;

// RFC 9110 tchar: what a method or a header's name may hold.
bool IsToken(std::string_view text) {
  const auto token = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), token);
}

bool IsFieldValue(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

Status Check(const OutgoingRequest& request) {
  if (!IsToken(request.method)) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is not an HTTP method", EscapeForTerminal(request.method));
  }
  for (const auto& [name, value] : request.headers) {
    if (!IsToken(name)) {
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is not the name of a header", EscapeForTerminal(name));
    }
    // Values may be secret: not printed.
    if (!IsFieldValue(value))
      return Err(ErrorCode::kInvalidArgument, "the value of header {} holds a line break", name);
  }
  return Ok();
}

}  // namespace

Result<std::string> OriginOf(std::string_view url) {
  const auto scheme_is = [&](std::string_view scheme) {
    return url.size() >= scheme.size() && std::equal(scheme.begin(), scheme.end(), url.begin(), [](char a, char b) {
             return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
           });
  };
  const size_t authority = scheme_is("http://") ? 7 : scheme_is("https://") ? 8 : 0;
  // The address itself is printed only up to its path: a query may hold a key.
  const std::string shown = EscapeForTerminal(url.substr(0, std::min(url.find_first_of("?#@"), url.size())), 200);
  if (authority == 0) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" is not an address to ask: begin it with http:// or https://",
               shown);
  }
  const auto unsafe = [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; };
  if (std::any_of(url.begin(), url.end(), unsafe)) {
    return Err(ErrorCode::kInvalidArgument, "the address \"{}\" holds a space or a control character", shown);
  }
  // A backslash ends the host for some parsers and not for others: no address needs one.
  const size_t end = std::min(url.find_first_of("/?#\\", authority), url.size());
  const std::string_view host = url.substr(authority, end - authority);
  if (host.empty() || url.find('\\') != std::string_view::npos) {
    return Err(ErrorCode::kInvalidArgument, "the address \"{}\" names no host", shown);
  }
  if (host.find('@') != std::string_view::npos) {
    return Err(ErrorCode::kInvalidArgument,
               "the address {} holds a user name or password: use an api_key or a header instead",
               EscapeForTerminal(url.substr(0, authority)));
  }
  return EscapeForTerminal(url.substr(0, end), 300);
}

std::string_view IncomingResponse::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

struct HttpClient::State {
  std::mutex mutex;
  std::vector<CurlSlot> idle;  // guarded by mutex; the last one used is the first one reused
  const CurlApi* curl = nullptr;

  Result<CurlSlot> Take(const CurlApi& api) {
    {
      std::lock_guard lock(mutex);
      curl = &api;
      if (!idle.empty()) {
        const CurlSlot slot = idle.back();
        idle.pop_back();
        return slot;
      }
    }
    CurlSlot slot{api.curl_multi_init(), api.curl_easy_init()};
    if (slot.multi != nullptr && slot.easy != nullptr) return slot;
    Free(api, slot);
    return Err(ErrorCode::kOutOfMemory, "not enough memory for an outgoing connection");
  }

  void Return(const CurlApi& api, CurlSlot slot) {
    {
      std::lock_guard lock(mutex);
      if (idle.size() < kMaxIdleSlots) {
        idle.push_back(slot);
        return;
      }
    }
    Free(api, slot);
  }

  static void Free(const CurlApi& api, CurlSlot slot) {
    if (slot.easy != nullptr) api.curl_easy_cleanup(slot.easy);
    if (slot.multi != nullptr) api.curl_multi_cleanup(slot.multi);
  }
};

HttpClient::HttpClient() : state_(std::make_unique<State>()) {}
HttpClient::~HttpClient() {
  for (const CurlSlot slot : state_->idle) State::Free(*state_->curl, slot);
}

Result<IncomingResponse> HttpClient::Send(const OutgoingRequest& request, const HttpCallbacks& callbacks,
                                          std::stop_token stop) {
  BANTAM_TRY(std::string origin, OriginOf(request.url));
  BANTAM_RETURN_IF_ERROR(Check(request));
  BANTAM_TRY(const CurlApi* curl, LoadCurl());
  BANTAM_TRY(const CurlSlot slot, state_->Take(*curl));
  auto response = HttpExchange(*curl, slot, request, std::move(origin), callbacks, std::move(stop)).Run();
  state_->Return(*curl, slot);
  return response;
}

}  // namespace bantam
