// What a template does with functions is found out, and what it does not do is done for it.
#include "tasks/tool_use.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file_io.h"

namespace bantam {
namespace {

const json::value kTools = *ParseJson(R"([{"type": "function", "function": {"name": "get_weather", "description":
  "Tells the weather.", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}])",
                                      "tools");
const json::array kMessages = ParseJson(R"([{"role": "user", "content": "Rain?"},
  {"role": "assistant", "content": "", "tool_calls": [
    {"id": "aaaaaaaaa", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Bonn"}}},
    {"id": "bbbbbbbbb", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Ulm"}}}]},
  {"role": "tool", "tool_call_id": "aaaaaaaaa", "content": "sun here"},
  {"role": "tool", "tool_call_id": "bbbbbbbbb", "content": "rain there"}])",
                                        "messages")
                                  ->get_array();

std::string Render(const ChatTemplate& chat, const ToolPrompt& prompt, json::array messages = kMessages) {
  const ToolUse use(chat);
  ChatInput input;
  input.messages = use.Messages(messages, prompt);
  if (prompt.tools != nullptr) input.tools = use.TemplateTools(*prompt.tools);
  auto rendered = chat.Render(input);
  EXPECT_TRUE(rendered) << rendered.error().message;
  return rendered ? rendered->Text() : "";
}

constexpr std::string_view kChatMl =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n";

TEST(ToolUse, ATemplateThatKnowsNothing) {
  const auto chat = ChatTemplate::FromSource(kChatMl, "t");
  ASSERT_TRUE(chat);
  EXPECT_EQ(ToolUse(*chat).format().name(), "generic");
  const std::string text = Render(*chat, {.tools = &kTools, .required = true});
  EXPECT_TRUE(text.starts_with("<|im_start|>system\nYou can call")) << text;
  EXPECT_NE(text.find("\"Tells the weather.\""), std::string::npos);
  EXPECT_NE(text.find("Answer with nothing but calls.<|im_end|>"), std::string::npos) << text;
  EXPECT_NE(
      text.find(
          "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\":\"Bonn\"}}\n</tool_call>\n<tool_call>"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("<|im_start|>tool\nrain there"), std::string::npos) << text;
  // Beside a system's message of the conversation, and without tools.
  json::array messages = kMessages;
  messages.insert(messages.begin(), json::object{{"role", "system"}, {"content", "Be brief."}});
  EXPECT_TRUE(Render(*chat, {.tools = &kTools}, messages).starts_with("<|im_start|>system\nBe brief.\n\nYou can call"));
  EXPECT_TRUE(Render(*chat, {}).starts_with("<|im_start|>user\nRain?"));
}

TEST(ToolUse, ATemplateWithoutSystemAndToolRoles) {
  const auto chat = ChatTemplate::FromSource(
      "{% for m in messages %}{% if m.role not in ['user', 'assistant'] or (m.role == 'user') != (loop.index0 % 2 == "
      "0) %}"
      "{{ raise_exception('roles') }}{% endif %}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor "
      "%}",
      "t");
  ASSERT_TRUE(chat) << chat.error().message;
  EXPECT_EQ(ToolUse(*chat).format().name(), "gemma");
  const std::string text = Render(*chat, {.tools = &kTools});
  EXPECT_TRUE(text.starts_with("<start_of_turn>user\nYou can call")) << text;
  EXPECT_NE(text.find("plain text.\n\nRain?<end_of_turn>"), std::string::npos) << text;
  EXPECT_NE(text.find("<tool_response>\nsun here\n</tool_response>\n<tool_response>\nrain there\n</tool_response>"),
            std::string::npos)
      << text;
}

TEST(ToolUse, TemplatesOfModels) {
  const char* data = std::getenv("BANTAM_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "BANTAM_TEST_DATA names no folder of data sets";
  struct Case {
    const char* file;
    const char* format;
    std::vector<const char*> words;
  };
  const Case cases[] = {
      {"llamacpp/Qwen-Qwen2.5-7B-Instruct",
       "hermes",
       {"# Tools", "<tool_call>\n{\"name\": \"get_weather\"", "\"Ulm\"", "rain there"}},
      {"llamacpp/Qwen-Qwen3-0.6B",
       "hermes",
       {"# Tools", "<tool_call>\n{\"name\": \"get_weather\"", "\"Ulm\"", "rain there"}},
      {"ortx/smollm3", "hermes", {"Tells the weather.", "get_weather", "Ulm", "rain there"}},
      {"llamacpp/HuggingFaceTB-SmolLM3-3B", "generic", {"You can call these", "<tool_call>", "\"Ulm\"", "rain there"}},
      {"llamacpp/mistralai-Mistral-Nemo-Instruct-2407", "mistral", {"[TOOL_CALLS][", "Ulm", "rain there"}},
      {"llamacpp/Mistral-Small-3.2-24B-Instruct-2506",
       "mistral_named",
       {"[AVAILABLE_TOOLS]", "[TOOL_CALLS]get_weather", "rain there"}},
      {"llamacpp/LFM2-8B-A1B",
       "lfm2",
       {"List of tools:", "<|tool_call_start|>[get_weather(city=\"Bonn\"), get_weather(city=\"Ulm\")]", "rain there"}},
      {"llamacpp/ibm-granite-granite-3.3-2B-Instruct",
       "granite",
       {"available_tools", "<|tool_call|>[{\"name\": \"get_weather\"", "rain there"}},
      {"ortx/phi-4-mini-reasoning",
       "phi4_mini",
       {"<|tool|>[{\"name\":\"get_weather\"", "<|tool_call|>[{", "rain there"}},
      {"llamacpp/google-gemma-2-2b-it", "gemma", {"You can call these", "\"parameters\"", "rain there"}},
  };
  for (const Case& each : cases) {
    const auto source = ReadFile(Path(data) / "chat-templates" / (std::string(each.file) + ".jinja"));
    ASSERT_TRUE(source) << each.file << source.error().message;
    const auto chat = ChatTemplate::FromSource(*source, each.file, {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
    ASSERT_TRUE(chat) << each.file << chat.error().message;
    EXPECT_EQ(ToolUse(*chat).format().name(), each.format) << each.file;
    const std::string text = Render(*chat, {.tools = &kTools});
    for (const char* word : each.words)
      EXPECT_NE(text.find(word), std::string::npos) << each.file << " lacks " << word << ":\n" << text;
  }
}

}  // namespace
}  // namespace bantam
