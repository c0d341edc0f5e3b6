// An answer as the cache keeps it, and the keys under which it is found.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "route/semantic_rule.h"
#include "route/types.h"

namespace bantam {

std::string EncodeAnswer(const AssistantAnswer& answer);
// Marked as a cache hit that cost nothing. Nothing when the bytes are not an answer of ours.
std::optional<AssistantAnswer> DecodeAnswer(std::string_view bytes);

// Everything that can change an answer beside the request. `route_file` and `intents` are hashes; `asker` is whom the
// answer may be given to again (AskerOf).
struct AnswerIdentity {
  std::string_view route_file, intents, asker;
};
// By the file's `scope`. Nothing: the request does not say who asks, and its answer is nobody else's.
std::optional<std::string> AskerOf(CacheScope scope, const AssistantRequest& request);
// For what is decided on the last user message alone.
Sha256Digest LocalAnswerKey(const AnswerIdentity& identity, const AssistantRequest& request, std::string_view question);
// For what a large model said: its answer depends on the whole conversation and on every parameter.
Sha256Digest UpstreamAnswerKey(const AnswerIdentity& identity, const AssistantRequest& request,
                               std::string_view question, size_t question_index);
// The same but for the question: only within one partition may an answer be given to another question than its own.
Sha256Digest UpstreamPartition(const AnswerIdentity& identity, const AssistantRequest& request, size_t question_index);

}  // namespace bantam
