// Early exits: the measurement's promise, and heads that keep it.
#include "learn/early_exit.h"

#include <gmock/gmock.h>

#include <random>

#include "base/testing.h"
#include "learn/head_judge.h"
#include "learn/synthetic_set.h"

namespace bantam {
namespace {

using ::testing::HasSubstr;
using testing::kSyntheticEncoder;
using testing::SyntheticSet;
using testing::SyntheticWorld;

// Texts of which a known share at each certainty disagrees.
ExitTrace Draw(std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(0, 1);
  ExitTrace trace;
  for (int exit = 0; exit < 2; ++exit) {
    const double certainty = 1 - std::pow(uniform(random), 3);
    trace.certainty.push_back(certainty);
    trace.agrees.push_back(uniform(random) < certainty);
  }
  return trace;
}

double Disagreement(const std::vector<ExitTrace>& traces, double certainty) {
  double wrong = 0;
  for (const ExitTrace& trace : traces) {
    const int exit = ExitOf(trace, certainty);
    wrong += exit >= 0 && !trace.agrees[static_cast<size_t>(exit)];
  }
  return wrong / static_cast<double>(traces.size());
}

// Measured on one sample, the bound holds for the population in at least 95 % of samples.
TEST(MeasureExits, BoundsWhatOthersOfTheSameKindWillSee) {
  std::mt19937 random(7);
  std::vector<ExitTrace> population;
  for (int i = 0; i < 100000; ++i) population.push_back(Draw(random));
  constexpr int kSamples = 200;
  constexpr double kWanted = 0.01;
  int kept = 0, used = 0;
  for (int sample = 0; sample < kSamples; ++sample) {
    std::vector<ExitTrace> held_out;
    for (int i = 0; i < 2000; ++i) held_out.push_back(Draw(random));
    ExitPlan plan;
    plan.heads.resize(2);
    plan.levels = MeasureExits(held_out, 0.05);
    const auto certainty = plan.CertaintyFor(kWanted);
    used += certainty.has_value();
    kept += !certainty || Disagreement(population, *certainty) <= kWanted;
  }
  EXPECT_GE(kept, kSamples * 93 / 100);  // 95 % but for the luck of 200 draws
  EXPECT_GE(used, kSamples / 2);         // by doing nothing it would hold too
}

TEST(MeasureExits, NeverFallsAndStopsAtTheHighest) {
  std::mt19937 random(8);
  std::vector<ExitTrace> held_out;
  for (int i = 0; i < 3000; ++i) held_out.push_back(Draw(random));
  const std::vector<ExitLevel> levels = MeasureExits(held_out, 0.03);
  ASSERT_FALSE(levels.empty());
  for (size_t i = 0; i < levels.size(); ++i) {
    EXPECT_LE(levels[i].disagreement, 0.03);
    if (i > 0) {
      EXPECT_LT(levels[i].certainty, levels[i - 1].certainty);
      EXPECT_GE(levels[i].disagreement, levels[i - 1].disagreement);
    }
  }
  // An out-of-scope text that an exit accepts counts among its own kind.
  held_out.push_back({.out_of_scope = true, .certainty = {0.99995, 0}, .agrees = {false, false}});
  EXPECT_THAT(MeasureExits(held_out, 0.03), ::testing::IsEmpty());
}

// The last layer's vectors, and those of earlier layers, which are the same points with more noise.
struct LayeredSet {
  SyntheticSet set;
  std::vector<LayerVectors> layers;
};

LayeredSet Sample(SyntheticWorld& world, int per_label, int out_of_scope, uint32_t seed) {
  LayeredSet out{world.Sample(per_label, out_of_scope, 0.5f), {}};
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (const auto& [layer, noise] : {std::pair{1, 0.12f}, std::pair{2, 0.05f}}) {
    LayerVectors vectors{layer, out.set.embeddings};
    size_t column = 0;
    for (float& v : vectors.vectors.values) {
      v += noise * normal(random);
      // A cone and a loud dimension, as earlier layers have.
      if (column == 0) v += 3;
      if (column == 1) v *= 5;
      column = (column + 1) % vectors.vectors.columns;
    }
    out.layers.push_back(std::move(vectors));
  }
  return out;
}

constexpr int kNumLayers = 4;

struct Outcome {
  double disagreement = 0, exited = 0, strangers_exited = 0;
};

Outcome Decide(const Head& head, const LayeredSet& data, double wanted) {
  Outcome outcome;
  double in_scope = 0, strangers = 0;
  const auto certainty = head.exits().CertaintyFor(wanted);
  for (size_t i = 0; i < data.set.examples.size(); ++i) {
    const std::vector<bool> any;
    HeadJudge judge(head, certainty, any);
    for (const LayerVectors& layer : data.layers) {
      if (judge.Wants(layer.layer) && judge.Finished(layer.layer, layer.vectors.row(i))) break;
    }
    const Prediction full = head.Predict(data.set.embeddings.row(i));
    const bool stranger = data.set.examples[i].label == kOutOfScopeLabel;
    (stranger ? strangers : in_scope) += 1;
    if (judge.exit_layer() == 0) continue;
    EXPECT_TRUE(judge.prediction().accepted);
    const bool agrees = full.accepted && full.label == judge.prediction().label;
    if (stranger) {
      outcome.strangers_exited += !agrees;
    } else {
      outcome.exited += 1;
      outcome.disagreement += !agrees;
    }
  }
  outcome.disagreement /= in_scope;
  outcome.exited /= in_scope;
  outcome.strangers_exited /= std::max(1.0, strangers);
  return outcome;
}

class EarlyExit : public ::testing::Test {
 protected:
  static Result<TrainedHead> Train(const LayeredSet& data, const TrainOptions& options = OnThreads(0)) {
    return TrainHead(data.set.examples, data.set.embeddings, kSyntheticEncoder, options, data.layers, kNumLayers);
  }
  static TrainOptions OnThreads(int threads) {
    TrainOptions options;
    options.num_threads = threads;
    options.max_disagreement = 0.005;  // which 600 examples can show
    return options;
  }
  SyntheticWorld world_{8, 32, 11};
};

TEST_F(EarlyExit, DecidesMostTextsEarlyAndAsAllLayersDo) {
  const LayeredSet train = Sample(world_, 150, 60, 1), test = Sample(world_, 300, 500, 2);
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(train));
  ASSERT_FALSE(trained.head.exits().heads.empty());
  const Outcome outcome = Decide(trained.head, test, 0.01);
  EXPECT_GT(outcome.exited, 0.3);
  EXPECT_LE(outcome.disagreement, 0.01);
  EXPECT_LE(outcome.strangers_exited, 0.02);
  EXPECT_EQ(Decide(trained.head, test, 0).exited, 0) << "nothing is promised to be without any disagreement";
}

TEST_F(EarlyExit, LeavesTheHeadItselfAsItIs) {
  const LayeredSet train = Sample(world_, 150, 60, 3);
  ASSERT_OK_AND_ASSIGN(const TrainedHead with, Train(train));
  ASSERT_OK_AND_ASSIGN(const TrainedHead without,
                       TrainHead(train.set.examples, train.set.embeddings, kSyntheticEncoder, {}));
  EXPECT_EQ(with.head.metadata().threshold, without.head.metadata().threshold);
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(with.head.Predict(train.set.embeddings.row(i)).confidence,
              without.head.Predict(train.set.embeddings.row(i)).confidence);
  }
  EXPECT_TRUE(without.head.exits().heads.empty());
}

TEST_F(EarlyExit, IsTheSameBytesOnAnyThreadsAndReadsBack) {
  const LayeredSet train = Sample(world_, 120, 40, 4);
  ASSERT_OK_AND_ASSIGN(const TrainedHead one, Train(train, OnThreads(1)));
  ASSERT_OK_AND_ASSIGN(const TrainedHead three, Train(train, OnThreads(3)));
  const std::string bytes = one.head.Serialize();
  EXPECT_EQ(three.head.Serialize(), bytes);
  const testing::TempFolder folder;
  ASSERT_OK(one.head.Save(folder.path() / "head.safetensors"));
  ASSERT_OK_AND_ASSIGN(const Head read, Head::Load(folder.path() / "head.safetensors"));
  EXPECT_EQ(read.Serialize(), bytes);
  EXPECT_EQ(read.exits().heads.size(), one.head.exits().heads.size());
}

TEST_F(EarlyExit, NeedsEnoughExamples) {
  const LayeredSet train = Sample(world_, 10, 10, 5);
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(train));
  EXPECT_FALSE(trained.report.enough_for_exits);
  EXPECT_TRUE(trained.head.exits().heads.empty());
}

TEST_F(EarlyExit, SaysWhatIsWrongWithTheLayers) {
  LayeredSet train = Sample(world_, 20, 0, 6);
  std::swap(train.layers[0].layer, train.layers[1].layer);
  EXPECT_THAT(Train(train).error().message, HasSubstr("expected 160 x 32 of ascending layers below 4"));
  std::swap(train.layers[0].layer, train.layers[1].layer);
  train.layers[1].vectors.values[7] = NAN;
  EXPECT_THAT(Train(train).error().message, HasSubstr("a vector of layer 2 holds a value that is not a number"));
  TrainOptions loose;
  loose.max_disagreement = 0.5;
  EXPECT_THAT(Train(Sample(world_, 20, 0, 6), loose).error().message,
              HasSubstr("expected a number above 0 and at most 0.05"));
}

TEST_F(EarlyExit, AsksNoExitForALabelThatIsNotToBeAccepted) {
  const LayeredSet train = Sample(world_, 150, 60, 7);
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(train));
  const std::vector<bool> none(8, false), any;
  const auto certainty = trained.head.exits().CertaintyFor(0.02);
  ASSERT_TRUE(certainty);
  int with = 0;
  for (size_t i = 0; i < 100; ++i) {
    for (const LayerVectors& layer : train.layers) {
      HeadJudge open(trained.head, certainty, any), closed(trained.head, certainty, none);
      if (!open.Wants(layer.layer)) continue;
      with += open.Finished(layer.layer, layer.vectors.row(i));
      EXPECT_FALSE(closed.Finished(layer.layer, layer.vectors.row(i)));
    }
  }
  EXPECT_GT(with, 20);
  HeadJudge off(trained.head, std::nullopt, any);
  EXPECT_FALSE(off.Wants(1) || off.Wants(2) || off.Wants(3));
}

TEST_F(EarlyExit, OfNumbersThatAreNotFiniteGoesOn) {
  const LayeredSet train = Sample(world_, 150, 60, 8);
  ASSERT_OK_AND_ASSIGN(const TrainedHead trained, Train(train));
  const std::vector<bool> any;
  HeadJudge judge(trained.head, 0.0, any);
  EXPECT_FALSE(judge.Finished(trained.head.exits().heads[0].layer, std::vector<float>(32, NAN)));
}

TEST(ParseDisagreement, TakesPercentagesAndOff) {
  EXPECT_EQ(*ParseDisagreement("off"), 0);
  EXPECT_DOUBLE_EQ(*ParseDisagreement("0.5%"), 0.005);
  EXPECT_DOUBLE_EQ(*ParseDisagreement("5%"), 0.05);
  for (const char* bad : {"", "%", "0.5", "0%", "-1%", "6%", "nan%", "1 %", "on"}) {
    EXPECT_FALSE(ParseDisagreement(bad)) << bad;
  }
}

TEST(ExitLayers, AreAllButTheLastTwoOrSixOfThem) {
  EXPECT_EQ(ExitLayers(6), (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(ExitLayers(12), (std::vector<int>{1, 3, 5, 6, 8, 10}));
  EXPECT_THAT(ExitLayers(2), ::testing::IsEmpty());
  EXPECT_THAT(ExitLayers(0), ::testing::IsEmpty());
}

}  // namespace
}  // namespace bantam
