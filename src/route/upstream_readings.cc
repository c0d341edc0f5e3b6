#include "route/upstream_readings.h"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace bantam {

std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value, int64_t wall_micros) {
  using std::chrono::milliseconds;
  double seconds = 0;
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), seconds, std::chars_format::fixed);
  if (error == std::errc() && end == value.data() + value.size()) {
    if (!(seconds >= 0 && seconds <= 1e6)) return std::nullopt;
    return milliseconds(static_cast<int64_t>(seconds * 1000));
  }
  std::tm utc{};
  const std::string text(value);
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);  // the C locale: nobody sets another
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const int64_t when = ::timegm(&utc);
  return milliseconds(std::max<int64_t>(0, when * 1000 - wall_micros / 1000));
}

int64_t EstimateTokens(std::string_view text) { return static_cast<int64_t>((text.size() + 3) / 4); }

int64_t EstimatePromptTokens(const AssistantRequest& request) {
  constexpr int64_t kPerMessage = 4;  // role and separators
  int64_t tokens = 0;
  for (const ChatMessage& message : request.messages) tokens += kPerMessage + EstimateTokens(message.content);
  return tokens;
}

int64_t MostPromptTokens(const AssistantRequest& request) {
  constexpr int64_t kPerMessage = 16;
  int64_t tokens = kPerMessage;
  for (const ChatMessage& message : request.messages) tokens += kPerMessage + std::ssize(message.content);
  return tokens;
}

bool Reveals(std::string_view text, std::string_view secret) {
  constexpr size_t kPart = 8;
  if (secret.empty()) return false;
  const size_t part = std::min(kPart, secret.size());
  for (size_t at = 0; at + part <= secret.size(); ++at) {
    if (text.find(secret.substr(at, part)) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace bantam
