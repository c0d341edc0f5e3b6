#include "api/endpoints/chat_prompt.h"

#include <fmt/format.h>

#include "api/endpoints/chat_content.h"
#include "api/endpoints/generate_request.h"

namespace bantam {
namespace {

// Templates write the arguments of a call as an object; OpenAI's clients send them as the text of one.
json::value ToolCalls(const json::value& sent) {
  json::value calls = sent;
  json::array* list = calls.if_array();
  for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
    json::object* call = (*list)[i].if_object();
    json::value* function = call == nullptr ? nullptr : call->if_contains("function");
    json::object* object = function == nullptr ? nullptr : function->if_object();
    json::value* arguments = object == nullptr ? nullptr : object->if_contains("arguments");
    if (arguments == nullptr || !arguments->is_string()) continue;
    if (arguments->get_string().empty()) *arguments = json::object{};  // of a function without parameters
    if (!arguments->is_string()) continue;
    if (auto parsed = ParseJson(arguments->get_string(), "arguments")) *arguments = *std::move(parsed);
  }
  return calls;
}

// Takes away what the template writes behind the last message.
Status EndWithLastMessage(RenderedChat& chat, const json::array& messages) {
  while (!chat.pieces.empty() && !chat.pieces.back().is_content) chat.pieces.pop_back();
  // Templates may leave out white space around a message, and with it the whole of one that holds nothing else.
  const std::string_view last = messages.back().at("content").as_string();
  if (!chat.pieces.empty() && last.find(chat.pieces.back().text) != std::string_view::npos) return Ok();
  return Err(ErrorCode::kInvalidArgument,
             "the last message is the assistant's, but the model's chat template does not show it, so that no answer "
             "can go on with it: end with a message of the user");
}

bool EndsInThought(const ToolUse& use, std::string_view prompt) {
  while (!prompt.empty() && (prompt.back() == '\n' || prompt.back() == ' ')) prompt.remove_suffix(1);
  return !use.thought_opening().empty() && prompt.ends_with(use.thought_opening());
}

}  // namespace

Result<json::array> ReadChatMessages(const JsonObject& body, std::string& at) {
  at = "messages";
  BANTAM_TRY(const json::array* items, body.Array("messages"));
  if (items->empty() || items->size() > kMaxMessages) {
    return Err(ErrorCode::kInvalidArgument, "\"messages\" has {} entries, expected 1 to {}", items->size(),
               kMaxMessages);
  }
  json::array messages;
  for (size_t i = 0; i < items->size(); ++i) {
    at = fmt::format("messages[{}]", i);
    BANTAM_TRY(const JsonObject item, JsonObject::From((*items)[i], at));
    at = fmt::format("messages[{}].role", i);
    BANTAM_TRY(const std::string role, item.String("role"));
    if (!IsChatRole(role)) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"messages[{}].role\" must be system, developer, user, assistant or tool", i);
    }
    at = fmt::format("messages[{}].content", i);
    BANTAM_TRY(const std::string content, ContentText(item, i));
    // "developer" is what OpenAI calls the system's message since 2024; the templates of models do not.
    json::object message{{"role", role == "developer" ? "system" : role}, {"content", content}};
    for (const char* key : {"name", "tool_call_id", "reasoning_content"}) {
      const json::value* value = item.Find(key);
      if (value != nullptr && value->is_string()) message[key] = *value;
    }
    // Templates look whether there is such a member, not whether it holds anything.
    const json::value* calls = item.Find("tool_calls");
    if (calls != nullptr && calls->is_array() && !calls->get_array().empty()) {
      message["tool_calls"] = ToolCalls(*calls);
    }
    messages.push_back(std::move(message));
  }
  at = "messages";
  return messages;
}

Result<ServedModelPtr> FindChatModel(const ApiContext& context, const JsonObject& body, std::string& at) {
  BANTAM_TRY(ServedModelPtr model, FindGenerator(context, body, at));
  if (model->generator->can_chat()) return model;
  return Err(ErrorCode::kInvalidArgument, "\"{}\" cannot chat: {}; /v1/completions goes on with a prompt as it stands",
             model->name, model->generator->chat_template().error().message);
}

Status MakeChatPrompt(const Generator& generator, const ChatTurn& turn, ChatInput& input, GenerateCall& call,
                      std::string& at, bool* in_thought) {
  const ToolUse* use = generator.tool_use();
  const ToolRequest* tools = turn.tools;
  if (use == nullptr) {  // it chats without a template
    if (tools != nullptr) {
      at = "tools";
      return Err(ErrorCode::kInvalidArgument, "the model has no chat template, by which it could be told of functions");
    }
    input.messages = turn.messages;
    BANTAM_TRY(call.prompt_ids, generator.ChatPromptIds(input));
    return Ok();
  }
  input.messages = use->Messages(turn.messages, tools == nullptr ? ToolPrompt{} : tools->Prompt());
  if (turn.continues) input.add_generation_prompt = false;
  if (tools != nullptr) input.tools = use->TemplateTools(tools->tools);
  // What a template refuses (roles that do not alternate, say) is in the messages.
  BANTAM_TRY(RenderedChat rendered, generator.chat_template()->Render(input));
  if (turn.continues) BANTAM_RETURN_IF_ERROR(EndWithLastMessage(rendered, turn.messages));
  call.prompt_ids = EncodeChat(generator.tokenizer(), rendered).ids;
  if (in_thought != nullptr) *in_thought = EndsInThought(*use, rendered.Text());
  if (tools == nullptr) return Ok();
  at = "tools";
  BANTAM_TRY(call.constraint, ConstrainCalls(generator, *tools, rendered.Text()));
  call.shown_ids = generator.tool_markers();
  return Ok();
}

}  // namespace bantam
