// GET /v1/console/requests/{after}: the requests that were answered after the one of that number, for the console,
// which asks again and again.
#include "api/recent_requests.h"

#include <charconv>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/uncached_reply.h"
#include "base/json.h"
#include "base/text_util.h"

namespace bantam {
namespace {

Result<uint64_t> ReadNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc() && end == text.data() + text.size()) return number;
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is no number of a request; 0 asks for all that are kept",
             EscapeForTerminal(text, 40));
}

json::object Describe(const RecentRequest& request) {
  // Nobody told: null.
  const auto time = [](double milliseconds) { return milliseconds < 0 ? json::value() : json::value(milliseconds); };
  return {{"number", request.number},
          {"ended_ms", request.ended_ms},
          {"method", request.method},
          {"path", request.path},
          {"status", request.status},
          {"model", request.model.empty() ? json::value() : json::value(request.model)},
          {"ms", request.milliseconds},
          {"queue_ms", time(request.times.queue)},
          {"tokenize_ms", time(request.times.tokenize)},
          {"compute_ms", time(request.times.compute)}};
}

}  // namespace

void HandleRecentRequests(ApiContext& context, const HttpRequest& request, Responder& responder) {
  const auto after = ReadNumber(PathValues(request).front());
  if (!after) return responder.Send(OpenAiError(after.error(), "after"));
  json::array data;
  for (const RecentRequest& one : context.recent.After(*after)) data.push_back(Describe(one));
  responder.Send(UncachedReply(json::object{{"object", "list"}, {"data", std::move(data)}}));
}

}  // namespace bantam
