#include "learn/softmax_regression.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "base/testing.h"
#include "learn/golden_values.h"
#include "learn/lbfgs.h"
#include "learn/vector_math.h"

namespace bantam {
namespace {

using testing::GoldenValues;

struct Problem {
  EmbeddingMatrix x;
  std::vector<int> rows, labels;
  int num_labels;
};

// Rows in an odd order, a few left out: what a fold looks like.
Problem RandomProblem(size_t n, size_t dimensions, int num_labels, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Problem p{{n, dimensions, {}}, {}, {}, num_labels};
  for (size_t i = 0; i < n * dimensions; ++i) p.x.values.push_back(normal(random));
  for (size_t i = 0; i < n; ++i) {
    if (random() % 10 == 0) continue;
    p.rows.push_back(static_cast<int>(i));
    p.labels.push_back(static_cast<int>(random() % static_cast<uint32_t>(num_labels)));
  }
  std::reverse(p.rows.begin(), p.rows.end());
  return p;
}

SoftmaxOptions Options(int max_iterations, const SoftmaxModel* start = nullptr, double inverse_regularization = 10,
                       double tolerance = 1e-6) {
  SoftmaxOptions options;
  options.max_iterations = max_iterations;
  options.start = start;
  options.inverse_regularization = inverse_regularization;
  options.tolerance = tolerance;
  return options;
}

const Kernels& AnyKernels() {
  static const Kernels* kernels = SelectKernels().value();
  return *kernels;
}

// The loss as its definition reads, in double.
double PlainLoss(const Problem& p, std::span<const double> parameters, double c) {
  const size_t d = p.x.columns;
  double loss = 0, squares = 0;
  for (size_t i = 0; i < p.rows.size(); ++i) {
    std::vector<double> z(p.num_labels);
    for (int k = 0; k < p.num_labels; ++k) {
      const double* w = parameters.data() + k * (d + 1);
      z[k] = w[d];
      for (size_t j = 0; j < d; ++j) z[k] += w[j] * p.x.row(p.rows[i])[j];
    }
    const double largest = *std::max_element(z.begin(), z.end());
    double sum = 0;
    for (double v : z) sum += std::exp(v - largest);
    loss += std::log(sum) + largest - z[p.labels[i]];
  }
  for (int k = 0; k < p.num_labels; ++k) {
    for (size_t j = 0; j < d; ++j) squares += parameters[k * (d + 1) + j] * parameters[k * (d + 1) + j];
  }
  const double n = static_cast<double>(p.rows.size());
  return loss / n + squares / (2 * c * n);
}

// Odd sizes: one row, less than a chunk, several chunks with a rest, dimensions that are no multiple of a panel.
TEST(SoftmaxLoss, ValueAndGradientAreThoseOfTheDefinition) {
  ThreadPool pool(2);
  struct Size {
    size_t n, d;
    int k;
  };
  for (const Size size : {Size{2, 3, 2}, Size{40, 7, 3}, Size{300, 65, 5}, Size{700, 130, 9}}) {
    const Problem p = RandomProblem(size.n, size.d, size.k, 5);
    SoftmaxLoss loss(p.x, p.rows, p.labels, p.num_labels, 2.0, AnyKernels(), pool);
    ASSERT_EQ(loss.num_parameters(), size.k * (size.d + 1));
    std::mt19937 random(9);
    std::normal_distribution<double> normal(0, 0.2);
    std::vector<double> parameters(loss.num_parameters()), gradient(loss.num_parameters());
    for (double& v : parameters) v = static_cast<float>(normal(random));  // exact in the f32 of the products
    const double value = loss.Evaluate(parameters, gradient);
    EXPECT_NEAR(value, PlainLoss(p, parameters, 2.0), 2e-6 * std::abs(value));
    for (size_t i = 0; i < parameters.size(); i += 1 + parameters.size() / 37) {
      constexpr double kStep = 1e-5;
      std::vector<double> moved = parameters;
      moved[i] += kStep;
      const double up = PlainLoss(p, moved, 2.0);
      moved[i] -= 2 * kStep;
      EXPECT_NEAR(gradient[i], (up - PlainLoss(p, moved, 2.0)) / (2 * kStep), 3e-6)
          << size.n << " rows, parameter " << i;
    }
  }
}

TEST(SoftmaxLoss, FarLogitsStayFinite) {
  Problem p = RandomProblem(50, 4, 3, 1);
  ThreadPool pool(1);
  SoftmaxLoss loss(p.x, p.rows, p.labels, p.num_labels, 10, AnyKernels(), pool);
  std::vector<double> parameters(loss.num_parameters()), gradient(loss.num_parameters());
  for (size_t i = 0; i < parameters.size(); ++i) parameters[i] = i % 2 == 0 ? 3e4 : -3e4;
  EXPECT_TRUE(std::isfinite(loss.Evaluate(parameters, gradient)));
  EXPECT_TRUE(std::all_of(gradient.begin(), gradient.end(), [](double g) { return std::isfinite(g); }));
}

TEST(FitSoftmax, HasTheSameBitsOnAnyNumberOfThreads) {
  const Problem p = RandomProblem(6000, 48, 11, 3);
  std::vector<float> first;
  for (const int threads : {1, 2, 3, 7, 16}) {
    ThreadPool pool(threads);
    const SoftmaxFit fit = FitSoftmax(p.x, p.rows, p.labels, p.num_labels, Options(25), AnyKernels(), pool);
    if (first.empty()) first = fit.model.weights;
    EXPECT_EQ(fit.model.weights, first) << threads << " threads";
  }
}

TEST(FitSoftmax, AStartNearTheSolutionLeadsToTheSameSolution) {
  const Problem p = RandomProblem(400, 20, 4, 8);
  ThreadPool pool(2);
  const SoftmaxFit cold = FitSoftmax(p.x, p.rows, p.labels, p.num_labels, {}, AnyKernels(), pool);
  ASSERT_TRUE(cold.converged);
  SoftmaxModel start = cold.model;
  for (float& w : start.weights) w *= 1.1f;
  const SoftmaxFit warm = FitSoftmax(p.x, p.rows, p.labels, p.num_labels, Options(200, &start), AnyKernels(), pool);
  EXPECT_TRUE(warm.converged);
  EXPECT_LT(warm.iterations, cold.iterations);
  EXPECT_LT(testing::MaxAbsDifference(cold.model.weights, warm.model.weights), 1e-3);
}

// Logits are free up to a constant of each row; scikit-learn centres them, and so do we here.
void CompareWithScikitLearn(const GoldenValues& golden, const std::string& set, const std::string& c) {
  SCOPED_TRACE(set + c);
  const EmbeddingMatrix x = golden.Matrix(set + "x"), test = golden.Matrix(set + "test");
  const std::vector<int> labels = golden.Ints(set + "labels");
  const std::vector<float> logits = golden.Floats(set + c + "/logits"),
                           expected = golden.Floats(set + c + "/probabilities");
  const auto num_labels = static_cast<size_t>(*std::max_element(labels.begin(), labels.end()) + 1);
  ASSERT_EQ(expected.size(), test.rows * num_labels);
  std::vector<int> rows(x.rows);
  std::iota(rows.begin(), rows.end(), 0);
  ThreadPool pool(2);
  const SoftmaxFit fit = FitSoftmax(x, rows, labels, static_cast<int>(num_labels),
                                    Options(500, nullptr, std::stod(c), 1e-7), AnyKernels(), pool);
  EXPECT_TRUE(fit.converged);
  double worst_logit = 0, worst_probability = 0;
  for (size_t i = 0; i < test.rows; ++i) {
    std::vector<float> z(num_labels);
    Logits(fit.model, test.row(i), z);
    const std::span<const float> reference(logits.data() + i * num_labels, num_labels);
    const double shift = std::accumulate(z.begin(), z.end(), 0.0) / static_cast<double>(num_labels) -
                         std::accumulate(reference.begin(), reference.end(), 0.0) / static_cast<double>(num_labels);
    const double largest = *std::max_element(z.begin(), z.end());
    double sum = 0;
    for (float v : z) sum += std::exp(v - largest);
    for (size_t k = 0; k < num_labels; ++k) {
      worst_logit = std::max(worst_logit, std::abs(z[k] - shift - reference[k]));
      worst_probability =
          std::max(worst_probability, std::abs(std::exp(z[k] - largest) / sum - expected[i * num_labels + k]));
    }
    const auto best = std::max_element(z.begin(), z.end()) - z.begin();
    EXPECT_EQ(best, std::max_element(reference.begin(), reference.end()) - reference.begin()) << "row " << i;
  }
  EXPECT_LT(worst_logit, 1e-3);
  EXPECT_LT(worst_probability, 1e-3);
}

TEST(FitSoftmax, AgreesWithScikitLearn) {
  ASSERT_OK_AND_ASSIGN(const GoldenValues golden, GoldenValues::Open());
  CompareWithScikitLearn(golden, "blobs/", "10");
  CompareWithScikitLearn(golden, "blobs/", "0.5");
  CompareWithScikitLearn(golden, "real/", "10");
}

TEST(MinimizeLbfgs, FindsTheMinimumOfAnIllConditionedBowl) {
  constexpr size_t kSize = 50;
  std::vector<double> x(kSize, 3.0);
  const LbfgsResult result = MinimizeLbfgs(
      [](std::span<const double> at, std::span<double> gradient) {
        double value = 1;
        for (size_t i = 0; i < at.size(); ++i) {
          const double scale = std::pow(10.0, static_cast<double>(i) / 12), from = at[i] - static_cast<double>(i);
          gradient[i] = scale * from;
          value += 0.5 * scale * from * from;
        }
        return value;
      },
      x, {.max_iterations = 2000, .tolerance = 5e-7, .value_noise = 0, .progress = {}});  // scipy's takes 874
  EXPECT_TRUE(result.converged);
  EXPECT_NEAR(result.value, 1, 1e-12);
  for (size_t i = 0; i < kSize; ++i) EXPECT_NEAR(x[i], static_cast<double>(i), 1e-6);
}

TEST(MinimizeLbfgs, StopsWhereTheFunctionIsNotANumber) {
  std::vector<double> x = {1};
  const LbfgsResult result = MinimizeLbfgs(
      [](std::span<const double> at, std::span<double> gradient) {
        gradient[0] = 1;
        return at[0] == 1 ? 0.0 : NAN;
      },
      x, {});
  EXPECT_FALSE(result.converged);
  EXPECT_EQ(x[0], 1);
}

TEST(ExpF, IsExpToTwoUnitsInTheLastPlace) {
  for (double x = 0; x > -86; x -= 0.00371) {
    const auto given = static_cast<float>(x);
    EXPECT_NEAR(ExpF(given) / std::exp(static_cast<double>(given)), 1, 2.4e-7) << x;
  }
  EXPECT_EQ(ExpF(0), 1);
  EXPECT_EQ(ExpF(-100), 0);
  EXPECT_EQ(ExpF(-INFINITY), 0);
}

}  // namespace
}  // namespace bantam
