// The action hand_over: who is told what, and what is said when nobody can be.
#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::BagIntentModel;
using testing::Desk;
using testing::TempFolder;

constexpr std::string_view kFile = R"(
version: 1
name: desk
routes:
  - {name: person, utterances: [a person please], action: {type: hand_over, response: utter_soon, on_error: utter_nobody, @}}
  - {name: hours, utterances: [opening hours], action: {type: respond, response: utter_soon}}
responses:
  utter_soon: {text: "Somebody will write to you."}
  utter_nobody: {text: "Nobody is there."}
)";

Desk MakeDesk(const Path& folder, const std::string& how, bool offline = false) {
  return Desk([&](RouterParts& parts) {
    std::string text(kFile);
    text.replace(text.find('@'), 1, how);
    parts.file = ParseRouteFile(text, folder / "f.yaml").value();
    parts.intents = std::make_unique<BagIntentModel>(parts.file);
    parts.offline = offline;
  });
}

AssistantRequest AskForAPerson() {
  AssistantRequest request;
  request.messages = {{"user", "it broke"}, {"assistant", "Oh."}, {"user", "a person please"}};
  request.request_id = "req-1";
  return request;
}

TEST(HandOver, TellsAServiceWithTheConversation) {
  TempFolder folder;
  Desk desk = MakeDesk(folder.path(), "notify: \"http://desk/new\"");
  const AssistantAnswer answer = desk.Send(AskForAPerson());
  EXPECT_EQ(answer.text, "Somebody will write to you.");
  EXPECT_EQ(answer.decision, DecisionKind::kEscalate);
  EXPECT_EQ(answer.route, "person");
  ASSERT_EQ(desk.service.requests.size(), 1u);
  const OutgoingRequest& told = desk.service.requests[0];
  EXPECT_EQ(told.url, "http://desk/new");
  EXPECT_EQ(
      told.body,
      R"({"assistant":"desk","route":"person","request_id":"req-1","question":"a person please","messages":[)"
      R"({"role":"user","content":"it broke"},{"role":"assistant","content":"Oh."},{"role":"user","content":"a person please"}]})");
  for (const char* mode : {"fail", "hang", "refuse"}) {
    desk.service.mode = mode;
    EXPECT_EQ(desk.Send(AskForAPerson()).text, "Nobody is there.") << mode;
  }
}

TEST(HandOver, SignsWhatItTells) {
  TempFolder folder;
  const std::string how = "notify: \"http://desk/new\", secret: os.environ/BANTAM_TEST_DESK_SECRET";
  ASSERT_EQ(::unsetenv("BANTAM_TEST_DESK_SECRET"), 0);
  Desk unsigned_desk = MakeDesk(folder.path(), how);
  EXPECT_EQ(unsigned_desk.Send(AskForAPerson()).text, "Nobody is there.");
  EXPECT_TRUE(unsigned_desk.service.requests.empty());
  ASSERT_EQ(::setenv("BANTAM_TEST_DESK_SECRET", "s3cret", 1), 0);
  Desk desk = MakeDesk(folder.path(), how);
  EXPECT_EQ(desk.Send(AskForAPerson()).text, "Somebody will write to you.");
  ASSERT_EQ(desk.service.requests.size(), 1u);
  const OutgoingRequest& told = desk.service.requests[0];
  const auto header =
      std::ranges::find(told.headers, "X-Bantam-Signature", &std::pair<std::string, std::string>::first);
  ASSERT_NE(header, told.headers.end());
  EXPECT_EQ(header->second, Signature("s3cret", std::stoll(header->second.substr(2)), told.body));
}

TEST(HandOver, WritesALineIntoAQueue) {
  TempFolder folder;
  Desk desk = MakeDesk(folder.path(), "queue_file: queue.jsonl");
  EXPECT_EQ(desk.Send(AskForAPerson()).text, "Somebody will write to you.");
  AssistantRequest strange = AskForAPerson();
  strange.messages[0].content = "\xFF" + std::string(1'000'000, 'x');
  desk.Send(strange);
  std::ifstream in(folder / "queue.jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 2u);
  for (const std::string& line : lines) EXPECT_OK(ParseJson(line, "line"));
  EXPECT_LT(lines[1].size(), 1'000u) << "the newest messages only";
  std::filesystem::remove(folder / "queue.jsonl");
  std::filesystem::create_directory(folder / "queue.jsonl");
  EXPECT_EQ(desk.Send(AskForAPerson()).text, "Nobody is there.");
}

TEST(HandOver, NobodyIsToldByTests) {
  TempFolder folder;
  Desk desk = MakeDesk(folder.path(), "queue_file: queue.jsonl", /*offline=*/true);
  EXPECT_EQ(desk.Send(AskForAPerson()).text, "Somebody will write to you.");
  EXPECT_FALSE(std::filesystem::exists(folder / "queue.jsonl"));
}

}  // namespace
}  // namespace bantam
