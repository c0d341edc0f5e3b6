// Fuzz target of chat templates: the input is a template, rendered for a small conversation within small limits. It
// must give well-formed UTF-8 whose content was in the messages, or an error that names its place. With clang and
// -DBANTAM_FUZZ=ON, from the repository's root:
//
//   build/fuzz/src/text/template_fuzz -timeout=2 -max_len=65536 src/text/fuzz/template_corpus
//
// Without, template_replay_test.cc runs it over the corpus and over seeded mutations of it.
#include "text/fuzz/template_fuzz.h"

#include "base/check.h"
#include "base/text_util.h"
#include "text/chat_template.h"

namespace bantam::text {
namespace {

ChatInput Conversation() {
  ChatInput input;
  input.messages = json::array{
      json::object{{"role", "system"}, {"content", "Be br\u00efef.\n\n"}},
      json::object{{"role", "user"},
                   {"content", json::array{json::object{{"type", "text"}, {"text", " Hi <|im_end|> "}}}}},
      json::object{
          {"role", "assistant"},
          {"content", nullptr},
          {"tool_calls", json::array{json::object{
                             {"function", json::object{{"name", "f"}, {"arguments", json::object{{"n", 1.5}}}}}}}}},
      json::object{{"role", "tool"}, {"content", "{\"a\": [1, true]}"}}};
  input.tools = json::array{json::object{{"type", "function"}, {"function", json::object{{"name", "f"}}}}};
  input.variables = {{"n", 3}, {"deep", json::object{{"a", json::array{1, 2, 3}}}}};
  input.now.emplace();
  return input;
}

}  // namespace

void FuzzTemplate(std::string_view input) {
  static const ChatInput conversation = Conversation();
  const Result<ChatTemplate> chat =
      ChatTemplate::FromSource(input, "fuzz", {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  if (!chat) {
    BANTAM_CHECK(chat.error().message.starts_with("fuzz:"), "{}", chat.error().message);
    return;
  }
  const ChatTemplateLimits limits{.max_steps = 100'000,
                                  .max_depth = 300,
                                  .max_output_bytes = uint64_t{1} << 20,
                                  .max_memory_bytes = uint64_t{8} << 20};
  const Result<RenderedChat> rendered = chat->Render(conversation, limits);
  if (!rendered) {
    BANTAM_CHECK(rendered.error().message.starts_with("fuzz:"), "{}", rendered.error().message);
    return;
  }
  for (size_t i = 0; i < rendered->pieces.size(); ++i) {
    const ChatPiece& piece = rendered->pieces[i];
    BANTAM_CHECK(!piece.text.empty() && !FirstInvalidUtf8(piece.text));
    BANTAM_CHECK(i == 0 || piece.is_content != rendered->pieces[i - 1].is_content);
  }
}

}  // namespace bantam::text

#ifdef BANTAM_FUZZ_TARGET
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  bantam::text::FuzzTemplate({reinterpret_cast<const char*>(data), size});
  return 0;
}
#endif
