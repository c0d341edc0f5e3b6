// Training as a whole, on made-up points; clinc_test.cc does it on real ones.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "base/testing.h"
#include "learn/evaluate.h"
#include "learn/head.h"
#include "learn/synthetic_set.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using testing::kSyntheticEncoder;
using testing::SyntheticSet;
using testing::SyntheticWorld;

Result<TrainedHead> Train(const SyntheticSet& set, const TrainOptions& options = {}) {
  return TrainHead(set.examples, set.embeddings, kSyntheticEncoder, options);
}

std::string Complaint(const SyntheticSet& set, const TrainOptions& options = {}) {
  const auto trained = Train(set, options);
  return trained ? "no error" : trained.error().message;
}

TEST(TrainHead, LearnsLabelsAndKnowsWhatIsNoneOfThem) {
  SyntheticWorld world(8, 32, 1);
  const SyntheticSet train = world.Sample(20, 30), test = world.Sample(50, 200);
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(train));
  EXPECT_EQ(trained.head.labels(), (std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g", "h"}));
  EXPECT_EQ(trained.head.metadata().num_examples, 160);
  EXPECT_EQ(trained.head.metadata().num_out_of_scope, 30);
  EXPECT_EQ(trained.report.held_out, 160);
  EXPECT_EQ(trained.report.folds, 10);
  const Evaluation e = Evaluate(PredictAll(trained.head, test.examples, test.embeddings), 0.2);
  EXPECT_GT(*e.in_scope_accuracy, 0.95);
  EXPECT_GT(*e.oos_auroc, 0.95);
  EXPECT_LT(*e.false_rejection, 0.1);
  EXPECT_LT(*e.ece, 0.05);
}

TEST(TrainHead, CalibrationIsOfExamplesNotSeen) {
  SyntheticWorld world(6, 24, 20);
  const SyntheticSet set = world.Sample(40, 30, 1.6f), test = world.Sample(200, 150, 1.6f);
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(set));
  const std::vector<CalibrationPoint>& points = trained.head.calibration();
  ASSERT_EQ(points.size(), 6u * 40 + 30);
  const auto right = [](const std::vector<CalibrationPoint>& all) {
    return static_cast<double>(std::count_if(all.begin(), all.end(), [](const auto& p) { return p.right; })) /
           static_cast<double>(all.size());
  };
  const std::vector<CalibrationPoint> fresh = CalibrationOf(trained.head, test.examples, test.embeddings);
  ASSERT_EQ(fresh.size(), 6u * 200 + 150);
  EXPECT_NEAR(right(points), right(fresh), 0.08);  // three standard deviations of 270 lines
}

TEST(TrainHead, PredictionSetsHoldTheRightLabelAsOftenAsTheySay) {
  SyntheticWorld world(8, 24, 21);
  const SyntheticSet set = world.Sample(60, 0, 1.8f), test = world.Sample(250, 0, 1.8f);
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(set));
  int held = 0;
  double size = 0;
  for (size_t i = 0; i < test.examples.size(); ++i) {
    const Prediction p = trained.head.Predict(test.embeddings.row(i));
    size += static_cast<double>(p.prediction_set.size());
    held += std::any_of(p.prediction_set.begin(), p.prediction_set.end(), [&](int label) {
      return trained.head.labels()[static_cast<size_t>(label)] == test.examples[i].label;
    });
  }
  const double n = static_cast<double>(test.examples.size());
  EXPECT_NEAR(held / n, kSetCoverage, 0.03);
  EXPECT_LT(size / n, 4);
  EXPECT_NEAR(size / n, trained.report.set_size, 0.5);
}

TEST(TrainHead, LearnsFromHintsWithoutCountingThem) {
  SyntheticWorld world(12, 32, 22);
  SyntheticSet set = world.Sample(2, 0, 2.5f);
  const SyntheticSet test = world.Sample(100, 0, 2.5f);
  ASSERT_OK_AND_ASSIGN(const TrainedHead without, Train(set));
  const SyntheticSet names = world.Sample(1, 0, 0.5f);
  for (size_t i = 0; i < names.examples.size(); ++i) {
    const auto row = names.embeddings.row(i);
    set.Add(names.examples[i].label, {row.begin(), row.end()});
    set.examples.back().hint = true;
  }
  ASSERT_OK_AND_ASSIGN(const TrainedHead with, Train(set));
  EXPECT_EQ(with.head.metadata().num_examples, 24);
  EXPECT_EQ(with.report.held_out, 24);
  EXPECT_EQ(with.head.calibration().size(), 24u);
  const auto accuracy = [&](const Head& head) {
    return *Evaluate(PredictAll(head, test.examples, test.embeddings), 0.2).in_scope_accuracy;
  };
  EXPECT_GT(accuracy(with.head), accuracy(without.head) + 0.05);
}

TEST(TrainHead, NamesExamplesThatLookWrong) {
  SyntheticWorld world(5, 24, 23);
  SyntheticSet set = world.Sample(40, 0);
  ASSERT_EQ(set.examples[7].label, "a");
  set.examples[7].label = "c";
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(set));
  ASSERT_EQ(trained.report.doubtful.size(), 1u);
  EXPECT_EQ(trained.report.doubtful[0].row, 7);
  EXPECT_EQ(trained.head.labels()[static_cast<size_t>(trained.report.doubtful[0].label)], "a");
  EXPECT_GE(trained.report.doubtful[0].probability, 0.9);
}

TEST(TrainHead, NeedsNoOutOfScopeExamples) {
  SyntheticWorld world(8, 32, 2);
  const SyntheticSet train = world.Sample(10, 0), test = world.Sample(50, 200);
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(train));
  EXPECT_LE(trained.head.metadata().threshold, 0.5);
  const Evaluation e = Evaluate(PredictAll(trained.head, test.examples, test.embeddings), 0.2);
  EXPECT_GT(*e.oos_auroc, 0.95);
  EXPECT_LT(*e.false_rejection, 0.1);
}

TEST(TrainHead, GivesTheSameBytesOnAnyThreadsInAnyOrder) {
  SyntheticWorld world(7, 50, 3);
  SyntheticSet set = world.Sample(30, 12);
  TrainOptions options;
  options.num_threads = 1;
  ASSERT_OK_AND_ASSIGN(const TrainedHead first, Train(set, options));
  const std::string bytes = first.head.Serialize();
  for (const int threads : {1, 2, 5}) {
    options.num_threads = threads;
    ASSERT_OK_AND_ASSIGN(const TrainedHead again, Train(set, options));
    EXPECT_EQ(again.head.Serialize(), bytes) << threads << " threads";
  }
  SyntheticSet reversed;
  for (size_t i = set.examples.size(); i-- > 0;) {
    const auto row = set.embeddings.row(i);
    reversed.Add(set.examples[i].label, {row.begin(), row.end()});
    reversed.examples.back().text = set.examples[i].text;
  }
  ASSERT_OK_AND_ASSIGN(const TrainedHead other, Train(reversed, options));
  EXPECT_EQ(other.head.Serialize(), bytes);
  EXPECT_EQ(other.head.Sha256(), first.head.Sha256());
}

TEST(TrainHead, TakesLabelsWithOneExampleAndRepeatedLines) {
  SyntheticWorld world(5, 16, 4);
  SyntheticSet set = world.Sample(6, 0, 0.4f);
  set.Add("single", world.Direction(16));
  set.Add("single twice", world.Direction(16));
  set.Add("single twice",
          {set.embeddings.row(set.embeddings.rows - 1).begin(), set.embeddings.row(set.embeddings.rows - 1).end()});
  set.examples.back().text = set.examples[set.examples.size() - 2].text;
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(set));
  EXPECT_EQ(trained.report.held_out, 30);  // the lonely texts cannot be held out
  const Prediction p = trained.head.Predict(set.embeddings.row(30));
  EXPECT_EQ(trained.head.labels()[p.label], "single");
}

TEST(TrainHead, TwoLabelsWithTwoExamplesAreEnough) {
  SyntheticWorld world(2, 16, 5);
  const SyntheticSet set = world.Sample(2, 0, 0.3f);
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(set));
  for (size_t i = 0; i < set.examples.size(); ++i) {
    const Prediction p = trained.head.Predict(set.embeddings.row(i));
    EXPECT_EQ(trained.head.labels()[p.label], set.examples[i].label);
    EXPECT_LT(p.probability, 0.999) << "four examples are no ground for certainty";
  }
}

TEST(TrainHead, SaysWhatIsWrongWithTheExamples) {
  SyntheticWorld world(3, 8, 6);
  EXPECT_THAT(Complaint({}), HasSubstr("no examples"));
  EXPECT_THAT(Complaint(world.Sample(0, 4)), HasSubstr("all 4 examples are out of scope"));
  SyntheticSet one;
  for (int i = 0; i < 5; ++i) one.Add("refund", world.Direction(8));
  one.Add("oos", world.Direction(8));
  EXPECT_THAT(Complaint(one), HasSubstr("every example in scope has the label \"refund\"; a head needs at least two"));
  EXPECT_THAT(Complaint(world.Sample(1, 3)), HasSubstr("no label has two different examples"));

  SyntheticSet broken = world.Sample(3, 0);
  broken.embeddings.values[4 * 8 + 3] = NAN;
  EXPECT_THAT(Complaint(broken),
              HasSubstr("the embedding of example 5, \"text 4\", holds a value that is not a number"));
  broken = world.Sample(3, 0);
  broken.examples.pop_back();
  EXPECT_THAT(Complaint(broken), HasSubstr("8 examples with 9 embeddings"));
}

TEST(TrainHead, ChecksItsOptions) {
  SyntheticWorld world(3, 8, 7);
  const SyntheticSet set = world.Sample(3, 0);
  TrainOptions options;
  options.inverse_regularization = 0;
  EXPECT_THAT(Complaint(set, options), HasSubstr("C is 0"));
  options = {};
  options.out_of_scope_share = 1;
  EXPECT_THAT(Complaint(set, options), HasSubstr("share of out-of-scope messages is 1"));
  options = {};
  options.folds = 1;
  EXPECT_THAT(Complaint(set, options), HasSubstr("1 folds, expected 2 to 100"));
}

// Labels drawn by lot: whoever does better than chance on held-out lines has seen them.
TEST(CrossValidate, FindsNothingWhereThereIsNothing) {
  SyntheticWorld world(1, 24, 8);
  SyntheticSet set;
  std::mt19937 random(8);
  for (int i = 0; i < 800; ++i) set.Add(random() % 2 == 0 ? "heads" : "tails", world.Direction(24));
  TrainOptions options;
  options.folds = 3;
  ASSERT_OK_AND_ASSIGN(const auto outcomes, CrossValidate(set.examples, set.embeddings, kSyntheticEncoder, 4, options));
  ASSERT_EQ(outcomes.size(), 800u);
  const Evaluation e = Evaluate(outcomes, 0.2);
  EXPECT_NEAR(*e.in_scope_accuracy, 0.5, 0.07);  // four standard deviations
  EXPECT_LT(*e.ece, 0.1) << "and the confidence should know it";
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(set, options));
  EXPECT_NEAR(trained.report.accuracy, 0.5, 0.07);
}

TEST(TrainHead, ReportsProgressThatRises) {
  SyntheticWorld world(4, 16, 9);
  const SyntheticSet set = world.Sample(8, 0);
  TrainOptions options;
  std::vector<double> fractions;
  options.progress = [&](std::string_view, double fraction) { fractions.push_back(fraction); };
  ASSERT_OK(Train(set, options));
  ASSERT_FALSE(fractions.empty());
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_GE(fractions.front(), 0);
  EXPECT_LE(fractions.back(), 1);
}

TEST(MakePrototypes, AreTheExamplesWhereTheyAreFewAndUnitCentresElsewhere) {
  SyntheticWorld world(3, 12, 10);
  const SyntheticSet set = world.Sample(30, 0);
  std::vector<int> rows, labels;
  for (int label = 0; label < 3; ++label) {
    for (int i = 0; i < (label == 0 ? 4 : 30); ++i) {
      rows.push_back(label * 30 + i);
      labels.push_back(label);
    }
  }
  ThreadPool pool(2);
  const Prototypes prototypes = MakePrototypes(set.embeddings, rows, labels, 4, Prototypes::kPerLabel, pool);
  EXPECT_EQ(prototypes.count, (std::vector<int>{4, 5, 5, 0}));  // nobody has label 3
  ASSERT_EQ(prototypes.vectors.size(), 14u * 12);
  for (size_t i = 0; i < 14; ++i) {
    const std::span<const float> v(prototypes.vectors.data() + i * 12, 12);
    EXPECT_NEAR(std::inner_product(v.begin(), v.end(), v.begin(), 0.0), 1, 1e-5);
  }
  EXPECT_NEAR(NearestPrototype(prototypes, set.embeddings.row(0)), 1, 1e-6);
  std::vector<float> longer(set.embeddings.row(0).begin(), set.embeddings.row(0).end());
  for (float& v : longer) v *= 7;
  EXPECT_NEAR(NearestPrototype(prototypes, longer), 1, 1e-6);
  EXPECT_EQ(NearestPrototype({}, longer), -1);
}

TEST(MakePrototypes, StandsEqualPoints) {
  EmbeddingMatrix same{20, 3, std::vector<float>(60, 0.5f)};
  std::vector<int> rows(20), labels(20, 0);
  std::iota(rows.begin(), rows.end(), 0);
  ThreadPool pool(1);
  const Prototypes prototypes = MakePrototypes(same, rows, labels, 1, Prototypes::kPerLabel, pool);
  for (float v : prototypes.vectors) EXPECT_TRUE(std::isfinite(v));
  EXPECT_NEAR(NearestPrototype(prototypes, same.row(0)), 1, 1e-6);
}

// Nearer to the routes never lowers P(in scope), nearer to what is out of scope never raises it, whatever the examples
// were.
TEST(FitScopeScorer, EachSignPointsItsOwnWay) {
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  std::vector<ScopeFeatures> in_scope, out_of_scope;
  for (int i = 0; i < 200; ++i)
    in_scope.push_back({8 + normal(random), 0.6 + 0.1 * normal(random), 0.6, 30 + normal(random)});
  for (int i = 0; i < 60; ++i)
    out_of_scope.push_back(
        {4 + normal(random), 0.9 + 0.1 * normal(random), 0.2, 40 + normal(random)});  // the last three mislead
  for (const double share : {0.05, 0.2, 0.5}) {
    const ScopeScorer scorer = FitScopeScorer(in_scope, out_of_scope, share);
    EXPECT_GT(scorer.InScope({8, 0.6, 0.6, 30}), scorer.InScope({4, 0.6, 0.6, 30}));
    EXPECT_GE(scorer.InScope({6, 0.8, 0.6, 30}), scorer.InScope({6, 0.4, 0.6, 30}));
    EXPECT_LE(scorer.InScope({6, 0.6, 0.9, 30}), scorer.InScope({6, 0.6, 0.1, 30}));
    EXPECT_GE(scorer.InScope({6, 0.6, 0.6, 35}), scorer.InScope({6, 0.6, 0.6, 25}));
  }
  EXPECT_GT(FitScopeScorer(in_scope, {}, 0.05).InScope({5, 0.4, -1, 28}),
            FitScopeScorer(in_scope, {}, 0.5).InScope({5, 0.4, -1, 28}));
}

}  // namespace
}  // namespace bantam
