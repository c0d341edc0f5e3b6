// An answer as the cache keeps it, and the keys under which it is found.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "route/types.h"

namespace bantam {

std::string EncodeAnswer(const AssistantAnswer& answer);
// Marked as a cache hit that cost nothing. Nothing when the text is not one of ours.
std::optional<AssistantAnswer> DecodeAnswer(std::string_view text);

// Everything that can change an answer. `route_file` and `intents` are hashes.
struct AnswerIdentity {
  std::string_view route_file, intents;
};
// For what is decided on the last user message alone.
Sha256Digest LocalAnswerKey(const AnswerIdentity& identity, const AssistantRequest& request, std::string_view question);
// For what a large model said: its answer depends on the whole conversation and on every parameter.
Sha256Digest UpstreamAnswerKey(const AnswerIdentity& identity, const AssistantRequest& request,
                               std::string_view question, size_t question_index);

}  // namespace bantam
