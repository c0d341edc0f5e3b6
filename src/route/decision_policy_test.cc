#include "route/decision_policy.h"

#include <cmath>

#include "route/budget_report.h"
#include "route/testing/stored_desk.h"

namespace bantam {
namespace {

using testing::BagIntentModel;
using testing::Desk;
using testing::StoredDesk;

// `count` messages that the head would give to `label`, rightly, and sure of it; then `wrong` others, less sure.
void AddPoints(Calibration& calibration, int label, int count, int wrong) {
  for (int i = 0; i < count; ++i)
    calibration.points.push_back({label, 0.7f + 0.2f * static_cast<float>(i) / static_cast<float>(count), true});
  for (int i = 0; i < wrong; ++i) calibration.points.push_back({label, 0.3f, false});
}

RouteFile DeskFile(ErrorBudget budget) {
  RouteFile file = LoadRouteFile(testing::kDeskFile).value();
  file.confidence_threshold.reset();
  for (Route& route : file.routes) route.confidence_threshold.reset();
  file.budget = budget;
  return file;
}

TEST(DecisionPolicy, ThresholdsComeFromTheRouteTheFileOrTheHead) {
  RouteFile file = LoadRouteFile(testing::kDeskFile).value();
  const DecisionPolicy policy(file, 0.4, {});
  EXPECT_EQ(policy.BarOf("status").threshold, 0.9);
  EXPECT_EQ(policy.BarOf("status").from, Bar::From::kRoute);
  EXPECT_EQ(policy.BarOf("hours").threshold, 0.6);
  EXPECT_EQ(policy.BarOf("hours").from, Bar::From::kRouteFile);
  EXPECT_FALSE(policy.by_budget());
  EXPECT_TRUE(DescribeBudgets(policy, file).empty());
  file.confidence_threshold.reset();
  EXPECT_EQ(DecisionPolicy(file, 0.4, {}).BarOf("hours").threshold, 0.4);
}

TEST(DecisionPolicy, EachBudgetIsCertifiedOnItsOwnMessages) {
  RouteFile file = DeskFile({0.05, 0.05});
  const_cast<Route*>(file.FindRoute("hours"))->max_error = 0.02;
  Calibration calibration{{}, {"hours", "thanks"}};
  AddPoints(calibration, 0, 160, 10);
  AddPoints(calibration, 1, 80, 10);
  const DecisionPolicy policy(file, 0.4, calibration);
  const Bar& hours = policy.BarOf("hours");
  ASSERT_TRUE(hours.certified);
  EXPECT_TRUE(hours.certified->certificate.supported);
  EXPECT_EQ(hours.certified->certificate.num_points, 170);
  EXPECT_GT(hours.threshold, 0.3) << "the wrong ones are rejected";
  EXPECT_LE(hours.threshold, 0.9);
  EXPECT_EQ(policy.BarOf("thanks").certified->certificate.num_points, 90);
  EXPECT_EQ(policy.BarOf("refund").threshold, policy.common().threshold);
  EXPECT_FALSE(policy.calibration_id().empty());
  EXPECT_EQ(BudgetOf(hours)->num_calibration, 170);
  EXPECT_EQ(BudgetOf(hours)->max_error, 0.02);
  const json::object json = PolicyJson(policy);
  EXPECT_EQ(json.at("policy").as_string(), "risk");
  EXPECT_EQ(json.at("routes").at("hours").at("num_errors").as_int64(), 0);
}

TEST(DecisionPolicy, TooFewMessagesAnswerNothing) {
  RouteFile file = DeskFile({0.02, 0.05});
  const_cast<Route*>(file.FindRoute("hours"))->max_error = 0.01;
  Calibration calibration{{}, {"hours", "thanks"}};
  AddPoints(calibration, 0, 200, 0);
  AddPoints(calibration, 1, 160, 0);
  const DecisionPolicy policy(file, 0.4, calibration);
  EXPECT_TRUE(policy.common().certified->certificate.supported);
  EXPECT_TRUE(std::isinf(policy.BarOf("hours").threshold)) << "299 are needed for 1 %";
  const std::vector<std::string> lines = DescribeBudgets(policy, file);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("at most 2 % wrong"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("route hours: at most 1 % wrong"), std::string::npos) << lines[1];
  EXPECT_NE(lines[1].find("99 more like them would do"), std::string::npos) << lines[1];
  EXPECT_EQ(PolicyJson(policy).at("routes").at("hours").at("missing").as_int64(), 99);
  EXPECT_TRUE(std::isinf(DecisionPolicy(file, 0.4, {}).common().threshold)) << "no calibration at all";
}

// A desk whose messages must reach what is certified on `count` right ones.
void Budgeted(RouterParts& parts, int count) {
  parts.file = DeskFile({0.05, 0.05});
  auto intents = std::make_unique<BagIntentModel>(parts.file);
  Calibration calibration{{}, {"hours"}};
  AddPoints(calibration, 0, count, 20);
  intents->set_calibration(std::move(calibration));
  parts.intents = std::move(intents);
}

TEST(DecisionPolicy, AnswersCarryTheBudgetThatTheyWereHeldTo) {
  StoredDesk stored([](RouterParts& parts) { Budgeted(parts, 100); });
  for (const bool cached : {false, true}) {
    const AssistantAnswer answer = stored.desk.Say("opening hours");
    EXPECT_EQ(answer.cache_hit, cached);
    EXPECT_EQ(answer.route, "hours");
    EXPECT_EQ(answer.p_correct, 1);
    EXPECT_EQ(answer.prediction_set, std::vector<std::string>{"hours"});
    ASSERT_TRUE(answer.budget);
    EXPECT_EQ(answer.budget->max_error, 0.05);
    EXPECT_EQ(answer.budget->delta, 0.05);
    EXPECT_EQ(answer.budget->num_calibration, 120);
    EXPECT_FLOAT_EQ(static_cast<float>(answer.budget->threshold), answer.threshold);
    EXPECT_FALSE(answer.calibration_id.empty());
    const AuditRecord record = stored.Records().back();
    EXPECT_EQ(record.p_correct, answer.p_correct);
    EXPECT_EQ(record.prediction_set, answer.prediction_set);
    ASSERT_TRUE(record.budget);
    EXPECT_EQ(record.budget->threshold, answer.budget->threshold);
    EXPECT_EQ(record.budget->num_calibration, 120);
    EXPECT_EQ(record.calibration_id, answer.calibration_id);
  }
  const AssistantAnswer rule = (stored.desk.Say("refund please", "s"), stored.desk.Say("AB123456", "s"));
  EXPECT_FALSE(rule.p_correct) << "nothing was predicted";
  EXPECT_FALSE(rule.budget);
}

TEST(DecisionPolicy, WhatCannotBeShownIsNotAnsweredAndSaysSo) {
  StoredDesk stored([](RouterParts& parts) { Budgeted(parts, 20); });
  for (const bool cached : {false, true}) {
    const AssistantAnswer answer = stored.desk.Say("opening hours");
    EXPECT_EQ(answer.cache_hit, cached);
    EXPECT_EQ(answer.decision, DecisionKind::kUnsure);
    EXPECT_EQ(answer.route, "");
    EXPECT_TRUE(std::isinf(answer.threshold));
    ASSERT_TRUE(answer.budget);
    EXPECT_TRUE(std::isinf(answer.budget->threshold));
    const AuditRecord record = stored.Records().back();
    EXPECT_TRUE(std::isinf(record.threshold));
    EXPECT_TRUE(std::isinf(record.budget->threshold));
  }
  ASSERT_OK_AND_ASSIGN(const Explanation why, stored.desk.router->Explain("opening hours"));
  EXPECT_EQ(why.threshold_from, "error budget");
  ASSERT_FALSE(why.reasons.empty());
  EXPECT_NE(why.reasons[0].find("no confidence would do"), std::string::npos) << why.reasons[0];
}

TEST(DecisionPolicy, DriftHalvesTheBudgetUntilItIsOver) {
  StoredDesk stored([](RouterParts& parts) {
    Budgeted(parts, 130);
    parts.file.drift = DriftRule{.window = 50, .false_alarm = 0.01};
  });
  Desk& desk = stored.desk;
  EXPECT_EQ(desk.Say("opening hours").route, "hours");
  for (int i = 0; i < 49; ++i) desk.Say(fmt::format("fish {} sleep", i));
  RouterStats stats = desk.router->Stats();
  EXPECT_EQ(stats.drift_windows, 1u);
  EXPECT_EQ(stats.drift_alarms, 1u);
  EXPECT_EQ(stats.caution, 1);
  const AssistantAnswer careful = desk.Say("opening hours");
  EXPECT_FALSE(careful.cache_hit) << "what was answered under the whole budget is not given under half of it";
  ASSERT_TRUE(careful.budget);
  EXPECT_EQ(careful.budget->max_error, 0.025);
  EXPECT_EQ(desk.router->policy().caution(), 1);
  for (int i = 0; i < 200; ++i) desk.Say(fmt::format("fish {} sleep", i));
  EXPECT_EQ(desk.router->Stats().caution, 2) << "no further than a quarter";
  Desk unwatched([](RouterParts& parts) {
    Budgeted(parts, 130);
    parts.file.drift.reset();
  });
  for (int i = 0; i < 60; ++i) unwatched.Say(fmt::format("fish {} sleep", i));
  EXPECT_EQ(unwatched.router->Stats().drift_windows, 0u);
}

}  // namespace
}  // namespace bantam
