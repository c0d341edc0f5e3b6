// The kinds of actions. To add one: write its file, declare its Read function in action.h, add a row.
#include <array>

#include "base/text_util.h"
#include "route/actions/action.h"

namespace bantam {

std::span<const ActionType> ActionTypes() {
  static constexpr std::array kTypes = {
      ActionType{"respond", "none", "nothing leaves the process", &ReadRespondAction},
      ActionType{"form", "none until it is submitted", "slots go to the form's submit URL, if it has one",
                 &ReadFormAction},
      ActionType{"http", "one request to a service",
                 "the service sees the question only if the URL holds {text} or the method is POST", &ReadHttpAction},
      ActionType{"escalate", "the model's price for the whole conversation",
                 "the conversation goes to the model's endpoint", &ReadEscalateAction},
      ActionType{"hand_over", "a person's time", "the conversation goes to the service or the file that is named",
                 &ReadHandOverAction},
  };
  return kTypes;
}

OutgoingRequest ServiceRequest(const ActionContext& context, std::string method, std::string url,
                               std::chrono::milliseconds timeout) {
  OutgoingRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.headers = {{"X-Request-Id", std::string(context.request_id)}};
  request.first_byte_timeout = timeout;
  request.idle_timeout = timeout;
  request.deadline = std::min(context.deadline, MonotonicNow() + timeout);
  request.max_response_bytes = kMaxServiceReply;
  return request;
}

void CheckUrl(std::string_view url, YamlPlace place, Problems& problems) {
  if (url.empty()) return;
  const size_t scheme = url.find("://");
  const std::string_view name = scheme == std::string_view::npos ? std::string_view() : url.substr(0, scheme);
  if (name != "http" && name != "https") {
    problems.Error(place, "\"{}\" is no URL that can be called; begin it with http:// or https://",
                   EscapeForTerminal(url, 60));
    return;
  }
  const std::string_view rest = url.substr(scheme + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty() || authority.find('{') != std::string_view::npos) {
    problems.Error(place, "the URL \"{}\" names no host; write http://HOST/PATH", EscapeForTerminal(url, 60));
  } else if (authority.find('@') != std::string_view::npos) {
    problems.Error(place, "the URL holds a user name or password; leave it out of the file");
  }
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= 0x20) {
      problems.Error(place, "the URL \"{}\" holds a space; write %20", EscapeForTerminal(url, 60));
      return;
    }
  }
}

std::string ServiceOutcome(const Error& error) {
  switch (error.code) {
    case ErrorCode::kDeadline:
      return "http_timeout";
    case ErrorCode::kTooLarge:
      return "http_too_large";
    case ErrorCode::kUnavailable:
      return "http_refused";
    default:
      return "http_failed";
  }
}

}  // namespace bantam
