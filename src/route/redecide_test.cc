#include "route/redecide.h"

#include <gtest/gtest.h>

#include "route/redecide_plot.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::StoredDesk;

void KeepTexts(RouterParts& parts) { parts.file.audit_texts = true; }

RedecideReport Again(Router& router, const StoredDesk& stored, const RedecideOptions& options = {}) {
  auto report = Redecide(router, StateFiles(stored.folder.path()).audit, options);
  EXPECT_OK(report);
  return report ? *std::move(report) : RedecideReport();
}

TEST(Redecide, TheSameFileGivesTheSameBits) {
  StoredDesk stored(KeepTexts);
  Desk& desk = stored.desk;
  for (const char* text : {"opening hours", "when are you open today", "opening hours", "i will sue you", "xyzzy"})
    desk.Say(text);
  desk.Say("refund please", "s");
  desk.Say("AB123456", "s");  // a turn of a form
  Desk again;
  const RedecideReport report = Again(*again.router, stored);
  EXPECT_EQ(report.messages, 6);
  EXPECT_EQ(report.same_bits, 6);
  EXPECT_EQ(report.left_out.in_conversation, 1);
  EXPECT_EQ(report.other_route_file + report.other_head + report.other_isa, 0);
  EXPECT_TRUE(report.changes.empty()) << report.changes[0].question << ": " << report.changes[0].after.decision;
  EXPECT_EQ(again.service.requests.size(), 0u);
  EXPECT_EQ(Again(*again.router, stored, {.limit = 2}).left_out.beyond_limit, 4);
}

TEST(Redecide, AnotherThresholdChangesExactlyWhatItShould) {
  StoredDesk stored(KeepTexts);
  Desk& desk = stored.desk;
  desk.Say("opening hours");
  const AssistantAnswer near = desk.Say("when are you open today");
  ASSERT_EQ(near.route, "hours");
  ASSERT_LT(near.confidence, 0.99f);
  ASSERT_OK(desk.router->TakeFeedback({stored.Records().back().request_id, false, "thanks"}));
  Desk strict([](RouterParts& parts) {
    parts.file.confidence_threshold = 0.99;
    parts.file.sha256 = "another";
  });
  const RedecideReport report = Again(*strict.router, stored);
  EXPECT_EQ(report.messages, 2);
  EXPECT_EQ(report.same_bits, 2);
  EXPECT_EQ(report.other_route_file, 2);
  ASSERT_EQ(report.changes.size(), 1u);
  EXPECT_EQ(report.changes[0].question, "when are you open today");
  EXPECT_EQ(report.changes[0].before.route, "hours");
  EXPECT_EQ(report.changes[0].after.route, "");
  EXPECT_EQ(report.changes[0].right_route, "thanks");
  EXPECT_NEAR(report.threshold_before, 0.6, 1e-6);
  EXPECT_NEAR(report.threshold_after, 0.99, 1e-6);
  EXPECT_EQ(report.by_confidence.back().same, 1);
  EXPECT_EQ(report.by_confidence[static_cast<size_t>(40 * near.confidence)].handed_on, 1);
  const std::string svg = RedecidePlot(report, "again");
  for (const char* part : {": 1 not answered here any more</title>", "then 0.6<", "now 0.99<", "wrong, of 1 with"})
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  EXPECT_EQ(RedecidePlot({}, "nothing").find("nan"), std::string::npos);
  EXPECT_EQ(report.labelled, 1);
  EXPECT_EQ(report.wrong_before, 1);
  EXPECT_EQ(report.wrong_after, 0);
}

TEST(Redecide, WithoutTextsThereIsNothingToDecide) {
  StoredDesk stored;
  stored.desk.Say("opening hours");
  Desk again;
  const RedecideReport report = Again(*again.router, stored);
  EXPECT_EQ(report.messages, 0);
  EXPECT_EQ(report.left_out.without_texts, 1);
}

}  // namespace
}  // namespace bantam
