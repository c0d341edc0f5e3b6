// Texts and their tokens as the JSON of OpenAI's two endpoints.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/endpoints/generate_request.h"
#include "api/endpoints/tool_reply.h"
#include "tasks/token_bytes.h"

namespace bantam {

// How far a text of /infill is.
struct InfillProgress {
  bool has_line = false;
  // Up to the first token, its wait included; from then on.
  double prompt_ms = 0, text_ms = 0;
};

// [{"token", "logprob", "bytes", "top_logprobs"}, ...]: of OpenAI's chat, and of Ollama.
json::array TokenLogprobs(const TokenBytes& bytes, std::span<const TokenChoice> tokens);

// The parts of one reply, or of one stream: they share an id and a time. One thread at a time.
class GenerateJson {
 public:
  GenerateJson(const GenerateRequest& request, std::string id);

  // A choice of a whole reply. `tokens` are those of the text.
  json::object Choice(int index, const std::string& text, std::span<const TokenChoice> tokens,
                      std::string_view finish_reason, std::span<const CalledFunction> calls = {});
  // A choice of an event: what is new. finish_reason "": there will be more.
  json::object Delta(int index, const std::string& text, std::span<const TokenChoice> tokens,
                     std::string_view finish_reason, std::span<const CallPiece> calls = {});
  // Of /infill, whole or an event; `end` null: there will be more.
  json::object Infill(const std::string& text, std::span<const TokenChoice> tokens, const TextEnd* end,
                      const InfillProgress& progress) const;
  // What "logprobs" begin with: the tokens of a call's prompt. The first has no log probability.
  void SetPrompt(size_t call, std::vector<TokenChoice> tokens) { prompts_[call] = std::move(tokens); }
  // The first event of a choice: its role.
  json::object RoleDelta(int index) const;
  // The object around choices; `usage` null: a member of that value in a stream that was asked for usage, else none.
  json::object Envelope(json::array choices, json::value usage) const;
  json::object Usage(int64_t prompt_tokens, int64_t cached_tokens, int64_t text_tokens) const;

  // How many bytes of a text's first token are missing from the text, which begins with `text`.
  size_t DroppedBytes(const TokenChoice& first, std::string_view text) const;
  // How many of `tokens`, which follow those that were told of this choice before, lie within the text so far: those
  // that make up a stop string do not. `text_bytes` is the length of all text of the choice, with what was dropped.
  size_t TokensWithin(int index, std::span<const TokenChoice> tokens, size_t text_bytes) const;

 private:
  json::object ChatLogprobs(std::span<const TokenChoice> tokens) const;
  json::object TextLogprobs(int index, std::span<const TokenChoice> tokens);
  size_t ShownOf(int32_t id, std::string_view left) const;
  bool OwesPrompt(int index) const;
  json::value Logprobs(int index, std::span<const TokenChoice> tokens);

  const GenerateRequest& request_;
  const std::string id_;
  const int64_t created_;
  const TokenBytes bytes_;
  std::vector<size_t> told_bytes_;                 // of each choice, by its tokens
  std::vector<size_t> told_characters_;            // the same, for "text_offset"
  std::vector<std::vector<TokenChoice>> prompts_;  // of each call
  std::vector<bool> told_prompt_;                  // of each choice
};

}  // namespace bantam
