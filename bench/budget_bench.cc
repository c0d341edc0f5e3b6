// Does an error budget hold, and how much is answered under it?
//
//   tools/build.sh release bantam_budget_bench
//   build/release/bantam_budget_bench HEAD LINES.jsonl [RESAMPLES=1000] [MESSAGES=2000]     JSON lines
//
// The labelled lines of the file, none of which the head was trained on, are taken for all the messages that there are,
// so that the true error of a threshold is known. Each resample draws MESSAGES of them with replacement, and the budget
// is certified on those. The same for scores that others use in place of the head's confidence, and for the naive
// threshold: the laxest at which the resample itself keeps the budget.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "learn/head.h"

namespace bantam {
namespace {

struct Score {
  const char* name;
  double (*of)(const Prediction&);
};

double SecondProbability(const Prediction& p) { return p.ranking.size() > 1 ? p.ranking[1].probability : 0; }
// 1 for certainty, of the probabilities that a prediction ranks.
double Certainty(const Prediction& p) {
  double entropy = 0;
  for (const ScoredLabel& label : p.ranking) {
    if (label.probability > 0) entropy -= label.probability * std::log(label.probability);
  }
  return 1 - entropy / std::log(static_cast<double>(p.ranking.size()));
}

const Score kScores[] = {
    {"confidence", [](const Prediction& p) -> double { return p.confidence; }},
    {"largest probability", [](const Prediction& p) -> double { return p.probability; }},
    {"margin", [](const Prediction& p) -> double { return p.probability - SecondProbability(p); }},
    {"entropy", Certainty},
};

// All messages, from sure to unsure, and the errors among the first i.
class Population {
 public:
  explicit Population(std::vector<CalibrationPoint> points) : points_(std::move(points)) {
    std::vector<CalibrationPoint> sorted = points_;
    std::ranges::sort(sorted, [](const auto& a, const auto& b) { return a.confidence > b.confidence; });
    for (const CalibrationPoint& point : sorted) {
      confidences_.push_back(point.confidence);
      errors_.push_back(errors_.back() + (point.right ? 0 : 1));
    }
  }
  struct Outcome {
    double answered = 0, error = 0;
  };
  Outcome At(double threshold) const {
    const auto end = std::ranges::partition_point(confidences_, [&](double c) { return c >= threshold; });
    const auto n = static_cast<size_t>(end - confidences_.begin());
    if (n == 0) return {};
    return {static_cast<double>(n) / static_cast<double>(points_.size()),
            static_cast<double>(errors_[n]) / static_cast<double>(n)};
  }
  const std::vector<CalibrationPoint>& points() const { return points_; }

 private:
  std::vector<CalibrationPoint> points_;
  std::vector<double> confidences_;
  std::vector<int> errors_ = {0};
};

double NaiveThreshold(std::vector<CalibrationPoint> points, double max_error) {
  std::ranges::sort(points, [](const auto& a, const auto& b) { return a.confidence > b.confidence; });
  double threshold = std::numeric_limits<double>::infinity();
  int errors = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    errors += points[i].right ? 0 : 1;
    if (errors <= max_error * static_cast<double>(i + 1)) threshold = points[i].confidence;
  }
  return threshold;
}

struct Tally {
  int broken = 0, refused = 0;
  double answered = 0, error = 0, highest_error = 0;

  void Add(const Population::Outcome& outcome, double max_error) {
    broken += outcome.error > max_error;
    refused += outcome.answered == 0;
    answered += outcome.answered;
    error += outcome.error;
    highest_error = std::max(highest_error, outcome.error);
  }
};

void Print(const char* score, const char* threshold, const ErrorBudget& budget, const Tally& tally, int resamples) {
  fmt::print(
      R"({{"score": "{}", "threshold": "{}", "max_error": {}, "delta": {}, "broken": {:.4f}, "refused": {:.4f}, "answered": {:.4f}, "error": {:.5f}, "highest_error": {:.5f}}})"
      "\n",
      score, threshold, budget.max_error, budget.delta, tally.broken / double(resamples),
      tally.refused / double(resamples), tally.answered / resamples, tally.error / resamples, tally.highest_error);
}

Result<std::vector<Prediction>> Predict(const Head& head, std::span<const LabelledText> messages) {
  BANTAM_TRY(const WeightType type, ParseWeightType(head.metadata().encoder.weight_type));
  BANTAM_TRY(const auto embedder, Embedder::Load(head.metadata().encoder.model, {.weight_type = type}));
  BANTAM_RETURN_IF_ERROR(head.CheckEncoder(IdentityOf(*embedder)));
  std::vector<std::string> texts;
  for (const LabelledText& message : messages) texts.push_back(message.text);
  BANTAM_TRY(const HeadVectors embedded, EmbedForHead(*embedder, texts, {}, {}));
  std::vector<Prediction> predictions;
  for (size_t i = 0; i < texts.size(); ++i) predictions.push_back(head.Predict(embedded.vectors.row(i)));
  return predictions;
}

Status Run(const char* head_path, const char* data_path, int resamples, int messages) {
  BANTAM_TRY(const Head head, Head::Load(head_path));
  BANTAM_TRY(const std::vector<LabelledText> lines, ReadExamples(data_path));
  BANTAM_TRY(const std::vector<Prediction> predictions, Predict(head, lines));
  for (const Score& score : kScores) {
    std::vector<CalibrationPoint> points;
    for (size_t i = 0; i < lines.size(); ++i) {
      const Prediction& p = predictions[i];
      points.push_back(
          {p.label, static_cast<float>(score.of(p)), head.labels()[static_cast<size_t>(p.label)] == lines[i].label});
    }
    const Population population(std::move(points));
    for (const double max_error : {0.01, 0.02, 0.05, 0.1}) {
      const ErrorBudget budget{.max_error = max_error, .delta = 0.05};
      std::mt19937 random(1);
      std::uniform_int_distribution<size_t> any(0, lines.size() - 1);
      Tally certified, naive;
      for (int i = 0; i < resamples; ++i) {
        std::vector<CalibrationPoint> drawn;
        for (int j = 0; j < messages; ++j) drawn.push_back(population.points()[any(random)]);
        certified.Add(population.At(Certify(drawn, budget).threshold), max_error);
        naive.Add(population.At(NaiveThreshold(std::move(drawn), max_error)), max_error);
      }
      Print(score.name, "certified", budget, certified, resamples);
      Print(score.name, "naive", budget, naive, resamples);
    }
  }
  return Ok();
}

}  // namespace
}  // namespace bantam

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bantam_budget_bench HEAD LINES.jsonl [RESAMPLES] [MESSAGES]\n");
    return 64;
  }
  const int resamples = argc > 3 ? std::atoi(argv[3]) : 1000, messages = argc > 4 ? std::atoi(argv[4]) : 2000;
  const bantam::Status done = bantam::Run(argv[1], argv[2], resamples, messages);
  if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
