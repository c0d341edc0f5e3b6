// What Ollama's clients send: "options" as our sampling, "format" as what a text is held to, "keep_alive", "think".
#pragma once

#include <optional>
#include <string>

#include "api/context.h"
#include "api/endpoints/text_exchange.h"
#include "base/json.h"
#include "tasks/generate.h"

namespace bantam {

// A request for one text.
struct OllamaText : TextRequest {
  std::string asked_model;  // as the client wrote it, which replies repeat
  bool chat = false;        // answered with messages; else with "response"
  bool stream = true;       // Ollama's default
  bool logprobs = false;
  bool gives_context = false;   // the last line tells all tokens, for the next request
  int context_tokens = 0;       // "num_ctx": most tokens of prompt and text together; 0: as many as the model allows
  bool only_loads = false;      // no text: the model shall be loaded,
  bool unloads = false;         // or go
  size_t dropped_messages = 0;  // the oldest, for which there was no room
};

// "model", or "name" as older clients have it. kNotFound for a model that is not served.
Result<std::string> ReadOllamaName(const JsonObject& body, std::string& at);

// "model", "stream", "options", "logprobs", "top_logprobs", "keep_alive" and whose the request is.
Status ReadOllamaText(const ApiContext& context, const JsonObject& body, const HttpRequest& http, OllamaText& text,
                      std::string& at);
// "format": "json", or a JSON Schema. Of `text.model`.
Status ReadOllamaFormat(const JsonObject& body, OllamaText& text, std::string& at);
// "think": true, false, or how much. What the chat template is told is added to `variables`.
Status ReadThink(const JsonObject& body, OllamaText& text, json::object& variables, std::string& at);
// "keep_alive": seconds, or a duration ("5m", "-1" for ever): how long a model that came on demand stays after its last
// request. Nothing happens to others, but a request to unload one of them (0, where `only_loads`: it asks for nothing
// else) is refused. True: the model goes.
Result<bool> ReadKeepAlive(const ApiContext& context, const JsonObject& body, const ServedModel& model, bool only_loads,
                           std::string& at);
// kInvalidArgument with the place, for images: `what` begins the message.
Status RefuseImages(const JsonObject& object, const std::string& place, std::string& at);
// What is left of the model's room after a prompt of so many tokens; sets how long the text may be.
Status LimitOllamaText(OllamaText& text, size_t prompt_tokens);

// The most tokens of prompt and text.
size_t RoomOf(const OllamaText& text);

}  // namespace bantam
