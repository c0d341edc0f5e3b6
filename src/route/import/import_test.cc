#include "route/import/import.h"

#include "base/testing.h"
#include "route/actions/action.h"
#include "route/import/starter.h"
#include "route/route_file.h"

namespace bantam {
namespace {

using testing::TempFolder;

// Imports texts as files f0, f1, ... and reads back what was written.
struct Case {
  explicit Case(ImportSource source, std::initializer_list<std::string_view> texts) {
    std::vector<Path> files;
    for (const std::string_view text : texts) {
      files.push_back(folder / fmt::format("f{}", files.size()));
      EXPECT_OK(WriteFileAtomic(files.back(), text));
    }
    Result<Imported> done = ImportRouteFile(source, files, "desk");
    EXPECT_OK(done);
    if (!done) return;
    imported = *std::move(done);
    Result<RouteFile> read = ParseRouteFile(WriteRouteFile(imported.draft), "out.yaml");
    EXPECT_OK(read);
    if (read) file = *std::move(read);
    for (const std::string& loss : imported.losses) losses += loss.substr(folder.path().string().size() + 1) + "\n";
  }

  TempFolder folder;
  Imported imported;
  RouteFile file;
  std::string losses;
};

TEST(Import, Rasa) {
  const Case c(ImportSource::kRasa, {R"(
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hey
    - "hello"
- intent: book
  examples: |
    - a table in [Berlin](city) for [two]{"entity": "number"}
- intent: chitchat/ask_name
  examples:
  - text: |
      who are you
- intent: out_of_scope
  examples: |
    - order a pizza
- synonym: two
  examples: |
    - 2
)",
                                     R"(
version: "3.1"
intents: [greet, {book: {use_entities: []}}, chitchat, out_of_scope, goodbye]
entities: [city]
responses:
  utter_greet:
  - text: "Hey: there"
  - text: "Hello"
  utter_chitchat/ask_name:
  - text: "I'm {name}."
actions: [utter_greet, action_book]
session_config: {session_expiration_time: 60}
forms: {}
)",
                                     R"(
rules:
- rule: say hello
  steps:
  - intent: greet
  - action: utter_greet
- rule: book
  steps:
  - intent: book
  - action: action_book
)"});
  ASSERT_EQ(c.file.routes.size(), 3u);
  EXPECT_EQ(c.file.routes[0].name, "greet");
  EXPECT_EQ(c.file.routes[0].utterances, (std::vector<std::string>{"hey", "\"hello\""}));
  EXPECT_EQ(c.file.routes[0].action->Describe(), "respond utter_greet");
  EXPECT_EQ(c.file.responses.at("utter_greet"), "Hey: there");
  EXPECT_EQ(c.file.routes[1].utterances, std::vector<std::string>{"a table in Berlin for two"});
  EXPECT_EQ(c.file.routes[1].action->Describe(), "escalate") << "nothing says what to answer";
  EXPECT_EQ(c.file.routes[2].name, "chitchat.ask_name");
  EXPECT_EQ(c.file.routes[2].action->Describe(), "respond utter_chitchat.ask_name");
  EXPECT_EQ(c.file.out_of_scope, std::vector<std::string>{"order a pizza"});
  EXPECT_EQ(c.file.session_ttl, std::chrono::minutes(60));
  EXPECT_EQ(c.losses,
            "f0:8:3: 2 entities in the examples of \"book\": their words stay, that they are entities does not\n"
            "f0:18:3: the synonym \"two\": entities are not read here\n"
            "f1:8:5: a variation of \"utter_greet\": a response is one text here\n"
            "f1:10:5: \"utter_chitchat/ask_name\" holds the slot {name}, which would be printed as it stands\n"
            "f1:3:70: the intent \"goodbye\" has no examples in these files\n"
            "f1:11:24: the action \"action_book\": write it as an http or form action\n"
            "f1:4:1: \"entities\" has no counterpart\n"
            "f2:7:3: the rule \"book\" is not one intent answered with one response\n");
}

TEST(Import, SemanticRouter) {
  const Case c(ImportSource::kSemanticRouter, {R"({
  "encoder_type": "huggingface", "encoder_name": "sentence-transformers/all-MiniLM-L6-v2",
  "routes": [
    {"name": "small talk", "utterances": ["hi", "how are you"], "description": "Chat", "function_schemas": null, "llm": null, "score_threshold": null, "metadata": {}},
    {"name": "politics", "utterances": ["who won \"the\" election"], "score_threshold": 0.82, "function_schemas": [{"name": "f"}]}
  ]
})"});
  ASSERT_EQ(c.file.routes.size(), 2u);
  EXPECT_EQ(c.file.encoder_model, "all-MiniLM-L6-v2");
  EXPECT_EQ(c.file.routes[0].name, "small_talk");
  EXPECT_EQ(c.file.routes[0].description, "Chat");
  EXPECT_EQ(c.file.routes[1].utterances, std::vector<std::string>{"who won \"the\" election"});
  EXPECT_EQ(
      c.losses,
      "f0:5:70: \"score_threshold\" 0.82 of route \"politics\" is a similarity; thresholds here are probabilities, "
      "and the head finds its own\n"
      "f0:5:95: \"function_schemas\" of route \"politics\" has no counterpart\n");
}

TEST(Import, LiteLlm) {
  const Case c(ImportSource::kLiteLlm, {R"(
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: os.environ/BANTAM_TEST_SURELY_UNSET, timeout: 30, input_cost_per_token: 0.0000025, rpm: 6}
  - model_name: gpt-4o
    litellm_params: {model: azure/gpt-4o-eu}
  - model_name: gpt-4o
    litellm_params: {model: gpt-4o, api_key: os.environ/BANTAM_TEST_SURELY_UNSET, order: 2, weight: 3, max_tokens: 0}
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet}
  - model_name: local
    litellm_params: {model: ollama/llama3.2, api_base: "http://127.0.0.1:11434"}
  - model_name: router
    litellm_params: {model: openrouter/openai/gpt-4o}
router_settings: {num_retries: 2, routing_strategy: simple-shuffle, cooldown_time: 30}
litellm_settings: {request_timeout: 10, drop_params: true}
)"});
  ASSERT_EQ(c.file.upstreams.size(), 5u);
  EXPECT_EQ(c.file.upstreams[1].label, "gpt-4o#2");
  EXPECT_EQ(c.file.upstreams[1].order, 2);
  EXPECT_EQ(c.file.upstreams[1].weight, 3);
  EXPECT_EQ(c.file.upstreams[2].model, "anthropic/claude-sonnet");
  EXPECT_EQ(c.file.upstreams[2].api_base, "https://api.anthropic.com");
  EXPECT_EQ(c.file.upstreams[0].api_base, "https://api.openai.com/v1");
  EXPECT_EQ(c.file.upstreams[0].model, "gpt-4o");
  EXPECT_EQ(c.file.upstreams[0].timeout, std::chrono::seconds(30));
  EXPECT_DOUBLE_EQ(c.file.upstreams[0].input_per_1m, 2.5);
  EXPECT_EQ(c.file.upstreams[0].num_retries, 2);
  EXPECT_EQ(c.file.upstreams[3].model, "ollama/llama3.2");
  EXPECT_EQ(c.file.upstreams[3].api_base, "http://127.0.0.1:11434");
  EXPECT_EQ(c.file.upstreams[3].timeout, std::chrono::seconds(10));
  EXPECT_EQ(c.file.upstreams[4].model, "openai/openai/gpt-4o") << "one prefix is cut off when it is asked";
  EXPECT_EQ(c.file.fallback_upstream, "gpt-4o");
  EXPECT_EQ(c.losses,
            "f0:4:136: \"rpm\" of model \"gpt-4o\" has no counterpart\n"
            "f0:6:21: the model \"azure/gpt-4o-eu\": \"azure\" speaks a protocol that is not spoken here\n"
            "f0:8:104: \"max_tokens\" is 0; 1 to 10000000 can be had\n"
            "f0:16:41: \"drop_params\" has no counterpart\n"
            "f0:15:35: \"routing_strategy\" has no counterpart\n");
}

TEST(Import, WhatIsNoSuchFileSaysSo) {
  TempFolder folder;
  const auto error = [&](ImportSource source, std::string_view text) {
    EXPECT_OK(WriteFileAtomic(folder / "f", text));
    const std::vector<Path> files = {folder / "f"};
    return ImportRouteFile(source, files, "").error().message;
  };
  EXPECT_NE(error(ImportSource::kRasa, "[1, 2]").find("is a list, expected a mapping"), std::string::npos);
  EXPECT_NE(error(ImportSource::kRasa, "nlu: \"").find("f:1:"), std::string::npos);
  EXPECT_NE(error(ImportSource::kLiteLlm, "nlu: []").find("found 0 routes"), std::string::npos);
  EXPECT_NE(error(ImportSource::kSemanticRouter, "routes: [{name: a, utterances: [x]}]").find("found 1 route in"),
            std::string::npos);
  for (const ImportSource source : {ImportSource::kRasa, ImportSource::kSemanticRouter, ImportSource::kLiteLlm}) {
    for (const char* strange :
         {"{}", "nlu: 3\nroutes: x\nmodel_list: {}",
          "nlu: [1, [2], {intent: [x]}]\nroutes: [1, {}]\nmodel_list: [1, {}]",
          "rules: [{steps: 1}]\nresponses: [1]\nintents: [[]]\nactions: {a: b}\nrouter_settings: []"}) {
      EXPECT_NE(error(source, strange).find("found 0 routes"), std::string::npos) << strange;
    }
  }
}

TEST(Starter, IsAFileThatIsRight) {
  const Result<RouteFileDraft> draft =
      StarterRouteFile({.name = "desk",
                        .topics = SplitTopics("refunds, Opening hours:,, \"gift\" cards "),
                        .model = "http://h/v1 llama3.2"});
  ASSERT_OK(draft);
  const std::string yaml = WriteRouteFile(*draft);
  ASSERT_OK_AND_ASSIGN(const RouteFile file, ParseRouteFile(yaml, "desk.yaml"));
  EXPECT_TRUE(file.warnings.empty()) << file.warnings[0];
  ASSERT_EQ(file.routes.size(), 4u);
  EXPECT_EQ(file.routes[1].name, "opening_hours");
  EXPECT_EQ(file.routes[2].description, "\"gift\" cards");
  EXPECT_EQ(file.upstreams[0].model, "llama3.2");
  EXPECT_EQ(file.fallback_upstream, "big");
  EXPECT_EQ(file.tests.size(), 5u);
  const auto refused = [](StarterAnswers answers) { return !StarterRouteFile(answers); };
  EXPECT_TRUE(refused({.name = "../etc", .topics = {"a", "b"}, .model = "none"}));
  EXPECT_TRUE(refused({.name = "x", .topics = {"a"}, .model = "none"}));
  EXPECT_TRUE(refused({.name = "x", .topics = {"a", "a"}, .model = "none"}));
  EXPECT_TRUE(refused({.name = "x", .topics = {"a", "b"}, .model = "gpt"}));
}

}  // namespace
}  // namespace bantam
