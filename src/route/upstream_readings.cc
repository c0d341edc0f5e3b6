#include "route/upstream_readings.h"

#include <algorithm>

namespace bantam {

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
