// Which threads there are, and many of them on the same handles. Runs under the tsan preset too.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "capi/testing/handles.h"

namespace bantam::capi {
namespace {

using namespace testing;

constexpr int kCallers = 8;

TEST(CThreads, OneThreadMeansTheCallersAlone) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  const int before = CountThreads();
  const ModelHandle model = LoadModel(folder);
  EXPECT_EQ(CountThreads(), before);
  std::vector<float> vectors(64 * 384);
  const std::vector<bantam_text> texts(64, {"a text of a few words", BANTAM_C_STRING});
  ASSERT_EQ(bantam_model_embed_batch(model.get(), texts.data(), texts.size(), nullptr, vectors.data(), vectors.size(),
                                     nullptr),
            BANTAM_OK);
  EXPECT_EQ(CountThreads(), before);
  // Training, the cache of answers and the audit log too.
  TempFolder state;
  std::atomic<int> most = 0;
  bantam_assistant_options options{.struct_size = sizeof options,
                                   .model = model.get(),
                                   .state_folder = state.path().c_str(),
                                   .progress =
                                       [](void* data, const char*, double) {
                                         auto& seen = *static_cast<std::atomic<int>*>(data);
                                         seen = std::max(seen.load(), CountThreads());
                                       },
                                   .progress_user_data = &most};
  AssistantHandle assistant;
  ASSERT_EQ(bantam_assistant_load("examples/embedded/home.yaml", &options, Out(assistant)), BANTAM_OK)
      << bantam_last_error();
  EXPECT_EQ(most, before);
  AnswerHandle answer;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(bantam_assistant_decide(assistant.get(), "lights on please", BANTAM_C_STRING, nullptr, Out(answer)),
              BANTAM_OK);
    EXPECT_EQ(CountThreads(), before);
  }
}

TEST(CThreads, ThreeThreadsMeanTwoMore) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  const int before = CountThreads();
  ModelHandle model = LoadModel(folder, BANTAM_DTYPE_INT8, 3);
  EXPECT_EQ(CountThreads(), before + 2);
  model.reset();
  EXPECT_EQ(CountThreads(), before);
}

// Every caller gets the answer of its own text, whoever computed it.
TEST(CThreads, ManyCallersShareAModel) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  for (const int32_t num_threads : {1, 2}) {
    const ModelHandle model = LoadModel(folder, BANTAM_DTYPE_F32, num_threads);
    std::vector<std::vector<float>> expected(kCallers, std::vector<float>(384));
    const auto text = [](int caller) { return fmt::format("text of caller {}{}", caller, std::string(caller, '!')); };
    for (int i = 0; i < kCallers; ++i) {
      ASSERT_EQ(
          bantam_model_embed(model.get(), text(i).c_str(), BANTAM_C_STRING, nullptr, expected[i].data(), 384, nullptr),
          BANTAM_OK);
    }
    std::atomic<int> wrong = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < kCallers; ++i) {
      callers.emplace_back([&, i] {
        const std::string mine = text(i);
        std::vector<float> vector(384);
        for (int round = 0; round < 5; ++round) {
          if (round % 2 == 0) {
            wrong += bantam_model_embed(model.get(), mine.data(), mine.size(), nullptr, vector.data(), 384, nullptr) !=
                     BANTAM_OK;
          } else {
            const bantam_text list[] = {{mine.data(), mine.size()}};
            wrong += bantam_model_embed_batch(model.get(), list, 1, nullptr, vector.data(), 384, nullptr) != BANTAM_OK;
          }
          wrong += vector != expected[i];
          // Errors in between stay with their caller.
          wrong += bantam_model_embed(model.get(), mine.data(), mine.size(), nullptr, vector.data(),
                                      static_cast<size_t>(i), nullptr) != BANTAM_INVALID_ARGUMENT;
          wrong += std::string(bantam_last_error()).find(fmt::format("room for {} floats", i)) == std::string::npos;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(wrong, 0);
  }
}

TEST(CThreads, ManyCallersShareAnAssistant) {
  BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
  const ModelHandle model = LoadModel(folder);
  TempFolder state;
  const bantam_assistant_options options{
      .struct_size = sizeof options, .model = model.get(), .state_folder = state.path().c_str()};
  AssistantHandle assistant;
  ASSERT_EQ(bantam_assistant_load("examples/embedded/home.yaml", &options, Out(assistant)), BANTAM_OK)
      << bantam_last_error();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      const std::string session = fmt::format("session {}", i);
      const std::string minutes = fmt::format("{}", i + 2), done = fmt::format("Off in {} minutes.", i + 2);
      const bantam_decide_options in_session{.struct_size = sizeof in_session, .session_id = session.c_str()};
      AnswerHandle answer;
      const auto decide = [&](const char* text, const bantam_decide_options* how) {
        const bool ok = bantam_assistant_decide(assistant.get(), text, BANTAM_C_STRING, how, Out(answer)) == BANTAM_OK;
        wrong += !ok;
        return ok ? std::string(answer->text) : std::string();
      };
      wrong += decide("set a timer please", &in_session) != "In how many minutes?";
      wrong += decide("lights on please", nullptr) != "On.";
      wrong += decide(minutes.c_str(), &in_session) != done;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace bantam::capi
