// The small readings around what an upstream is asked and answers.
#pragma once

#include <cstdint>
#include <string_view>

#include "route/upstream.h"

namespace bantam {

// About four bytes a token: for endpoints that do not count.
int64_t EstimateTokens(std::string_view text);
int64_t EstimatePromptTokens(const AssistantRequest& request);
// No tokenizer makes more tokens of it: a byte is at least one.
int64_t MostPromptTokens(const AssistantRequest& request);

// Whether a text repeats the secret or a good part of it (8 characters in a row).
bool Reveals(std::string_view text, std::string_view secret);

}  // namespace bantam
