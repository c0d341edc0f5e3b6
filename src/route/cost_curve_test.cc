#include "route/cost_curve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "learn/examples.h"
#include "route/cost_curve_plot.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::Desk;
using testing::StoredDesk;

constexpr CurveOutcome kAsked{.asked = true}, kRight{.answered = true}, kWrong{.answered = true, .wrong = true};

TEST(CurveTally, CountsByHand) {
  CurveTally tally({0.5, 0.9});
  for (int i = 0; i < 6; ++i) tally.AddMessage(std::vector{kRight, kRight});
  for (int i = 0; i < 2; ++i) tally.AddMessage(std::vector{kRight, kAsked});
  for (int i = 0; i < 2; ++i) tally.AddMessage(std::vector{kAsked, kAsked});
  for (int i = 0; i < 18; ++i) tally.AddLabelled(std::vector{kRight, kRight}, 0.05);
  tally.AddLabelled(std::vector{kWrong, kAsked}, 0.05);
  tally.AddLabelled(std::vector{kAsked, kAsked}, 0.05);
  const std::vector<CurvePoint> points = tally.Points(0.004);
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].threshold, 0.5);
  EXPECT_DOUBLE_EQ(points[0].escalated, 0.2);
  EXPECT_NEAR(points[0].escalated_low, 0.025211, 1e-6);  // Clopper and Pearson, 2 of 10
  EXPECT_NEAR(points[0].escalated_high, 0.556095, 1e-6);
  EXPECT_DOUBLE_EQ(points[0].accuracy, 0.95);
  EXPECT_NEAR(points[0].accuracy_low, 1 - 0.248733, 1e-6);  // 1 of 20
  EXPECT_NEAR(points[0].accuracy_high, 1 - 0.001265, 1e-6);
  EXPECT_DOUBLE_EQ(points[0].wrong_of_answered, 1.0 / 19);
  EXPECT_DOUBLE_EQ(*points[0].cost_per_1000, 0.8);
  EXPECT_NEAR(*points[0].cost_per_1000_high, 4 * 0.556095, 1e-5);
  EXPECT_DOUBLE_EQ(points[1].escalated, 0.4);
  EXPECT_DOUBLE_EQ(points[1].accuracy, 1);
  EXPECT_NEAR(points[1].accuracy_low, 1 - 0.168433, 1e-6);  // 0 of 20: 1 - 0.025^(1/20)
  EXPECT_EQ(points[1].accuracy_high, 1);
  EXPECT_FALSE(tally.Points({})[0].cost_per_1000);
}

TEST(CurveTally, WeighsByTheChanceOfBeingDrawn) {
  // A tenth was drawn of one half of the traffic, and half of the other: 4 of 40 and 40 of 200 are wrong.
  CurveTally tally({0.5});
  tally.AddMessage(std::vector{kRight});
  for (int i = 0; i < 40; ++i) tally.AddLabelled(std::vector{i < 4 ? kWrong : kRight}, 0.1);
  for (int i = 0; i < 200; ++i) tally.AddLabelled(std::vector{i < 40 ? kWrong : kRight}, 0.5);
  const CurvePoint point = tally.Points({})[0];
  EXPECT_DOUBLE_EQ(point.accuracy, 1 - (4 * 10 + 40 * 2) / (40 * 10 + 200 * 2.0));
  // It is as sure as 133 equal ones, (800 * 800) / (40 * 100 + 200 * 4), between 19 and 20 of them wrong.
  EXPECT_NEAR(point.accuracy_low, 1 - 0.222, 1e-3);
  EXPECT_NEAR(point.accuracy_high, 1 - 0.0883, 1e-3);
}

TEST(CurveTally, NothingIsDrawnOfNothing) {
  CurveTally tally({0.5});
  EXPECT_TRUE(tally.Points({}).empty());
  tally.AddMessage(std::vector{kRight});
  EXPECT_TRUE(tally.Points({}).empty());
}

// What a threshold does to a message goes one way: so do shares, costs and their intervals.
TEST(CurveTally, IsMonotoneInTheThreshold) {
  std::mt19937 random(20261127);
  std::uniform_real_distribution<double> uniform;
  std::vector<double> thresholds;
  for (int i = 0; i <= 50; ++i) thresholds.push_back(i / 50.0);
  CurveTally tally(thresholds);
  for (int message = 0; message < 700; ++message) {
    const double confidence = uniform(random);
    const bool right = uniform(random) < confidence;
    std::vector<CurveOutcome> outcomes;
    for (const double threshold : thresholds)
      outcomes.push_back(confidence < threshold ? kAsked : right ? kRight : kWrong);
    tally.AddMessage(outcomes);
    if (message % 3 == 0) tally.AddLabelled(outcomes, 0.05);
  }
  const std::vector<CurvePoint> points = tally.Points(0.01);
  for (size_t i = 0; i < points.size(); ++i) {
    const CurvePoint& at = points[i];
    EXPECT_LE(at.accuracy_low, at.accuracy);
    EXPECT_LE(at.accuracy, at.accuracy_high);
    EXPECT_LE(at.escalated_low, at.escalated);
    EXPECT_LE(at.escalated, at.escalated_high);
    if (i == 0) continue;
    const CurvePoint& before = points[i - 1];
    EXPECT_GE(at.escalated, before.escalated);
    EXPECT_GE(at.escalated_low, before.escalated_low);
    EXPECT_GE(at.escalated_high, before.escalated_high);
    EXPECT_GE(*at.cost_per_1000, *before.cost_per_1000);
    EXPECT_GE(at.accuracy, before.accuracy);
    EXPECT_GE(at.accuracy_low, before.accuracy_low);
    EXPECT_GE(at.accuracy_high, before.accuracy_high);
  }
}

// The interval holds the true share as often as it says, for a mixture of two rates of drawing, too.
TEST(CurveTally, TheBandHoldsTheTruth) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform;
  int held = 0;
  constexpr int kRuns = 400;
  for (int run = 0; run < kRuns; ++run) {
    CurveTally tally({0.5});
    tally.AddMessage(std::vector{kRight});
    for (int i = 0; i < 4000; ++i) {
      const double propensity = i < 2000 ? 0.05 : 0.2;
      const bool wrong = uniform(random) < (i < 2000 ? 0.12 : 0.04);
      if (uniform(random) < propensity) tally.AddLabelled(std::vector{wrong ? kWrong : kRight}, propensity);
    }
    const CurvePoint point = tally.Points({})[0];
    held += point.accuracy_low <= 0.92 && 0.92 <= point.accuracy_high;
  }
  EXPECT_GE(held, 0.95 * kRuns);
}

// ---- from a log ----

void Audited(RouterParts& parts) {
  parts.file.audit_texts = true;
  parts.file.fallback_upstream = "big";
}

AuditRecord Said(const std::string& id, const std::string& text, std::optional<double> propensity, double cost = 0) {
  AuditRecord record;
  record.request_id = id;
  record.decision = "answer";
  record.source = "local model";
  record.outcome = "ok";
  record.question = text;
  record.question_sha256 = Sha256Hex(text);
  record.answer_sha256 = Sha256Hex("");
  record.nearest = {{"x", "hours", 0.5f}};
  record.propensity = propensity;
  record.cost = cost;
  return record;
}

AuditRecord Label(const std::string& id, const std::string& text, const std::string& route, bool by_person = false) {
  AuditRecord record;
  record.request_id = id;
  record.decision = by_person ? kFeedbackDecision : kLabelDecision;
  record.source = by_person ? "person" : "teacher";
  record.outcome = "ok";
  record.route = route;
  record.question_sha256 = Sha256Hex(text);
  record.answer_sha256 = Sha256Hex("");
  return record;
}

CostCurve Draw(const StoredDesk& stored, const CostCurveOptions& options = {}) {
  const auto curve = DrawCostCurve(*stored.desk.router, StateFiles(stored.folder.path()).audit, options);
  EXPECT_OK(curve);
  return curve ? *curve : CostCurve();
}

void Write(const StoredDesk& stored, const std::vector<AuditRecord>& records) {
  for (const AuditRecord& record : records) ASSERT_OK(stored.desk.router->parts().audit->Append(record));
}

const CurvePoint& At(const CostCurve& curve, double threshold) {
  return *std::ranges::find(curve.points, threshold, &CurvePoint::threshold);
}

TEST(CostCurve, IsDrawnFromTheAuditedMessages) {
  const StoredDesk stored(Audited);
  // Half of the words of "opening hours" and of a lawyer's: confidences of the bag of words are 1, 0.5 and 0.
  Write(stored,
        {Said("1", "opening hours", 0.5), Said("2", "opening hours", {}), Said("3", "Opening  hours", 0.5),
         Said("4", "opening hours today now", 0.5), Said("5", "xyzzy", {}, 0.002), Said("6", "xyzzy", 0.5, 0.004),
         Label("1", "opening hours", "hours"), Label("4", "opening hours today now", "thanks"),
         Label("6", "xyzzy", std::string(kOutOfScopeLabel)), Label("5", "xyzzy", "thanks", true)});
  const CostCurve curve = Draw(stored);
  EXPECT_EQ(curve.why_empty, "");
  EXPECT_EQ(curve.messages, 6);
  EXPECT_EQ(curve.decided, 6);
  EXPECT_EQ(curve.labelled, 4);   // of which one has its label from the same words
  EXPECT_EQ(curve.not_drawn, 2);  // 2 by its words, and 5
  EXPECT_DOUBLE_EQ(curve.mean_cost.value(), 0.003);
  ASSERT_FALSE(curve.points.empty());
  EXPECT_EQ(curve.points.front().threshold, 0);
  EXPECT_EQ(curve.points.back().threshold, 1);
  EXPECT_DOUBLE_EQ(At(curve, 0.0).accuracy, 0.5);  // 4 and 6 are answered, and wrong
  EXPECT_DOUBLE_EQ(At(curve, 0.0).escalated, 0);
  EXPECT_DOUBLE_EQ(At(curve, 0.4).accuracy, 0.75);
  EXPECT_DOUBLE_EQ(At(curve, 0.4).escalated, 2.0 / 6);
  EXPECT_DOUBLE_EQ(*At(curve, 0.4).cost_per_1000, 1.0);
  EXPECT_DOUBLE_EQ(At(curve, 0.8).accuracy, 1);
  EXPECT_DOUBLE_EQ(At(curve, 0.8).escalated, 3.0 / 6);
  ASSERT_TRUE(curve.current);
  EXPECT_DOUBLE_EQ(curve.current->threshold, 0.6);
  EXPECT_DOUBLE_EQ(curve.current->escalated, 3.0 / 6);
  EXPECT_EQ(stored.desk.big->calls, 0);
  const std::string svg = CostCurvePlot(curve, "a < b");
  for (const char* part :
       {"<title>a &lt; b</title>", "in force: threshold 0.6: 50.0 % to a large model", "class=\"band\""})
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(CostCurve, AnEscalatedRouteCostsAtEveryThreshold) {
  const StoredDesk stored(Audited);
  Write(stored, {Said("1", "i will sue you", 1.0, 0.002), Label("1", "i will sue you", "hours")});
  for (const CurvePoint& point : Draw(stored).points) {
    EXPECT_DOUBLE_EQ(point.escalated, 1);
    EXPECT_DOUBLE_EQ(point.accuracy, 1);
  }
}

TEST(CostCurve, IsChosenEvenlyWhereThereIsMuch) {
  const StoredDesk stored(Audited);
  std::vector<AuditRecord> records;
  for (int i = 0; i < 40; ++i) records.push_back(Said(fmt::format("{}", i), "opening hours", 0.5));
  records.push_back(Label("0", "opening hours", "hours"));
  Write(stored, records);
  const CostCurve curve = Draw(stored, {.most_decided = 15});
  EXPECT_EQ(curve.messages, 40);
  EXPECT_EQ(curve.decided, 14);  // every third
  EXPECT_EQ(curve.labelled, 14);
  const CostCurve latest = Draw(stored, {.latest_lines = 11});
  EXPECT_EQ(latest.messages, 10);
  EXPECT_EQ(latest.labelled, 10);  // the message that was labelled is not among them, but its words are
}

TEST(CostCurve, SaysWhatIsMissing) {
  const StoredDesk without_model([](RouterParts& parts) { parts.file.audit_texts = true; });
  EXPECT_TRUE(Draw(without_model).why_empty.find("nlu_fallback") != std::string::npos);
  const StoredDesk stored(Audited);
  EXPECT_EQ(Draw(stored).why_empty, "The audit log has no messages yet.");
  AuditRecord bare = Said("1", "opening hours", {});
  bare.question.clear();
  Write(stored, {bare});
  EXPECT_TRUE(Draw(stored).why_empty.find("content: text") != std::string::npos);
  Write(stored, {Said("2", "opening hours", {}), Label("2", "opening hours", "thanks", true)});
  const CostCurve complained = Draw(stored);
  EXPECT_TRUE(complained.points.empty());
  EXPECT_FALSE(complained.current);
  EXPECT_EQ(complained.not_drawn, 1);
  EXPECT_TRUE(complained.why_empty.find("explore_rate") != std::string::npos) << complained.why_empty;
  Write(stored, {Said("3", "xyzzy", 0.5)});
  EXPECT_TRUE(Draw(stored).why_empty.starts_with("1 messages were drawn")) << Draw(stored).why_empty;
  // Who complains chooses about what.
  Write(stored, {Said("4", "plugh", 0.5), Label("4", "plugh", "thanks", true)});
  EXPECT_FALSE(Draw(stored).why_empty.empty());
  // A label that is no route of the file any more is none.
  Write(stored, {Label("3", "xyzzy", "gone")});
  EXPECT_FALSE(Draw(stored).why_empty.empty());
  const json::object body = CurveJson(Draw(stored));
  EXPECT_TRUE(body.at("points").as_array().empty());
  EXPECT_TRUE(body.at("current").is_null());
}

}  // namespace
}  // namespace bantam
