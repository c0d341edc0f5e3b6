// The small readings around what an upstream is asked and answers.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "route/upstream.h"

namespace bantam {

// Retry-After: seconds, or an HTTP date, counted from `wall_micros`. Nothing when the text is neither.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value, int64_t wall_micros);

// About four bytes a token: for endpoints that do not count.
int64_t EstimateTokens(std::string_view text);
int64_t EstimatePromptTokens(const AssistantRequest& request);
// No tokenizer makes more tokens of it: a byte is at least one.
int64_t MostPromptTokens(const AssistantRequest& request);

// Whether a text repeats the secret or a good part of it (8 characters in a row).
bool Reveals(std::string_view text, std::string_view secret);

}  // namespace bantam
