// Routes with a parent: it stands in where a child is not sure enough.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "route/decision.h"
#include "route/route_tree.h"
#include "route/testing/desk.h"

namespace bantam {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kRoutes = R"(version: 1
name: shop
routes:
  - name: billing
    action: {type: respond, response: utter_billing}
  - name: refund
    parent: billing
    utterances: [where is my refund payment, refund payment missing, refund not here, my refund is late, refund]
    action: {type: respond, response: utter_refund}
  - name: invoice
    parent: billing
    utterances: [where is my invoice payment, invoice payment missing, invoice not here, my invoice is late, invoice]
    action: {type: respond, response: utter_invoice}
  - name: hours
    utterances: [when are you open, opening hours, what time do you close, open today, closing time]
    action: {type: respond, response: utter_hours}
out_of_scope: {utterances: [tell me a joke]}
responses: {utter_billing: B, utter_refund: R, utter_invoice: I, utter_hours: H}
)";
constexpr std::string_view kThreshold = "decision: {policy: threshold, confidence_threshold: 0.9}\n";

RouteFile File(std::string_view decision = kThreshold) {
  return ParseRouteFile(std::string(kRoutes) + std::string(decision), "/h/shop.yaml").value();
}

TEST(Hierarchy, TheParentAnswersWhereItsChildrenCannotBeToldApart) {
  testing::Desk desk([](RouterParts& parts) {
    parts.file = File();
    parts.intents = std::make_unique<testing::BagIntentModel>(parts.file);
  });
  const AssistantAnswer unsure = desk.Say("where is my payment");  // 0.8 of refund and 0.8 of invoice
  EXPECT_EQ(unsure.route, "billing");
  EXPECT_EQ(unsure.text, "B");
  EXPECT_EQ(unsure.decision, DecisionKind::kAnswer);
  EXPECT_FLOAT_EQ(unsure.confidence, 1);
  EXPECT_EQ(unsure.p_correct, 1);
  EXPECT_EQ(desk.Say("where is my refund payment").route, "refund");
  EXPECT_EQ(desk.Say("what time is it in Rome").route, "");  // no parent, and not sure
  const Explanation explanation = desk.router->Explain("where is my payment").value();
  EXPECT_EQ(explanation.route, "billing");
  EXPECT_EQ(explanation.action, "respond utter_billing");
  EXPECT_THAT(explanation.reasons, ElementsAre(HasSubstr("\"refund\" is likeliest with confidence 0.800, below 0.900"),
                                               HasSubstr("\"billing\", above it, has confidence 1.000")));
}

TEST(Hierarchy, ConfidencesOfAllBelowAddUp) {
  RouteFile file = File();
  file.routes.push_back({.name = "late_refund",
                         .description = "",
                         .parent = "refund",
                         .utterances = {"x"},
                         .action = file.routes[1].action,
                         .action_type = "respond",
                         .confidence_threshold = {},
                         .max_error = {}});
  const std::vector<std::string> labels = {"hours", "invoice", "late_refund", "refund"};
  const RouteTree tree(file, labels);
  const std::vector<double> probabilities = {0.1, 0.2, 0.3, 0.4};
  const std::vector<RankedRoute> ranked = tree.Rank("late_refund", probabilities, 0.5f);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].route, "refund");
  EXPECT_FLOAT_EQ(ranked[0].probability, 0.35f);
  EXPECT_EQ(ranked[1].route, "billing");
  EXPECT_FLOAT_EQ(ranked[1].probability, 0.45f);
  EXPECT_TRUE(tree.Rank("hours", probabilities, 0).empty());
  EXPECT_TRUE(file.IsWithin("late_refund", "billing"));
  EXPECT_FALSE(file.IsWithin("billing", "refund"));
}

TEST(Hierarchy, AParentHasAnErrorBudgetOfItsOwn) {
  const RouteFile file = File("decision: {policy: risk, max_error: 0.05}\n");
  EXPECT_THAT(file.warnings,
              ::testing::Contains(HasSubstr("the parent \"billing\" never stands in for \"refund\": its error budget "
                                            "needs a \"calibration_file\"")));
  Calibration calibration{{}, {"hours", "invoice", "refund"}};
  EXPECT_TRUE(std::isinf(DecisionPolicy(file, 0.5, calibration).BarOfParent("billing").threshold));
  auto& points = calibration.of_parents["billing"];
  for (int i = 0; i < 100; ++i) points.push_back({1, 0.9f + static_cast<float>(i) / 1e4f, true});
  for (int i = 0; i < 20; ++i) points.push_back({1, 0.3f, false});
  const DecisionPolicy policy(file, 0.5, calibration);
  const Bar& bar = policy.BarOfParent("billing");
  EXPECT_GT(bar.threshold, 0.3);
  EXPECT_LE(bar.threshold, 0.9001);
  EXPECT_EQ(BudgetOf(bar)->num_calibration, 120);
  EXPECT_TRUE(std::isinf(policy.BarOf("refund").threshold)) << "another promise, with no messages of its own";
  Understanding understanding;
  understanding.route = "refund";
  understanding.confidence = 0.5f;
  understanding.ancestors = {{"billing", 0.95f}};
  const Judgement judgement = Judge(file, policy, understanding);
  ASSERT_NE(judgement.route, nullptr);
  EXPECT_EQ(judgement.route->name, "billing");
  EXPECT_EQ(judgement.bar, &bar);
  EXPECT_FLOAT_EQ(judgement.confidence, 0.95f);
}

// The real head: what the parent has is what its children have together.
TEST(Hierarchy, OfTheRealHead) {
  BANTAM_REQUIRE_MODEL(model, "all-MiniLM-L6-v2");
  ASSERT_OK_AND_ASSIGN(
      const auto router,
      Router::Create(File(), {.persistent = false, .store = model.parent_path(), .state_folder = Path()}));
  EXPECT_THAT(router->head().labels(), ElementsAre("hours", "invoice", "refund"));
  ASSERT_OK_AND_ASSIGN(const Explanation explanation, router->Explain("has the payment come"));
  const Understanding& u = explanation.understanding;
  ASSERT_EQ(u.ancestors.size(), 1u);
  EXPECT_EQ(u.ancestors[0].route, "billing");
  EXPECT_GT(u.ancestors[0].probability, u.confidence);
  float below = 0;
  for (const RankedRoute& ranked : u.ranking) below += ranked.route == "hours" ? 0 : ranked.probability;
  EXPECT_NEAR(u.ancestors[0].probability, below * (1 - u.out_of_scope), 1e-5);
}

std::string Problem(std::string text) { return ParseRouteFile(text, "f.yaml").error().message; }

TEST(Hierarchy, MistakesAreNamed) {
  const auto with_parents = [](std::string_view a, std::string_view b) {
    return fmt::format(
        "version: 1\nname: x\nroutes:\n"
        "  - {{name: one, {} utterances: [a, b, c, d, e], action: {{type: respond, response: r}}}}\n"
        "  - {{name: two, {} utterances: [f, g, h, i, j], action: {{type: respond, response: r}}}}\n"
        "responses: {{r: R}}\n",
        a, b);
  };
  EXPECT_THAT(Problem(with_parents("parent: tow,", "")), HasSubstr("there is no route \"tow\"; did you mean \"two\"?"));
  EXPECT_THAT(Problem(with_parents("parent: two,", "parent: one,")),
              HasSubstr("the route \"one\" is its own ancestor by way of \"two\"; remove one \"parent\""));
  EXPECT_THAT(Problem(with_parents("parent: one,", "")), HasSubstr("is its own ancestor"));
}

}  // namespace
}  // namespace bantam
