// An assistant in process: examples/embedded/home.yaml with the real encoder.
#include <gmock/gmock.h>

#include <fstream>

#include "capi/testing/handles.h"
#include "files/model_store.h"
#include "route/audit_log.h"
#include "route/state_folder.h"

namespace bantam::capi {
namespace {

using namespace testing;
using ::testing::HasSubstr;

constexpr const char* kFile = "examples/embedded/home.yaml";

struct Host {  // what a program keeps
  std::vector<std::string> lines, stages;
  static void Log(void* self, bantam_log_level, const char* line) {
    static_cast<Host*>(self)->lines.emplace_back(line);
  }
  static void Progress(void* self, const char* stage, double fraction) {
    EXPECT_GE(fraction, 0);
    EXPECT_LE(fraction, 1);
    static_cast<Host*>(self)->stages.emplace_back(stage);
  }
};

class CAssistant : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (const auto found = FindModel("all-MiniLM-L6-v2")) model_ = LoadModel(*found);
  }
  static void TearDownTestSuite() {
    in_memory_.reset();
    model_.reset();
  }
  void SetUp() override {
    BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
    ASSERT_NE(model_, nullptr);
  }
  static bantam_assistant_options Options() {
    return {.struct_size = sizeof(bantam_assistant_options), .model = model_.get()};
  }
  static AssistantHandle Load(const bantam_assistant_options& options) {
    AssistantHandle assistant;
    EXPECT_EQ(bantam_assistant_load(kFile, &options, Out(assistant)), BANTAM_OK) << bantam_last_error();
    return assistant;
  }
  // One that keeps nothing, made once.
  static bantam_assistant* InMemory() {
    if (in_memory_ == nullptr) in_memory_ = Load(Options());
    return in_memory_.get();
  }
  static AnswerHandle Decide(bantam_assistant* assistant, std::string_view text,
                             const bantam_decide_options* options = nullptr) {
    AnswerHandle answer;
    EXPECT_EQ(bantam_assistant_decide(assistant, text.data(), text.size(), options, Out(answer)), BANTAM_OK)
        << text << ": " << bantam_last_error();
    return answer;
  }

  static ModelHandle model_;
  static AssistantHandle in_memory_;
};
ModelHandle CAssistant::model_;
AssistantHandle CAssistant::in_memory_;

TEST_F(CAssistant, DescribesItself) {
  const bantam_assistant_info* info = bantam_assistant_describe(InMemory());
  ASSERT_NE(info, nullptr);
  EXPECT_STREQ(info->name, "home");
  EXPECT_STREQ(info->model, "all-MiniLM-L6-v2");
  EXPECT_EQ(std::string(info->route_file_sha256).size(), 64u);
  ASSERT_EQ(info->num_routes, 6u);
  EXPECT_STREQ(info->routes[0], "on");
  EXPECT_STREQ(info->routes[5], "forecast");
  EXPECT_GT(info->threshold, 0);
  EXPECT_LT(info->threshold, 1);
}

TEST_F(CAssistant, DecidesWithItsReasons) {
  const AnswerHandle answer = Decide(InMemory(), "please switch on the light");
  EXPECT_EQ(answer->struct_size, sizeof(bantam_answer));
  EXPECT_STREQ(answer->route, "on");
  EXPECT_EQ(answer->accepted, 1);
  EXPECT_GE(answer->confidence, answer->threshold);
  EXPECT_EQ(answer->source, BANTAM_SOURCE_LOCAL_MODEL);
  EXPECT_EQ(answer->decision, BANTAM_DECISION_ANSWER);
  EXPECT_STREQ(answer->text, "On.");
  EXPECT_EQ(answer->text_size, 3u);
  EXPECT_STREQ(answer->model, "");
  EXPECT_STREQ(answer->problem, "");
  EXPECT_EQ(answer->form, nullptr);
  EXPECT_EQ(answer->num_tokens, 7u);
  ASSERT_GE(answer->num_nearest, 1u);
  EXPECT_STREQ(answer->nearest[0].route, "on");
  EXPECT_GT(answer->nearest[0].similarity, 0.5);
  EXPECT_NE(std::string(answer->nearest[0].text), "");
  EXPECT_EQ(std::string(answer->request_id).substr(0, 4), "req_");
  EXPECT_EQ(answer->has_p_correct, 1);
  EXPECT_EQ(answer->p_correct, answer->confidence);
  ASSERT_GE(answer->num_prediction_set, 1u);
  EXPECT_STREQ(answer->prediction_set[0], "on");
  EXPECT_EQ(answer->budget, nullptr);
  EXPECT_EQ(std::string(answer->calibration_id).size(), 16u);
  EXPECT_EQ(answer->num_parts, 0u);
  EXPECT_EQ(answer->queued, 0);
}

TEST_F(CAssistant, WhatItDoesNotKnowItSays) {
  const AnswerHandle answer = Decide(InMemory(), "how do I bake a birthday cake");
  EXPECT_EQ(answer->accepted, 0);
  EXPECT_STREQ(answer->route, "");
  EXPECT_LT(answer->confidence, answer->threshold);
  EXPECT_EQ(answer->decision, BANTAM_DECISION_UNSURE);
  EXPECT_THAT(answer->text, HasSubstr("I am only a device."));
}

TEST_F(CAssistant, WithoutTheNetworkItSaysWhoShouldBeAsked) {
  const AnswerHandle answer = Decide(InMemory(), "is it going to rain tomorrow");
  EXPECT_STREQ(answer->route, "forecast");
  EXPECT_EQ(answer->decision, BANTAM_DECISION_ESCALATE);
  EXPECT_STREQ(answer->model, "big");
  EXPECT_THAT(answer->problem, HasSubstr("big"));
  EXPECT_STREQ(answer->text, "I have no window. I will ask somebody who does.");
}

TEST_F(CAssistant, ACommandHasSlots) {
  const AnswerHandle answer = Decide(InMemory(), "turn the kitchen light to 40 percent");
  EXPECT_STREQ(answer->route, "level");
  ASSERT_NE(answer->form, nullptr);
  EXPECT_STREQ(answer->form->state, "done");
  ASSERT_EQ(answer->form->num_slots, 2u);
  EXPECT_STREQ(answer->form->slots[0].value, "kitchen");
  EXPECT_STREQ(answer->form->slots[1].value, "40");
}

TEST_F(CAssistant, QuestionsForALargeModelWaitForTheNetwork) {
  TempFolder folder;
  const std::string state = (folder / "state").string();
  bantam_assistant_options options = Options();
  options.offline_queue = 1;
  AssistantHandle assistant;
  EXPECT_ERROR(bantam_assistant_load(kFile, &options, Out(assistant)), BANTAM_INVALID_ARGUMENT, "state_folder");
  options.state_folder = state.c_str();
  const bantam_decide_options how{.struct_size = sizeof how, .session_id = "s", .request_id = "r1"};
  size_t count = 0;
  {
    const AssistantHandle first = Load(options);
    const AnswerHandle answer = Decide(first.get(), "is it going to rain tomorrow", &how);
    EXPECT_EQ(answer->queued, 1);
    EXPECT_EQ(answer->decision, BANTAM_DECISION_ESCALATE);
    EXPECT_STREQ(answer->request_id, "r1");
    EXPECT_STREQ(answer->model, "big");
    EXPECT_STREQ(answer->text, "I have no window. I will ask somebody who does.");
    EXPECT_EQ(Decide(first.get(), "lights on please")->queued, 0);
  }
  const AssistantHandle again = Load(options);
  ASSERT_EQ(bantam_assistant_count_queued(again.get(), &count), BANTAM_OK) << bantam_last_error();
  EXPECT_EQ(count, 1u);
  // Nobody listens at the address that the file names.
  int calls = 0;
  const bantam_send_options send{.struct_size = sizeof send,
                                 .sent = [](void* data, const bantam_sent*) { ++*static_cast<int*>(data); },
                                 .user_data = &calls,
                                 .timeout_ms = 5'000};
  EXPECT_ERROR(bantam_assistant_send_queued(again.get(), &send), BANTAM_UNAVAILABLE, "1 question stays in the queue");
  EXPECT_EQ(calls, 0);
  const bantam_send_options nobody{.struct_size = sizeof nobody};
  EXPECT_ERROR(bantam_assistant_send_queued(again.get(), &nobody), BANTAM_INVALID_ARGUMENT, "sent");
  EXPECT_ERROR(bantam_assistant_count_queued(InMemory(), &count), BANTAM_UNSUPPORTED, "without a queue");
}

TEST_F(CAssistant, AFormGoesOnInItsSession) {
  const bantam_decide_options options{.struct_size = sizeof options, .session_id = "kitchen"};
  const AnswerHandle asked = Decide(InMemory(), "set a timer please", &options);
  ASSERT_NE(asked->form, nullptr);
  EXPECT_EQ(asked->decision, BANTAM_DECISION_FORM);
  EXPECT_STREQ(asked->form->name, "timer_form");
  EXPECT_STREQ(asked->form->state, "asking");
  EXPECT_STREQ(asked->form->asked, "minutes");
  EXPECT_EQ(asked->form->num_slots, 0u);
  ASSERT_EQ(asked->form->num_missing, 1u);
  EXPECT_STREQ(asked->form->missing[0], "minutes");
  const AnswerHandle done = Decide(InMemory(), "20", &options);
  ASSERT_NE(done->form, nullptr);
  EXPECT_EQ(done->source, BANTAM_SOURCE_RULE);
  EXPECT_STREQ(done->form->state, "done");
  ASSERT_EQ(done->form->num_slots, 1u);
  EXPECT_STREQ(done->form->slots[0].name, "minutes");
  EXPECT_STREQ(done->form->slots[0].value, "20");
  EXPECT_STREQ(done->text, "Off in 20 minutes.");
}

TEST_F(CAssistant, AFormGoesOnFromTheHistory) {
  const bantam_message history[] = {{"user", {"set a timer please", BANTAM_C_STRING}},
                                    {"assistant", {"In how many minutes?", BANTAM_C_STRING}}};
  const bantam_decide_options options{.struct_size = sizeof options, .history = history, .num_history = 2};
  EXPECT_STREQ(Decide(InMemory(), "45", &options)->text, "Off in 45 minutes.");
}

TEST_F(CAssistant, ExplainsItself) {
  ExplanationHandle explanation;
  ASSERT_EQ(bantam_assistant_explain(InMemory(), "lights out", BANTAM_C_STRING, Out(explanation)), BANTAM_OK);
  EXPECT_EQ(explanation->struct_size, sizeof(bantam_explanation));
  EXPECT_STREQ(explanation->route, "off");
  EXPECT_STREQ(explanation->likeliest, "off");
  EXPECT_STREQ(explanation->action, "respond utter_off");
  EXPECT_STREQ(explanation->threshold_from, "head");
  EXPECT_GE(explanation->confidence, explanation->threshold);
  EXPECT_LT(explanation->out_of_scope, 0.5f);
  ASSERT_GE(explanation->num_ranked, 2u);
  EXPECT_STREQ(explanation->ranked[0].route, "off");
  EXPECT_GE(explanation->ranked[0].probability, explanation->ranked[1].probability);
  ASSERT_GE(explanation->num_nearest, 1u);
  EXPECT_STREQ(explanation->nearest[0].text, "lights out");
  ASSERT_EQ(bantam_assistant_explain(InMemory(), "bake a cake", BANTAM_C_STRING, Out(explanation)), BANTAM_OK);
  EXPECT_STREQ(explanation->route, "");
  EXPECT_NE(std::string(explanation->likeliest), "");
}

TEST_F(CAssistant, AStateFolderKeepsWhatWasLearntAnsweredAndDecided) {
  TempFolder folder;
  const std::string state = (folder / "state").string();
  const StateFiles files(state);
  Host host;
  bantam_assistant_options options = Options();
  options.state_folder = state.c_str();
  options.progress = Host::Progress;
  options.progress_user_data = &host;
  {
    const AssistantHandle assistant = Load(options);
    EXPECT_THAT(host.stages, ::testing::Not(::testing::IsEmpty()));  // it trained
    EXPECT_EQ(Decide(assistant.get(), "good night")->source, BANTAM_SOURCE_LOCAL_MODEL);
    EXPECT_EQ(Decide(assistant.get(), "Good night!")->source, BANTAM_SOURCE_CACHE);
    const bantam_decide_options no_store{.struct_size = sizeof no_store, .no_store = 1};
    EXPECT_EQ(Decide(assistant.get(), "good night", &no_store)->source, BANTAM_SOURCE_LOCAL_MODEL);
    AssistantHandle second;
    EXPECT_ERROR(bantam_assistant_load(kFile, &options, Out(second)), BANTAM_CONFLICT, "state");
    EXPECT_EQ(second, nullptr);
  }
  for (const Path& file : {files.head, files.examples, files.audit}) EXPECT_TRUE(std::filesystem::exists(file)) << file;
  const auto audit = VerifyAuditLog(files.audit);
  ASSERT_TRUE(audit.has_value());
  EXPECT_EQ(audit->records, 3);
  EXPECT_EQ(audit->first_bad_line, std::nullopt);
  const auto trained = std::filesystem::last_write_time(files.head);
  const AssistantHandle again = Load(options);
  EXPECT_EQ(std::filesystem::last_write_time(files.head), trained);
  EXPECT_EQ(Decide(again.get(), "good night")->source, BANTAM_SOURCE_CACHE);
}

TEST_F(CAssistant, TakesItsOwnEncoderWhenNoneIsGiven) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  const std::string store = folder.parent_path().string();
  TempFolder empty;
  bantam_assistant_options options{.struct_size = sizeof options, .store_folder = empty.path().c_str()};
  AssistantHandle assistant;
  EXPECT_ERROR(bantam_assistant_load(kFile, &options, Out(assistant)), BANTAM_BAD_CONFIG, "home.yaml:4:");
  options.store_folder = store.c_str();
  ASSERT_EQ(bantam_assistant_load(kFile, &options, Out(assistant)), BANTAM_OK) << bantam_last_error();
  EXPECT_STREQ(Decide(assistant.get(), "lights on please")->route, "on");
}

TEST_F(CAssistant, OutlivesTheModelItWasGiven) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  ModelHandle model = LoadModel(folder);
  bantam_assistant_options options{.struct_size = sizeof options, .model = model.get()};
  const AssistantHandle assistant = Load(options);
  model.reset();
  EXPECT_STREQ(Decide(assistant.get(), "lights on please")->route, "on");
}

TEST_F(CAssistant, RefusesWhatIsWrong) {
  AssistantHandle assistant;
  AnswerHandle answer;
  ExplanationHandle explanation;
  const bantam_assistant_options options = Options();
  EXPECT_ERROR(bantam_assistant_load("./no-such-file.yaml", &options, Out(assistant)), BANTAM_BAD_CONFIG,
               "no-such-file.yaml");
  EXPECT_EQ(bantam_assistant_load(nullptr, &options, Out(assistant)), BANTAM_INVALID_ARGUMENT);
  EXPECT_EQ(bantam_assistant_load(kFile, &options, nullptr), BANTAM_INVALID_ARGUMENT);
  TempFolder folder;
  std::ofstream(folder / "bad.yaml") << "version: 1\nname: bad\nroots: []\n";
  EXPECT_ERROR(bantam_assistant_load((folder / "bad.yaml").c_str(), &options, Out(assistant)), BANTAM_BAD_CONFIG,
               "unknown key \"roots\"");
  bantam_assistant* a = InMemory();
  const auto decide = [&](const char* text, size_t size, const bantam_decide_options* how = nullptr) {
    return bantam_assistant_decide(a, text, size, how, Out(answer));
  };
  EXPECT_ERROR(bantam_assistant_decide(nullptr, "a", 1, nullptr, Out(answer)), BANTAM_INVALID_ARGUMENT, "assistant");
  EXPECT_EQ(bantam_assistant_decide(a, "on", 2, nullptr, nullptr), BANTAM_INVALID_ARGUMENT);
  EXPECT_ERROR(decide("", 0), BANTAM_INVALID_ARGUMENT, "holds nothing");
  EXPECT_ERROR(decide(" \t\n ", 4), BANTAM_INVALID_ARGUMENT, "holds nothing");
  EXPECT_ERROR(decide("on\xff", 3), BANTAM_INVALID_ARGUMENT, "byte 2 is 0xff");
  const std::string long_text(BANTAM_MAX_QUESTION_BYTES + 1, 'a');
  EXPECT_ERROR(decide(long_text.data(), long_text.size()), BANTAM_TOO_LARGE, "1.0 MiB");
  const bantam_message wrong_role[] = {{"robot", {"beep", 4}}}, wrong_text[] = {{"user", {"\xff", 1}}};
  bantam_decide_options how{.struct_size = sizeof how, .history = wrong_role, .num_history = 1};
  EXPECT_ERROR(decide("on", 2, &how), BANTAM_INVALID_ARGUMENT, "history[0] is \"robot\"");
  how.history = wrong_text;
  EXPECT_ERROR(decide("on", 2, &how), BANTAM_INVALID_ARGUMENT, "\"history[0]\" is not UTF-8");
  how.history = nullptr;
  EXPECT_ERROR(decide("on", 2, &how), BANTAM_INVALID_ARGUMENT, "\"history\" is NULL");
  how.num_history = 0;
  const std::string long_id(257, 'i');
  how.session_id = long_id.c_str();
  EXPECT_ERROR(decide("on", 2, &how), BANTAM_TOO_LARGE, "session_id");
  EXPECT_EQ(bantam_assistant_explain(a, "  ", 2, Out(explanation)), BANTAM_INVALID_ARGUMENT);
  EXPECT_EQ(bantam_assistant_explain(nullptr, "on", 2, Out(explanation)), BANTAM_INVALID_ARGUMENT);
  EXPECT_EQ(answer, nullptr);
  EXPECT_EQ(explanation, nullptr);
}

}  // namespace
}  // namespace bantam::capi
