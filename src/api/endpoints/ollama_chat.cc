// POST /api/chat, as Ollama's clients send and read it.
#include <fmt/format.h>

#include "api/endpoints/chat_prompt.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/ollama_reply.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"

namespace bantam {
namespace {

// Ollama's names of what a message holds beside its text, as our reader knows them.
Result<json::object> WithOurNames(const JsonObject& body, std::string& at) {
  at = "messages";
  BANTAM_TRY(const json::array* items, body.Array("messages"));
  json::array messages = *items;
  for (size_t i = 0; i < messages.size(); ++i) {
    json::object* message = messages[i].if_object();
    if (message == nullptr) continue;  // refused by the reader
    BANTAM_TRY(const JsonObject object, JsonObject::From(messages[i], "message"));
    BANTAM_RETURN_IF_ERROR(RefuseImages(object, fmt::format("messages[{}].images", i), at));
    for (const auto& [theirs, ours] : {std::pair("thinking", "reasoning_content"), std::pair("tool_name", "name")}) {
      const json::value* value = message->if_contains(theirs);
      if (value != nullptr && value->is_string() && !value->get_string().empty()) (*message)[ours] = *value;
    }
  }
  return json::object{{"messages", std::move(messages)}};
}

// The messages without those before `first`, but with the system's.
json::array From(const json::array& messages, size_t first) {
  json::array kept;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i >= first || messages[i].at("role") == "system") kept.push_back(messages[i]);
  }
  return kept;
}

// Where there is no room for all messages, the oldest turns are left out, each from a question to the next one;
// "truncate": false refuses such a request instead. The last question always stays.
Status MakePromptThatFits(OllamaText& text, const json::array& messages, bool truncate, ChatInput& input,
                          std::string& at) {
  const Generator& generator = *text.model->generator;
  const auto fits = [&](size_t first) -> Result<bool> {
    const json::array kept = From(messages, first);
    BANTAM_RETURN_IF_ERROR(MakeChatPrompt(generator, {kept, text.tools.get()}, input, text.call, at, &text.in_thought));
    at = "messages";
    return text.call.prompt_ids->size() < RoomOf(text);
  };
  BANTAM_TRY(const bool all, fits(0));
  if (!all && truncate) {
    std::vector<size_t> questions;
    for (size_t i = 1; i < messages.size(); ++i) {
      if (messages[i].at("role") == "user") questions.push_back(i);
    }
    if (!questions.empty()) {
      // The fewest turns to leave out: a prompt of fewer turns is no longer.
      size_t low = 0, high = questions.size() - 1;
      while (low < high) {
        const size_t middle = (low + high) / 2;
        BANTAM_TRY(const bool good, fits(questions[middle]));
        if (good) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      BANTAM_RETURN_IF_ERROR(fits(questions[low]));
      text.dropped_messages = messages.size() - From(messages, questions[low]).size();
    }
  }
  return LimitOllamaText(text, text.call.prompt_ids->size());
}

Result<OllamaText> Parse(const ApiContext& context, const HttpRequest& http, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(http, document));
  OllamaText text;
  text.chat = true;
  BANTAM_RETURN_IF_ERROR(ReadOllamaText(context, body, http, text, at));
  const json::value* messages = body.Find("messages");
  text.only_loads =
      messages == nullptr || messages->is_null() || (messages->is_array() && messages->get_array().empty());
  BANTAM_TRY(text.unloads, ReadKeepAlive(context, body, *text.model, text.only_loads, at));
  if (text.only_loads) return text;
  const Generator& generator = *text.model->generator;
  if (!generator.can_chat()) {
    at = "model";
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" does not support chat: {}; /api/generate with \"raw\" goes on with a prompt as it stands",
               text.model->name, generator.chat_template().error().message);
  }
  ChatInput input;
  BANTAM_RETURN_IF_ERROR(ReadThink(body, text, input.variables, at));
  BANTAM_TRY(text.tools, ReadTools(body, at));
  BANTAM_RETURN_IF_ERROR(ReadOllamaFormat(body, text, at));
  if (text.tools != nullptr && text.call.constraint != nullptr) {
    at = "format";
    return Err(ErrorCode::kInvalidArgument,
               "\"tools\" and \"format\" both say what the text must be: send one of them");
  }
  at = "truncate";
  BANTAM_TRY(const bool truncate, body.BoolOr("truncate", true));
  BANTAM_TRY(const json::value ours, WithOurNames(body, at));
  BANTAM_TRY(const JsonObject renamed, JsonObject::From(ours, "body"));
  BANTAM_TRY(const json::array read, ReadChatMessages(renamed, at));
  BANTAM_RETURN_IF_ERROR(MakePromptThatFits(text, read, truncate, input, at));
  return text;
}

}  // namespace

void HandleOllamaChat(ApiContext& context, const HttpRequest& http, Responder& responder) {
  std::string at;
  auto text = Parse(context, http, at);
  AnswerOllamaText(context, http, responder, std::move(text), at);
}

}  // namespace bantam
