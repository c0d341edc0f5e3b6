#include "route/clarification.h"

#include "route/forms/phrases.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::StoredDesk;

const Clarification kAsked{.question = "rent a locker", .options = {"locker_small", "locker_large"}, .turns = 1};

TEST(Clarification, RepliesAreRead) {
  const RouteFile file = LoadRouteFile(testing::kDeskFile).value();
  struct Case {
    const char* reply;
    const char* option;  // "": none of them; null: other words
  };
  for (const Case& c : std::initializer_list<Case>{{"1", "locker_small"},
                                                   {"2.", "locker_large"},
                                                   {"option 2 please", "locker_large"},
                                                   {"I mean the first one", "locker_small"},
                                                   {"the 2nd", "locker_large"},
                                                   {"the latter", "locker_large"},
                                                   {"former", "locker_small"},
                                                   {"the last one", "locker_large"},
                                                   {"small", "locker_small"},
                                                   {"a LARGE locker, thanks", "locker_large"},
                                                   {"large?", "locker_large"},
                                                   {"neither", ""},
                                                   {"none of these, please", ""},
                                                   {"no", ""},
                                                   {"something else", ""},
                                                   {"3", nullptr},
                                                   {"a locker", nullptr},
                                                   {"small or large", nullptr},
                                                   {"what does a large locker cost", nullptr},
                                                   {"when is the large hall free for all of us", nullptr},
                                                   {"", nullptr},
                                                   {"\xFF", nullptr}}) {
    const ClarifyReply reply = ReadClarifyReply(file, kAsked, c.reply);
    const auto expected = c.option == nullptr ? ClarifyReply::Kind::kOtherWords
                          : *c.option == '\0' ? ClarifyReply::Kind::kNone
                                              : ClarifyReply::Kind::kOption;
    EXPECT_EQ(reply.kind, expected) << c.reply;
    EXPECT_EQ(reply.option == nullptr ? "" : reply.option->name, c.option == nullptr ? "" : c.option) << c.reply;
  }
}

TEST(Clarification, IsKeptWithTheConversation) {
  const RouteFile file = LoadRouteFile(testing::kDeskFile).value();
  const auto read = Clarification::FromJson(kAsked.ToJson(), file);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->question, kAsked.question);
  EXPECT_EQ(read->options, kAsked.options);
  EXPECT_EQ(read->turns, 1);
  for (const char* other :
       {"", "{}", "not json", R"({"version":2,"options":["hours","thanks"],"question":"x","turns":1})",
        R"({"version":1,"options":["hours","gone"],"question":"x","turns":1})",
        R"({"version":1,"options":["hours"],"question":"x","turns":1})"}) {
    EXPECT_FALSE(Clarification::FromJson(other, file)) << other;
  }
  Clarification endless = kAsked;
  endless.question = std::string(100'000, 'x') + "\xFF";
  EXPECT_LT(endless.ToJson().size(), 65'536u) << "what a conversation may hold";
}

TEST(Clarification, AChoiceIsNotCachedAndTheLargeModelIsToldWhatWasAsked) {
  StoredDesk stored([](RouterParts& parts) {
    parts.file.fallback_upstream = "big";
    parts.file.responses["utter_clarify"] = "{options} Which?";
  });
  Desk& desk = stored.desk;
  EXPECT_EQ(desk.Say("rent a locker for one week please", "s").text, "\n1. A small locker\n2. A large locker\nWhich?");
  EXPECT_EQ(desk.Say("1", "s").text, "Small ones are free.");
  desk.big->reply.text = "I can't tell.";
  EXPECT_EQ(desk.Say("1", "other").text, "I can't tell.");
  desk.Say("rent a locker for one week please", "t");
  const AssistantAnswer none = desk.Say("neither", "t");
  EXPECT_EQ(none.source, AnswerSource::kUpstream);
  EXPECT_EQ(desk.big->last_request.messages.back().content, "rent a locker for one week please");
  const int calls = desk.big->calls;
  desk.Say("neither", "u");
  EXPECT_EQ(desk.big->calls, calls + 1) << "what \"neither\" got in one conversation is no answer in another";
  const auto records = stored.Records();
  EXPECT_EQ(records[0].decision, "clarify");
  EXPECT_EQ(records[0].prediction_set, (std::vector<std::string>{"locker_small", "locker_large"}));
  EXPECT_EQ(records[1].source, "rule");
  EXPECT_EQ(records[1].route, "locker_small");
  EXPECT_EQ(desk.router->Stats().by_decision[static_cast<size_t>(DecisionKind::kClarify)], 2u);
}

TEST(Clarification, IsOffUnlessTheFileWantsIt) {
  Desk off([](RouterParts& parts) { parts.file.clarify.reset(); });
  EXPECT_EQ(off.Say("rent a locker for one week please").decision, DecisionKind::kUnsure);
  Desk few([](RouterParts& parts) { parts.file.clarify->max_options = 1; });
  EXPECT_EQ(few.Say("rent a locker for one week please").decision, DecisionKind::kUnsure) << "too many to ask about";
  Desk desk;
  ASSERT_OK_AND_ASSIGN(const Explanation why, desk.router->Explain("rent a locker for one week please"));
  EXPECT_EQ(why.decision, DecisionKind::kClarify);
  EXPECT_EQ(why.options, (std::vector<std::string>{"locker_small", "locker_large"}));
  EXPECT_NE(why.reasons.back().find("2 routes are left"), std::string::npos);
}

}  // namespace
}  // namespace bantam
