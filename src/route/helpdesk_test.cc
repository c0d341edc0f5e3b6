// End to end: examples/helpdesk with the real model, the real head and the real stores.
#include <cstdlib>

#include "base/testing.h"
#include "route/audit_log.h"
#include "route/forms/date.h"
#include "route/head_intent_model.h"
#include "route/route_tests.h"
#include "route/state_folder.h"

namespace bantam {
namespace {

using testing::TempFolder;

constexpr const char* kFile = "examples/helpdesk/bantam.yaml";

AssistantRequest Ask(std::vector<ChatMessage> messages, std::string session = {}) {
  AssistantRequest request;
  request.messages = std::move(messages);
  request.session_id = std::move(session);
  request.request_id = "req";
  return request;
}

// A home whose models are the machine's own and whose state is empty.
class HelpDesk : public ::testing::Test {
 protected:
  void SetUp() override {
    BANTAM_REQUIRE_MODEL(folder, "all-MiniLM-L6-v2");
    ASSERT_OK(MakeFolders(home_ / "models"));
    std::filesystem::create_directory_symlink(std::filesystem::absolute(folder), home_ / "models/all-MiniLM-L6-v2");
    const char* before = std::getenv("BANTAM_HOME");
    home_before_ = before == nullptr ? "" : before;
    ASSERT_EQ(::setenv("BANTAM_HOME", home_.path().c_str(), 1), 0);
  }
  void TearDown() override {
    if (home_before_.empty()) {
      ::unsetenv("BANTAM_HOME");
    } else {
      ::setenv("BANTAM_HOME", home_before_.c_str(), 1);
    }
  }
  static Result<std::unique_ptr<Router>> Create(RouterOptions options = {}) {
    BANTAM_TRY(RouteFile file, LoadRouteFile(kFile));
    return Router::Create(std::move(file), std::move(options));
  }
  StateFiles State() const { return StateFiles(home_ / "state/helpdesk"); }

  TempFolder home_;
  std::string home_before_;
};

TEST_F(HelpDesk, ItsOwnTestsPass) {
  ASSERT_OK_AND_ASSIGN(const auto router, Create({.persistent = false, .offline = true}));
  ASSERT_OK_AND_ASSIGN(const TestReport report, RunRouteTests(*router, {}));
  EXPECT_GE(report.tests.size(), 90u);
  for (const TestResult& test : report.tests) {
    for (const TurnResult& turn : test.turns) {
      for (const std::string& mismatch : turn.mismatches)
        ADD_FAILURE() << kFile << ":" << turn.turn->line << " \"" << turn.turn->say << "\" " << mismatch;
    }
  }
  EXPECT_FALSE(std::filesystem::exists(home_ / "state")) << "nothing is written";
}

TEST_F(HelpDesk, TheHeadIsTrainedOnceAndAgainWhenTheExamplesChange) {
  int stages = 0;
  RouterOptions options;
  options.progress = [&](std::string_view, double) { ++stages; };
  std::string first_head;
  {
    ASSERT_OK_AND_ASSIGN(const auto router, Create(options));
    EXPECT_GT(stages, 0);
    first_head = router->head().Sha256();
    const auto second = Create();
    ASSERT_FALSE(second) << "one process at a time";
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  }
  const std::string head_bytes = ReadFile(State().head).value();
  const std::string example_bytes = ReadFile(State().examples).value();
  stages = 0;
  {
    ASSERT_OK_AND_ASSIGN(const auto router, Create(options));
    EXPECT_EQ(stages, 0) << "nothing is embedded, nothing is trained";
    EXPECT_EQ(router->head().Sha256(), first_head);
  }
  // Damaged files are made anew, with the same bytes.
  ASSERT_OK(WriteFileAtomic(State().head, "nonsense"));
  ASSERT_OK(WriteFileAtomic(State().examples, example_bytes.substr(0, example_bytes.size() - 1) + "x"));
  {
    ASSERT_OK_AND_ASSIGN(const auto router, Create(options));
    EXPECT_GT(stages, 0);
  }
  EXPECT_EQ(ReadFile(State().head).value(), head_bytes);
  EXPECT_EQ(ReadFile(State().examples).value(), example_bytes);
  // Another example: another head.
  ASSERT_OK_AND_ASSIGN(RouteFile file, LoadRouteFile(kFile));
  file.routes[0].utterances.push_back("my passphrase slipped my mind");
  stages = 0;
  ASSERT_OK_AND_ASSIGN(const auto router, Router::Create(std::move(file), options));
  EXPECT_GT(stages, 0);
  EXPECT_NE(router->head().Sha256(), first_head);
  EXPECT_NE(ReadFile(State().head).value(), head_bytes);
}

// As a reload makes it.
TEST_F(HelpDesk, ASuccessorGoesOnWithEverythingThatIsKept) {
  ASSERT_OK_AND_ASSIGN(RouteFile changed, LoadRouteFile(kFile));
  changed.sha256 = "another";
  changed.responses.begin()->second += "!";
  AssistantRequest request = Ask({{"user", "where is my parcel?"}});
  AssistantRequest form = Ask({{"user", "I'd like to send something back"}}, "s");
  request.request_id = "req-1";
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Router> first, Create());
  ASSERT_OK(first->Answer(request, {}));
  ASSERT_OK_AND_ASSIGN(const AssistantAnswer cached, first->Answer(request, {}));
  EXPECT_TRUE(cached.cache_hit);
  ASSERT_OK_AND_ASSIGN(const AssistantAnswer begun, first->Answer(form, {}));
  ASSERT_TRUE(begun.form);

  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Router> second,
                       Router::Create(changed, {.rehearse = true, .predecessor = first.get()}));
  request.request_id = "req-2";
  ASSERT_OK_AND_ASSIGN(const AssistantAnswer fresh, second->Answer(request, {}));
  EXPECT_FALSE(fresh.cache_hit) << "of another file";
  ASSERT_OK(first->Answer(request, {}));  // a call that began before
  EXPECT_EQ(second->Stats().requests, 5u) << "counted together";
  first.reset();
  form.messages[0].content = "AW204417";
  ASSERT_OK_AND_ASSIGN(const AssistantAnswer next, second->Answer(form, {}));
  ASSERT_TRUE(next.form);
  EXPECT_EQ(next.form->slots.size(), 1u);
  ASSERT_OK(second->TakeFeedback({.request_id = "req-1", .right = true, .right_route = {}}));  // on the first's answer
  ASSERT_OK_AND_ASSIGN(const AuditCheck audit, VerifyAuditLog(State().audit));
  EXPECT_EQ(audit.records, 7);
  EXPECT_FALSE(audit.first_bad_line) << audit.problem;
}

TEST_F(HelpDesk, ASuccessorThatIsRefusedChangesNothing) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Router> first, Create());
  const AssistantRequest request = Ask({{"user", "where is my parcel?"}});
  ASSERT_OK_AND_ASSIGN(const AssistantAnswer before, first->Answer(request, {}));
  ASSERT_OK_AND_ASSIGN(RouteFile file, LoadRouteFile(kFile));
  RouteFile renamed = file;
  renamed.name = "other";
  const auto other = Router::Create(renamed, {.rehearse = true, .predecessor = first.get()});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kConflict);
  EXPECT_NE(other.error().message.find(std::string(kFile) + ":"), std::string::npos) << other.error().message;
  ASSERT_FALSE(file.tests.empty());
  file.tests[0].turns[0].expect.text = "what nobody says";
  const auto failing = Router::Create(file, {.rehearse = true, .predecessor = first.get()});
  ASSERT_FALSE(failing);
  EXPECT_EQ(failing.error().code, ErrorCode::kBadConfig);
  ASSERT_OK_AND_ASSIGN(const AssistantAnswer after, first->Answer(request, {}));
  EXPECT_EQ(after.text, before.text);
  EXPECT_TRUE(after.cache_hit);
  EXPECT_EQ(first->Stats().requests, 2u) << "tests are not counted";
}

TEST_F(HelpDesk, AnUnchangedChatClientCompletesAForm) {
  ASSERT_OK_AND_ASSIGN(const auto router, Create());
  const std::vector<std::string> says = {"I'd like to send something back",
                                         "it's AW204417",
                                         "are you open on saturdays?",
                                         "it's defective",
                                         "89.90",
                                         "no, 98.90",
                                         "jo@company.example",
                                         "skip",
                                         "change the email to mo@company.example",
                                         "yes please"};
  std::vector<ChatMessage> history;
  std::vector<std::string> by_messages, by_session;
  std::string last_state;
  for (const std::string& say : says) {
    history.push_back({"user", say});
    ASSERT_OK_AND_ASSIGN(const AssistantAnswer answer, router->Answer(Ask(history), {}));
    history.push_back({"assistant", answer.text});
    by_messages.push_back(answer.text);
    ASSERT_OK_AND_ASSIGN(const AssistantAnswer same, router->Answer(Ask({{"user", say}}, "s"), {}));
    by_session.push_back(same.text);
    last_state = answer.form ? answer.form->state : "";
  }
  EXPECT_EQ(by_messages, by_session);
  EXPECT_EQ(last_state, "done");
  EXPECT_NE(by_messages[2].find("Saturday 9:00"), std::string::npos) << by_messages[2];
  EXPECT_NE(by_messages[2].find("Why does it come back"), std::string::npos) << by_messages[2];
  EXPECT_NE(by_messages.back().find("mo@company.example"), std::string::npos) << by_messages.back();
}

TEST_F(HelpDesk, DecisionsAreCachedAndRecorded) {
  ASSERT_OK_AND_ASSIGN(const auto router, Create());
  ASSERT_OK_AND_ASSIGN(const AssistantAnswer first, router->Answer(Ask({{"user", "When do you open?"}}), {}));
  ASSERT_OK_AND_ASSIGN(const AssistantAnswer second, router->Answer(Ask({{"user", "when do you open"}}), {}));
  EXPECT_EQ(first.route, "opening_hours");
  EXPECT_EQ(first.source, AnswerSource::kLocalModel);
  EXPECT_EQ(second.source, AnswerSource::kCache);
  EXPECT_EQ(second.text, first.text);
  EXPECT_EQ(first.nearest.size(), 5u);
  ASSERT_OK_AND_ASSIGN(const AuditCheck check, VerifyAuditLog(State().audit));
  EXPECT_EQ(check.records, 2);
  EXPECT_FALSE(check.first_bad_line);
}

}  // namespace
}  // namespace bantam
