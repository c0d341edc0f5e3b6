// What an upstream is sent, and the small readings of what it answers around the text.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "route/upstream.h"

namespace bantam {

// "openai/gpt-4o-mini" -> "gpt-4o-mini". Only names of providers are cut, once: "meta-llama/Llama-3" is a model's own
// name.
std::string_view WithoutProvider(std::string_view model);

// The body for /chat/completions: always a stream, always with the usage at its end; the request's own parameters
// beside it.
std::string UpstreamBody(const UpstreamConfig& config, const AssistantRequest& request);

// Retry-After: seconds, or an HTTP date, counted from `wall_micros`. Nothing when the text is neither.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value, int64_t wall_micros);

// About four bytes a token: for endpoints that do not count.
int64_t EstimateTokens(std::string_view text);
int64_t EstimatePromptTokens(const AssistantRequest& request);

// Whether a text repeats the secret or a good part of it (8 characters in a row).
bool Reveals(std::string_view text, std::string_view secret);

}  // namespace bantam
