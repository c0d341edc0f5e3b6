#include "learn/evaluate.h"

#include <gmock/gmock.h>

#include "base/testing.h"
#include "learn/reliability_plot.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Outcome Line(const char* truth, const char* predicted, double confidence, bool accepted) {
  return {truth, predicted, confidence, confidence, 1 - confidence / 2, accepted};
}

// Small enough to count by hand.
TEST(Evaluate, CountsWhatItsNamesSay) {
  const std::vector<Outcome> outcomes = {
      Line("a", "a", 0.95, true),    Line("a", "a", 0.90, true),    Line("a", "b", 0.60, true),
      Line("a", "a", 0.30, false),   Line("b", "b", 0.85, true),    Line("b", "b", 0.80, true),
      Line("b", "a", 0.20, false),   Line("b", "b", 0.75, true),    Line("oos", "a", 0.70, true),
      Line("oos", "b", 0.25, false), Line("oos", "b", 0.10, false), Line("oos", "a", 0.05, false),
  };
  const Evaluation e = Evaluate(outcomes, 0.2);
  EXPECT_EQ(e.num_in_scope, 8);
  EXPECT_EQ(e.num_out_of_scope, 4);
  EXPECT_DOUBLE_EQ(*e.in_scope_accuracy, 6.0 / 8);
  EXPECT_DOUBLE_EQ(*e.accuracy, (5 + 3) / 12.0);
  EXPECT_DOUBLE_EQ(*e.false_rejection, 2.0 / 8);
  EXPECT_DOUBLE_EQ(*e.oos_recall, 3.0 / 4);
  EXPECT_DOUBLE_EQ(*e.oos_precision, 3.0 / 5);
  EXPECT_DOUBLE_EQ(*e.oos_f1, 2 * 0.75 * 0.6 / 1.35);
  // a: truth 4, predicted and accepted 3, hits 2; b: 4, 4, 3; oos: 4, 5, 3.
  EXPECT_DOUBLE_EQ(*e.macro_f1, (4.0 / 7 + 6.0 / 8 + 6.0 / 9) / 3);
  // In-scope confidences sorted: 0.20 0.30 0.60 ...; the 4 % quantile lies at 0.28 of the way from the first to the
  // second.
  EXPECT_NEAR(*e.threshold_at_fr4, 0.228, 1e-12);
  EXPECT_DOUBLE_EQ(*e.oos_recall_at_fr4, 2.0 / 4);
  EXPECT_DOUBLE_EQ(*e.oos_f1_at_fr4, 2.0 * 2 / (4 + 2 + 1));
  EXPECT_DOUBLE_EQ(*e.accuracy_at_fr4, (6 + 2) / 12.0);
  // Of 32 pairs the out-of-scope line at 0.70 beats 0.60, 0.30 and 0.20, and the one at 0.25 beats 0.20.
  EXPECT_DOUBLE_EQ(*e.oos_auroc, 28.0 / 32);
  EXPECT_DOUBLE_EQ(*e.oos_score_auroc, 28.0 / 32);
  EXPECT_EQ(e.num_near, 1);  // the line at 0.70, which was accepted
  EXPECT_DOUBLE_EQ(*e.near_recall, 0);
  ASSERT_EQ(e.confusions.size(), 3u);
  EXPECT_EQ(e.confusions[0].count, 1);
  EXPECT_EQ(e.confusions[2].truth, "oos");
  EXPECT_EQ(e.confusions[2].predicted, "a");
}

TEST(Evaluate, LeavesOutWhatTheLinesCannotSay) {
  const Evaluation nothing = Evaluate({}, 0.2);
  EXPECT_FALSE(nothing.accuracy || nothing.in_scope_accuracy || nothing.oos_recall || nothing.ece);
  const Evaluation in_scope = Evaluate(std::vector<Outcome>{Line("a", "a", 0.9, true)}, 0.2);
  EXPECT_TRUE(in_scope.in_scope_accuracy && in_scope.ece && in_scope.false_rejection);
  EXPECT_FALSE(in_scope.near_recall || in_scope.oos_recall || in_scope.oos_auroc || in_scope.oos_score_auroc ||
               in_scope.oos_recall_at_fr4 || in_scope.ece_confidence);
  const Evaluation outside = Evaluate(std::vector<Outcome>{Line("oos", "a", 0.9, true)}, 0.2);
  EXPECT_FALSE(outside.in_scope_accuracy || outside.ece || outside.oos_auroc);
  EXPECT_EQ(*outside.oos_recall, 0);
  EXPECT_EQ(*outside.accuracy, 0);
}

TEST(Evaluate, ALabelThatTheHeadDoesNotKnowIsWrong) {
  const Evaluation e = Evaluate(std::vector<Outcome>{Line("new", "a", 0.9, true), Line("a", "a", 0.9, true)}, 0.2);
  EXPECT_EQ(*e.in_scope_accuracy, 0.5);
  EXPECT_EQ(e.confusions.at(0).truth, "new");
}

TEST(ReliabilityPlot, ShowsEveryBinAndEscapesItsTexts) {
  std::vector<WeightedOutcome> outcomes(1234, {0.97, true});
  outcomes.push_back({0.5, false});
  const std::vector<ReliabilityBin> bins = ReliabilityBins(outcomes);
  const std::string svg =
      ReliabilityPlot("<b> & \"c\"", {{.title = "one", .subtitle = "x < y", .bins = bins},
                                      {.title = "two", .subtitle = "z", .axis = "probability", .bins = bins}});
  EXPECT_THAT(svg, HasSubstr("&lt;b&gt; &amp; &quot;c&quot;"));
  EXPECT_THAT(svg, Not(HasSubstr("<b>")));
  EXPECT_THAT(svg, HasSubstr(">1.2k</text>"));
  EXPECT_THAT(svg, HasSubstr("0.93 to 1.00: 1234 lines, mean confidence 0.970, right 1.000"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  // Empty bins draw nothing.
  size_t bars = 0;
  for (size_t at = svg.find("class=\"right\""); at != std::string::npos; at = svg.find("class=\"right\"", at + 1))
    ++bars;
  EXPECT_EQ(bars, 6u);  // in each panel two bins and the key
  EXPECT_THAT(svg, HasSubstr("mean probability 0.970"));
  EXPECT_THAT(svg, HasSubstr("x &lt; y"));
}

}  // namespace
}  // namespace bantam
