// Several requests in one message.
#include "route/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "route/testing/desk.h"

namespace bantam {
namespace {

using testing::Desk;
using ::testing::HasSubstr;

std::string Cuts(std::string_view text) {
  std::string all;
  for (const Halves& way : WaysToCut(text)) all += (all.empty() ? "" : " ; ") + way.first + " | " + way.second;
  return all;
}

TEST(WaysToCut, AtConjunctionsAndSentences) {
  EXPECT_EQ(Cuts("cancel my order and tell me the opening hours"), "cancel my order | tell me the opening hours");
  EXPECT_EQ(Cuts("Where is my refund? When are you open?"), "Where is my refund? | When are you open?");
  EXPECT_EQ(Cuts("switch it off, and then also set an alarm"), "switch it off | set an alarm");
  EXPECT_EQ(Cuts("lights on; music on"), "lights on | music on");
  EXPECT_EQ(Cuts("macaroni and cheese"), "");  // a word alone is no request
  EXPECT_EQ(Cuts("a b and c d and e f"), "a b | c d and e f ; a b and c d | e f");
  EXPECT_EQ(Cuts(""), "");
  EXPECT_EQ(Cuts("and then"), "");
  EXPECT_EQ(WaysToCut("a b and c d and e f and g h and i j and k l and m n").size(), 4u);
  EXPECT_TRUE(WaysToCut(std::string(2'000, 'a') + " b and c d").empty());
}

struct Requests {
  explicit Requests(int most = 2) : desk([&](RouterParts& parts) { parts.file.max_requests = most; }) {}
  Desk desk;
};

TEST(Requests, TwoFixedTextsAreBothSaid) {
  Requests r;
  const AssistantAnswer answer = r.desk.Say("opening hours and thanks a lot");
  EXPECT_EQ(answer.text, "We are open from 9 to 17.\n\nYou're welcome.");
  EXPECT_EQ(answer.decision, DecisionKind::kAnswer);
  EXPECT_EQ(answer.route, "hours");
  ASSERT_EQ(answer.parts.size(), 2u);
  EXPECT_EQ(answer.parts[0].text, "opening hours");
  EXPECT_EQ(answer.parts[1].route, "thanks");
  EXPECT_EQ(answer.prediction_set, (std::vector<std::string>{"hours", "thanks"}));
  // Off unless the file says so.
  EXPECT_TRUE(Desk().Say("opening hours and thanks a lot").parts.empty());
}

TEST(Requests, AFormComesLastAndGoesOn) {
  Requests r;
  const AssistantAnswer answer = r.desk.Say("refund please for order AB123456 and opening hours", "s");
  EXPECT_EQ(answer.text, "We are open from 9 to 17.\n\nBroken, late, or changed my mind?");
  EXPECT_EQ(answer.decision, DecisionKind::kForm);
  EXPECT_EQ(answer.route, "refund");
  ASSERT_TRUE(answer.form);
  EXPECT_EQ(answer.form->slots[0].second, "AB123456");
  EXPECT_EQ(r.desk.Say("broken", "s").text, "How much for AB123456?");
}

TEST(Requests, WithoutASessionTheFormIsFoundAgain) {
  Requests r;
  AssistantRequest request = Desk::Ask("refund please for order AB123456 and opening hours");
  const AssistantAnswer first = r.desk.Send(request);
  request.messages.push_back({"assistant", first.text});
  request.messages.push_back({"user", "broken"});
  EXPECT_EQ(r.desk.Send(request).text, "How much for AB123456?");
}

TEST(Requests, WhatIsNotForUsTakesTheWholeMessageWithIt) {
  Requests r;
  r.desk.big->reply.text = "From the large model.";
  const AssistantAnswer answer = r.desk.Say("opening hours and i will sue you");
  EXPECT_EQ(answer.route, "legal");
  EXPECT_EQ(answer.text, "From the large model.");
  EXPECT_EQ(r.desk.big->last_request.messages.back().content, "opening hours and i will sue you");
}

TEST(Requests, HalvesThatDoNotFitAreOneMessage) {
  Requests r;
  for (const char* text : {"opening hours and when do you close",        // the same route
                           "refund please and book a technician",        // two forms
                           "opening hours and a poem about the sea"}) {  // half of it means nothing here
    EXPECT_TRUE(r.desk.Say(text).parts.empty()) << text;
  }
}

TEST(Requests, AsManyAsTheFileAllows) {
  const char* text = "opening hours and thanks a lot and book a technician";
  Requests two, three(3);
  const size_t with_two = two.desk.Say(text).parts.size();
  EXPECT_LE(with_two, 2u);
  const AssistantAnswer answer = three.desk.Say(text);
  ASSERT_EQ(answer.parts.size(), 3u);
  EXPECT_EQ(answer.parts[2].route, "visit");
  EXPECT_EQ(answer.decision, DecisionKind::kForm);
}

// Explained is what would be done.
TEST(Requests, AreExplained) {
  Requests r;
  ASSERT_OK_AND_ASSIGN(const Explanation both, r.desk.router->Explain("opening hours and thanks a lot"));
  EXPECT_EQ(both.route, "hours");
  EXPECT_EQ(both.decision, DecisionKind::kAnswer);
  ASSERT_EQ(both.requests.size(), 2u);
  EXPECT_EQ(both.requests[1].text, "thanks a lot");
  EXPECT_EQ(both.requests[1].route, "thanks");
  const std::vector<std::string> texts = {"opening hours", "opening hours and i will sue you",
                                          "refund please for order AB123456 and opening hours"};
  ASSERT_OK_AND_ASSIGN(const std::vector<Explanation> all, r.desk.router->ExplainAll(texts, {}));
  EXPECT_TRUE(all[0].requests.empty());
  EXPECT_EQ(all[1].route, "legal");
  EXPECT_EQ(all[1].decision, DecisionKind::kEscalate);
  EXPECT_EQ(all[2].route, "refund");
  EXPECT_EQ(all[2].decision, DecisionKind::kForm);
}

TEST(Requests, OnlyWhatMayFallApartCostsMore) {
  Requests r;
  const int before = r.desk.model->calls();
  r.desk.Say("what are your opening hours");
  EXPECT_EQ(r.desk.model->calls(), before + 1);
  r.desk.Say("opening hours and thanks a lot");
  EXPECT_EQ(r.desk.model->calls(), before + 4);
}

}  // namespace
}  // namespace bantam
