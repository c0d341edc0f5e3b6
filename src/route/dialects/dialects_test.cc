// What Anthropic and Ollama are sent, and how their answers are read. OpenAI's are in openai_test.cc.
#include <gtest/gtest.h>

#include "base/testing.h"
#include "route/dialects/dialect.h"

namespace bantam {
namespace {

struct Read {
  ChatReply reply;
  std::string sunk;
};

Read ReadStream(const Dialect& dialect, std::string_view text, bool complete = true, size_t step = std::string::npos) {
  Read read;
  const DeltaSink sink = [&](std::string_view piece) { read.sunk += piece; };
  const std::unique_ptr<ReplyStream> stream = dialect.stream(sink);
  for (size_t at = 0; at < text.size(); at += std::min(step, text.size() - at)) {
    if (!stream->Feed(text.substr(at, step))) break;
  }
  stream->Finish(complete);
  read.reply = stream->reply();
  return read;
}

std::string Event(std::string_view type, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", type, data);
}
std::string TextDelta(std::string_view text) {
  return Event("content_block_delta",
               fmt::format(R"({{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{}}}}})",
                           QuoteJson(text)));
}
const std::string kStart = Event(
    "message_start",
    R"({"type":"message_start","message":{"id":"msg_1","role":"assistant","content":[],"usage":{"input_tokens":20,)"
    R"("cache_read_input_tokens":5,"output_tokens":1}}})");
std::string MessageDelta(std::string_view reason) {
  return Event("message_delta", fmt::format(R"({{"type":"message_delta","delta":{{"stop_reason":"{}"}},)"
                                            R"("usage":{{"output_tokens":9}}}})",
                                            reason));
}
const std::string kStopEvent = Event("message_stop", R"({"type":"message_stop"})");
const std::string kAnthropicAnswer =
    kStart +
    Event("content_block_start",
          R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})") +
    Event("ping", R"({"type":"ping"})") + TextDelta("Hé") +
    Event("content_block_delta",
          R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}})") +
    TextDelta("llo") + Event("content_block_stop", R"({"type":"content_block_stop","index":0})");

AssistantRequest Question() {
  AssistantRequest request;
  request.messages = {{"system", "Be brief."}, {"user", "Hi"},    {"user", "there"},
                      {"assistant", "Hello."}, {"assistant", ""}, {"developer", "No jokes."},
                      {"user", "Say hello."}};
  request.upstream_parameters = {{"temperature", 1.5}, {"top_p", 0.9}, {"stop", "END"},         {"max_tokens", 50},
                                 {"seed", 7},          {"n", 3},       {"tools", json::array{}}};
  return request;
}

TEST(Dialect, ByThePrefix) {
  EXPECT_EQ(&DialectOf("anthropic/claude-x"), &kAnthropicDialect);
  EXPECT_EQ(&DialectOf("ollama/llama3:8b"), &kOllamaDialect);
  EXPECT_EQ(&DialectOf("openai/gpt-4o"), &kOpenAiDialect);
  EXPECT_EQ(&DialectOf("meta-llama/Llama-3"), &kOpenAiDialect);
  EXPECT_EQ(&DialectOf("anthropic/"), &kOpenAiDialect);
  EXPECT_EQ(WithoutProvider("ollama/llama3:8b"), "llama3:8b");
}

TEST(Anthropic, Request) {
  UpstreamConfig config;
  config.model = "anthropic/claude-test";
  config.max_tokens = 4096;
  const json::object body = kAnthropicDialect.body(config, Question());
  EXPECT_EQ(ToJson(body.at("messages")),
            R"([{"role":"user","content":"Hi\n\nthere"},{"role":"assistant","content":"Hello."},)"
            R"({"role":"user","content":"Say hello."}])");
  EXPECT_EQ(body.at("system"), "Be brief.\n\nNo jokes.");
  EXPECT_EQ(body.at("model"), "claude-test");
  EXPECT_EQ(body.at("max_tokens"), 50);
  EXPECT_EQ(body.at("temperature"), 1.0);
  EXPECT_EQ(body.at("stop_sequences"), json::value(json::array{"END"}));
  EXPECT_EQ(body.at("stream"), true);
  for (const char* key : {"seed", "n", "tools", "stop", "stream_options"}) EXPECT_FALSE(body.contains(key)) << key;
  AssistantRequest plain;
  plain.messages = {{"user", "Hi"}};
  EXPECT_EQ(kAnthropicDialect.body(config, plain).at("max_tokens"), 4096) << "the endpoint insists on one";
  const HttpHeaders headers = kAnthropicDialect.headers("k");
  EXPECT_EQ(headers, (HttpHeaders{{"anthropic-version", "2023-06-01"}, {"x-api-key", "k"}}));
}

TEST(Anthropic, WholeAnswerHoweverItIsCut) {
  const std::string text = kAnthropicAnswer + MessageDelta("end_turn") + kStopEvent;
  for (size_t step = 1; step <= text.size(); step += step < 80 ? 1 : 97) {
    const Read read = ReadStream(kAnthropicDialect, text, true, step);
    ASSERT_EQ(read.reply.outcome, UpstreamOutcome::kOk) << read.reply.problem;
    ASSERT_EQ(read.reply.text, "Héllo");
    ASSERT_EQ(read.sunk, "Héllo");
    ASSERT_EQ(read.reply.finish_reason, "stop");
    ASSERT_EQ(read.reply.prompt_tokens, 25);
    ASSERT_EQ(read.reply.completion_tokens, 9);
  }
}

TEST(Anthropic, EveryCutIsTruncatedAndNeverOk) {
  const std::string text = kAnthropicAnswer + MessageDelta("end_turn") + kStopEvent;
  for (size_t cut = 0; cut + 2 < text.size(); ++cut) {  // the last line break may be missing
    for (const bool complete : {false, true}) {
      const Read read = ReadStream(kAnthropicDialect, text.substr(0, cut), complete);
      if (complete && cut + 1 + std::string_view("\n").size() >= text.size()) continue;
      ASSERT_NE(read.reply.outcome, UpstreamOutcome::kOk) << text.substr(0, cut);
    }
  }
}

TEST(Anthropic, StopReasons) {
  for (const auto& [reason, word] :
       std::initializer_list<std::pair<const char*, const char*>>{{"end_turn", "stop"},
                                                                  {"stop_sequence", "stop"},
                                                                  {"pause_turn", "stop"},
                                                                  {"max_tokens", "length"},
                                                                  {"refusal", "content_filter"},
                                                                  {"tool_use", "tool_calls"},
                                                                  {"model_context_window_exceeded", "length"}}) {
    EXPECT_EQ(ReadStream(kAnthropicDialect, kAnthropicAnswer + MessageDelta(reason) + kStopEvent).reply.finish_reason,
              word);
  }
}

TEST(Anthropic, ErrorsInTheStream) {
  const std::string overloaded =
      Event("error", R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})");
  Read read = ReadStream(kAnthropicDialect, kStart + TextDelta("Hel") + overloaded);
  EXPECT_EQ(read.reply.outcome, UpstreamOutcome::kOverloaded);
  EXPECT_EQ(read.reply.detail, "Overloaded");
  EXPECT_EQ(read.sunk, "Hel");
  read =
      ReadStream(kAnthropicDialect, Event("error", R"({"type":"error","error":{"type":"api_error","message":"x"}})"));
  EXPECT_EQ(read.reply.outcome, UpstreamOutcome::kServerError);
  EXPECT_EQ(ReadStream(kAnthropicDialect, Event("x", "[]")).reply.outcome, UpstreamOutcome::kGarbage);
  EXPECT_EQ(ReadStream(kAnthropicDialect, Event("x", "oops") + kStopEvent).reply.outcome, UpstreamOutcome::kGarbage);
}

TEST(Anthropic, Document) {
  const ChatReply reply = ReadDocument(
      kAnthropicDialect,
      R"({"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"},)"
      R"({"type":"text","text":"!"}],"stop_reason":"max_tokens","usage":{"input_tokens":3,"output_tokens":2}})");
  EXPECT_EQ(reply.outcome, UpstreamOutcome::kOk);
  EXPECT_EQ(reply.text, "Hi!");
  EXPECT_EQ(reply.finish_reason, "length");
  EXPECT_EQ(reply.prompt_tokens, 3);
  EXPECT_EQ(ReadDocument(kAnthropicDialect, R"({"type":"message"})").outcome, UpstreamOutcome::kGarbage);
  EXPECT_EQ(ErrorMessageIn(R"({"type":"error","error":{"type":"not_found_error","message":"no model"}})"), "no model");
}

std::string Line(std::string_view text) {
  return fmt::format(R"({{"model":"m","message":{{"role":"assistant","content":{}}},"done":false}})", QuoteJson(text)) +
         "\n";
}
const std::string kDoneLine =
    R"({"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",)"
    R"("prompt_eval_count":11,"eval_count":4})"
    "\n";

TEST(Ollama, Request) {
  UpstreamConfig config;
  config.model = "ollama/llama3:8b";
  AssistantRequest question = Question();
  question.upstream_parameters["response_format"] = {{"type", "json_object"}};
  json::object body = kOllamaDialect.body(config, question);
  EXPECT_EQ(body.at("model"), "llama3:8b");
  EXPECT_EQ(body.at("stream"), true);
  EXPECT_EQ(body.at("format"), "json");
  EXPECT_EQ(body.at("messages").as_array().size(), 7u);
  EXPECT_EQ(body.at("messages").at(5).at("role"), "system") << "\"developer\" is OpenAI's word";
  EXPECT_EQ(ToJson(body.at("options")), R"({"temperature":1.5,"top_p":0.9,"seed":7,"stop":["END"],"num_predict":50})");
  config.max_tokens = 20;
  EXPECT_EQ(kOllamaDialect.body(config, question).at("options").at("num_predict"), 20);
  question.upstream_parameters["response_format"] =
      ParseJson(R"({"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}})", "x").value();
  EXPECT_EQ(ToJson(kOllamaDialect.body(config, question).at("format")), R"({"type":"object"})");
}

TEST(Ollama, WholeAnswerHoweverItIsCut) {
  const std::string text = Line("Hé") + "\n" + Line("llo") + kDoneLine;
  for (size_t step = 1; step <= text.size(); ++step) {
    const Read read = ReadStream(kOllamaDialect, text, true, step);
    ASSERT_EQ(read.reply.outcome, UpstreamOutcome::kOk) << read.reply.problem;
    ASSERT_EQ(read.reply.text, "Héllo");
    ASSERT_EQ(read.sunk, "Héllo");
    ASSERT_EQ(read.reply.prompt_tokens, 11);
    ASSERT_EQ(read.reply.completion_tokens, 4);
    ASSERT_EQ(read.reply.finish_reason, "stop");
  }
  EXPECT_EQ(ReadStream(kOllamaDialect, text.substr(0, text.size() - 1)).reply.outcome, UpstreamOutcome::kOk)
      << "the last line break may be missing";
  for (size_t cut = 0; cut + 1 < text.size(); ++cut) {
    for (const bool complete : {false, true}) {
      ASSERT_NE(ReadStream(kOllamaDialect, text.substr(0, cut), complete).reply.outcome, UpstreamOutcome::kOk)
          << text.substr(0, cut);
    }
  }
}

TEST(Ollama, Errors) {
  const Read read = ReadStream(kOllamaDialect, Line("Hel") + "{\"error\":\"out of memory\"}\n");
  EXPECT_EQ(read.reply.outcome, UpstreamOutcome::kServerError);
  EXPECT_EQ(read.reply.detail, "out of memory");
  EXPECT_EQ(ReadStream(kOllamaDialect, "oops\n" + kDoneLine).reply.outcome, UpstreamOutcome::kGarbage);
  EXPECT_EQ(ReadStream(kOllamaDialect, std::string(2 << 20, 'x')).reply.outcome, UpstreamOutcome::kGarbage);
  EXPECT_EQ(ErrorMessageIn(R"({"error":"model \"x\" not found"})"), "model \"x\" not found");
}

}  // namespace
}  // namespace bantam
