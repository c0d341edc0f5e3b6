// Every format: what is written is read again however it is cut, and texts that are held to it are calls.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "base/file_io.h"
#include "text/chat_template.h"
#include "text/grammar/sample.h"
#include "text/tool_calls/formats.h"
#include "text/tool_calls/python_calls.h"
#include "text/tool_calls/tool_parser.h"

namespace bantam::tools {
namespace {

std::vector<ToolFunction> Functions() {
  return {{"get_weather", *ParseJson(R"({"type": "object", "properties": {"city": {"type": "string"},
            "days": {"type": "integer", "minimum": 1, "maximum": 9}, "units": {"enum": ["C", "F"]}},
            "required": ["city"]})",
                                     "weather")},
          {"lookup-all", *ParseJson(R"({"type": "object", "properties": {"ids": {"type": "array", "items":
            {"type": "integer"}, "maxItems": 3}, "exact": {"type": "boolean"}, "why": {"type": ["null", "string"]}},
            "required": ["ids", "exact"]})",
                                    "lookup")},
          {"now", nullptr}};
}
std::vector<std::string> Names() { return {"get_weather", "lookup-all", "now"}; }

struct Whole {
  std::string content;
  std::vector<std::pair<std::string, std::string>> calls;
  size_t complete = 0;
  bool operator==(const Whole&) const = default;
};

void Put(ToolOutput piece, Whole& into) {
  into.content += piece.content;
  for (const CallDelta& delta : piece.calls) {
    if (!delta.name.empty()) {
      EXPECT_EQ(delta.index, into.calls.size());
      into.calls.emplace_back(delta.name, "");
    }
    ASSERT_LT(delta.index, into.calls.size());
    into.calls[delta.index].second += delta.arguments;
  }
}

Whole Read(const ToolFormat& format, std::string_view text, std::mt19937_64* cut = nullptr) {
  ToolParser parser(format, Names());
  Whole whole;
  for (size_t at = 0; at < text.size();) {
    const size_t length = cut == nullptr ? text.size() : 1 + (*cut)() % ((*cut)() % 2 == 0 ? 2 : 20);
    Put(parser.Read(text.substr(at, length)), whole);
    at += std::min(length, text.size() - at);
  }
  Put(parser.Finish(), whole);
  whole.complete = parser.num_complete();
  return whole;
}

void ExpectSameHoweverCut(const ToolFormat& format, std::string_view text) {
  const Whole whole = Read(format, text);
  std::mt19937_64 random(text.size());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Read(format, text, &random), whole) << format.name() << ": " << text;
  // At every place in two.
  for (size_t at = 1; at < text.size(); ++at) {
    ToolParser parser(format, Names());
    Whole two;
    Put(parser.Read(text.substr(0, at)), two);
    Put(parser.Read(text.substr(at)), two);
    Put(parser.Finish(), two);
    two.complete = parser.num_complete();
    ASSERT_EQ(two, whole) << format.name() << ": " << text.substr(0, at) << "|" << text.substr(at);
  }
}

std::shared_ptr<const grammar::Constraint> Held(const ToolFormat& format, const CallGrammarOptions& options) {
  auto functions = Functions();
  if (format.python_arguments()) functions[1].name = "lookup_all";
  auto made = CallGrammar(format, functions, options);
  EXPECT_TRUE(made) << made.error().message;
  return grammar::Constraint::Create(*made, grammar::ByteTokens());
}

const json::value kParis = json::object{{"city", "Par\"is \xC3\xA9}]"}, {"days", 3}};
const json::value kNothing = json::object{};

TEST(ToolCalls, WhatIsWrittenIsReadAndAllowed) {
  const MadeCall both[] = {{"abcdefghi", "get_weather", &kParis}, {"jklmnopqr", "now", &kNothing}};
  for (const ToolFormat* format : ToolFormats()) {
    for (size_t count = 1; count <= (format->opening().empty() ? 1u : 2u); ++count) {
      const std::string text = format->Write(std::span(both).first(count));
      const Whole whole = Read(*format, text);
      EXPECT_EQ(whole.content, "") << text;
      ASSERT_EQ(whole.calls.size(), count) << format->name() << ": " << text;
      EXPECT_EQ(whole.complete, count);
      EXPECT_EQ(whole.calls[0].first, "get_weather");
      EXPECT_EQ(*ParseJson(whole.calls[0].second, "arguments"), kParis);
      if (count > 1) {
        EXPECT_EQ(whole.calls[1], std::pair(std::string("now"), std::string("{}")));
      }
      ExpectSameHoweverCut(*format, text);
      for (const bool required : {false, true}) {
        grammar::ConstraintState state(Held(*format, {.required = required, .parallel = true}));
        const Status accepted = state.AcceptBytes(text);
        EXPECT_TRUE(accepted) << format->name() << ": " << accepted.error().message;
        EXPECT_TRUE(state.CanEnd()) << format->name();
      }
      grammar::ConstraintState single(Held(*format, {.required = true, .parallel = false}));
      EXPECT_EQ(single.AcceptBytes(text).has_value(), count == 1) << format->name();
      EXPECT_TRUE(count > 1 || single.IsDone()) << format->name();
    }
  }
}

TEST(ToolCalls, TextBesideCalls) {
  const MadeCall call[] = {{"abcdefghi", "now", &kNothing}};
  for (const ToolFormat* format : ToolFormats()) {
    for (const std::string_view text :
         {"", "Hello.", " \n", "a < b, [TOOL, <tool_", "{\"name\": \"nobody\", \"parameters\": {}}", "{\"a\": [1, 2]}",
          "[1, 2]", "```json\n{}\n```", "trailing space \n"}) {
      EXPECT_EQ(Read(*format, text), (Whole{std::string(text), {}, 0})) << format->name();
      ExpectSameHoweverCut(*format, text);
      grammar::ConstraintState state(Held(*format, {}));
      EXPECT_TRUE(state.AcceptBytes(text) && state.CanEnd()) << format->name() << ": " << text;
    }
    if (format->opening().empty()) continue;
    const std::string text = "I shall look.\n\n" + format->Write(call) + "\n";
    EXPECT_EQ(Read(*format, text), (Whole{"I shall look.", {{"now", "{}"}}, 1})) << format->name();
    ExpectSameHoweverCut(*format, text);
    // No such function, no call; half a call stays half.
    const std::string nobody = "x " + std::string(format->opening()) + "!";
    EXPECT_EQ(Read(*format, nobody).content, nobody) << format->name();
    const std::string open = "x " + std::string(format->opening());
    EXPECT_EQ(Read(*format, open).content.substr(0, 1), "x");
    EXPECT_EQ(Read(*format, open).complete, 0u);
  }
  const Whole half = Read(HermesFormat(), "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Pa");
  EXPECT_EQ(half, (Whole{"", {{"get_weather", "{\"city\": \"Pa"}}, 0}));
}

TEST(ToolCalls, AfterAnOpeningOnlyACallMayFollow) {
  for (const ToolFormat* format : ToolFormats()) {
    grammar::ConstraintState state(Held(*format, {}));
    const std::string begin =
        format->opening().empty() ? "{\"name\": \"now\"" : "Well, " + std::string(format->opening());
    ASSERT_TRUE(state.AcceptBytes(begin)) << format->name();
    EXPECT_FALSE(state.CanEnd()) << format->name();
    grammar::ConstraintState other = state;
    EXPECT_FALSE(other.AcceptBytes("Z")) << format->name();
    // Bytes that are no text by themselves are free before.
    grammar::ConstraintState free(Held(*format, {}));
    EXPECT_TRUE(free.AcceptBytes("\xF0\x9F") && free.CanEnd()) << format->name();
  }
}

// What a model that knows nothing writes under the grammar.
TEST(ToolCalls, HeldTextsAreCallsWithValidArguments) {
  for (const ToolFormat* format : ToolFormats()) {
    const auto constraint = Held(*format, {.required = true});
    std::mt19937_64 random(7);
    int texts = 0;
    for (int i = 0; i < 60; ++i) {
      const std::optional<std::string> text = grammar::RandomText(constraint, random, 3000);
      if (!text) continue;
      ++texts;
      ToolParser parser(*format, {"get_weather", "lookup-all", "lookup_all", "now"});
      Whole whole;
      Put(parser.Read(*text), whole);
      Put(parser.Finish(), whole);
      EXPECT_EQ(whole.content, "") << format->name() << ": " << *text;
      ASSERT_FALSE(whole.calls.empty()) << format->name() << ": " << *text;
      EXPECT_EQ(parser.num_complete(), whole.calls.size());
      for (const auto& [name, arguments] : whole.calls) {
        const auto parsed = ParseJson(arguments, "arguments");
        ASSERT_TRUE(parsed) << format->name() << ": " << arguments << parsed.error().message;
        const json::object& object = parsed->get_object();
        if (name == "get_weather") {
          EXPECT_TRUE(object.contains("city") && object.at("city").is_string()) << arguments;
          EXPECT_TRUE(!object.contains("days") || object.at("days").is_int64()) << arguments;
        } else if (name == "now") {
          EXPECT_TRUE(object.empty()) << arguments;
        } else {
          EXPECT_TRUE(object.contains("ids") && object.at("exact").is_bool()) << arguments;
        }
      }
    }
    EXPECT_GT(texts, 20) << format->name();
  }
}

TEST(ToolCalls, PythonLiterals) {
  std::string name;
  EXPECT_EQ(PythonArguments("f(a=1, b='it\\'s \\u00e9', c=[True, None, -2.5e3], d={'x': \"y\"}, e=(1,),)", name),
            R"({"a":1,"b":"it's é","c":[true,null,-2500.0],"d":{"x":"y"},"e":[1]})");
  EXPECT_EQ(name, "f");
  EXPECT_EQ(PythonArguments("g( )", name), "{}");
  for (const char* wrong :
       {"f(1)", "f(a=b)", "f(a=1", "f(a='x)", "f a=1)", "(a=1)", "f(a=1) b", "f(a=[1)", "f(a='\\ud800')"})
    EXPECT_EQ(PythonArguments(wrong, name), "") << wrong;
}

TEST(ToolCalls, ParametersThatCannotBeEnforced) {
  std::vector<ToolFunction> functions{
      {"f",
       json::object{{"type", "object"}, {"properties", json::object{{"a", json::object{{"uniqueItems", true}}}}}}}};
  const auto refused = CallGrammar(HermesFormat(), functions, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message.find("the parameters of \"f\": #/properties/a: \"uniqueItems\""), std::string::npos)
      << refused.error().message;
  functions[0].strict = false;
  EXPECT_TRUE(CallGrammar(HermesFormat(), functions, {}));
}

// Whatever else a schema allows, a call's arguments are an object.
TEST(ToolCalls, ArgumentsAreObjects) {
  const char* parameters[] = {
      R"({})", R"({"anyOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"const": 1}}}]})",
      R"({"properties": {"a": {"const": 1}}})", R"({"type": ["null", "object"], "properties": {"a": {"const": 1}}})"};
  for (const char* schema : parameters) {
    const std::vector<ToolFunction> functions{{"f", *ParseJson(schema, "f")}};
    const auto grammar = CallGrammar(HermesFormat(), functions, {.required = true});
    ASSERT_TRUE(grammar) << schema << grammar.error().message;
    const auto constraint = grammar::Constraint::Create(*grammar, grammar::TokenTable::FromBytes({"x"}));
    const auto takes = [&](std::string_view arguments) {
      grammar::ConstraintState state(constraint);
      return bool(
          state.AcceptBytes(fmt::format("<tool_call>{{\"name\":\"f\",\"arguments\":{}}}</tool_call>", arguments)));
    };
    EXPECT_TRUE(takes(R"({"a": 1})")) << schema;
    for (const char* wrong : {"\"text\"", "null", "[1]", "5"}) EXPECT_FALSE(takes(wrong)) << schema << wrong;
  }
}

TEST(ToolCalls, AThoughtBeforeTheCall) {
  const MadeCall call[] = {{"", "now", &kNothing}};
  const std::string text = HermesFormat().Write(call);
  const CallGrammarOptions thinks{.required = true, .thought_opening = "<think>", .thought_closing = "</think>"};
  for (const std::string& before : {std::string(), std::string("<think>\nHm, <tool_call>?</think>\n\n")}) {
    grammar::ConstraintState state(Held(HermesFormat(), thinks));
    EXPECT_TRUE(state.AcceptBytes(before + text) && state.CanEnd()) << before;
  }
  CallGrammarOptions begun = thinks;
  begun.thought_begun = true;
  grammar::ConstraintState state(Held(HermesFormat(), begun));
  EXPECT_TRUE(state.AcceptBytes("so</think>" + text) && state.CanEnd());
  EXPECT_FALSE(grammar::ConstraintState(Held(HermesFormat(), thinks)).AcceptBytes("Hello"));
}

TEST(ToolCalls, FormatsAreToldByTemplates) {
  const char* data = std::getenv("BANTAM_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "BANTAM_TEST_DATA names no folder of data sets";
  const std::pair<const char*, const char*> expected[] = {
      {"llamacpp/Qwen-Qwen2.5-7B-Instruct", "hermes"},
      {"llamacpp/Qwen-Qwen3-0.6B", "hermes"},
      {"llamacpp/NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "hermes"},
      {"llamacpp/ibm-granite-granite-4.0", "hermes"},
      {"ortx/smollm3", "hermes"},
      {"llamacpp/ibm-granite-granite-3.3-2B-Instruct", "granite"},
      {"llamacpp/meta-llama-Llama-3.1-8B-Instruct", "llama"},
      {"llamacpp/meta-llama-Llama-3.2-3B-Instruct", "llama"},
      {"llamacpp/meta-llama-Llama-3.3-70B-Instruct", "llama"},
      {"llamacpp/mistralai-Mistral-Nemo-Instruct-2407", "mistral"},
      {"llamacpp/Mistral-Small-3.2-24B-Instruct-2506", "mistral_named"},
      {"llamacpp/unsloth-mistral-Devstral-Small-2507", "mistral_named"},
      {"llamacpp/LFM2-8B-A1B", "lfm2"},
      {"llamacpp/LFM2.5-Instruct", "lfm2"},
      {"ortx/phi-4-mini-reasoning", "phi4_mini"},
      {"llamacpp/google-gemma-2-2b-it", "gemma"},
      {"llamacpp/Qwen3-Coder", "generic"},
      {"llamacpp/GLM-4.6", "generic"},
      {"llamacpp/fireworks-ai-llama-3-firefunction-v2", "generic"},
      {"chujiezheng/zephyr", "generic"},
  };
  for (const auto& [file, format] : expected) {
    const auto source = ReadFile(Path(data) / "chat-templates" / (std::string(file) + ".jinja"));
    ASSERT_TRUE(source) << file;
    EXPECT_EQ(FindToolFormat({.template_source = *source}).name(), format) << file;
  }
}

}  // namespace
}  // namespace bantam::tools
