#include "learn/discriminant.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "base/testing.h"

namespace bantam {
namespace {

using Matrix = std::vector<std::vector<double>>;

// x^T a^-1 x by elimination.
double Distance(Matrix a, const std::vector<double>& x) {
  std::vector<double> y = x;
  const size_t n = x.size();
  for (size_t p = 0; p < n; ++p) {
    for (size_t r = p + 1; r < n; ++r) {
      const double f = a[r][p] / a[p][p];
      for (size_t c = p; c < n; ++c) a[r][c] -= f * a[p][c];
      y[r] -= f * y[p];
    }
  }
  double sum = 0;
  for (size_t p = n; p-- > 0;) {
    for (size_t c = p + 1; c < n; ++c) y[p] -= a[p][c] * y[c];
    y[p] /= a[p][p];
  }
  for (size_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

struct Sample {
  EmbeddingMatrix vectors;
  std::vector<int> rows, labels;
};

// Labels of 20, 10 and 5 rows about means of their own.
Sample ThreeLabels(size_t d) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  Sample sample{{0, d, {}}, {}, {}};
  const int sizes[] = {20, 10, 5};
  for (int label = 0; label < 3; ++label) {
    for (int i = 0; i < sizes[label]; ++i) {
      for (size_t j = 0; j < d; ++j)
        sample.vectors.values.push_back((j == static_cast<size_t>(label) ? 3.0f : 0.5f) + normal(random));
      sample.rows.push_back(static_cast<int>(sample.vectors.rows++));
      sample.labels.push_back(label);
    }
  }
  return sample;
}

// The two distances of their definition, each by a matrix of its own.
double ByDefinition(const Sample& sample, std::span<const float> x) {
  const size_t d = sample.vectors.columns, n = sample.rows.size();
  std::vector<double> all(d), counts(3);
  Matrix means(3, std::vector<double>(d)), within(d, std::vector<double>(d)), total;
  for (size_t i = 0; i < n; ++i) {
    const auto label = static_cast<size_t>(sample.labels[i]);
    counts[label] += 1;
    for (size_t j = 0; j < d; ++j) {
      all[j] += sample.vectors.row(i)[j] / static_cast<double>(n);
      means[label][j] += sample.vectors.row(i)[j];
    }
  }
  for (size_t c = 0; c < 3; ++c) {
    for (double& m : means[c]) m /= counts[c];
  }
  for (size_t i = 0; i < n; ++i) {
    const auto& mean = means[static_cast<size_t>(sample.labels[i])];
    for (size_t a = 0; a < d; ++a) {
      for (size_t b = 0; b < d; ++b)
        within[a][b] +=
            (sample.vectors.row(i)[a] - mean[a]) * (sample.vectors.row(i)[b] - mean[b]) / (static_cast<double>(n) - 3);
    }
  }
  double variance = 0;
  for (size_t j = 0; j < d; ++j) variance += within[j][j] / static_cast<double>(d);
  const double shrinkage = static_cast<double>(d) / static_cast<double>(n + d);
  for (size_t a = 0; a < d; ++a) {
    for (size_t b = 0; b < d; ++b) within[a][b] = within[a][b] * (1 - shrinkage) + (a == b ? shrinkage * variance : 0);
  }
  total = within;
  for (size_t c = 0; c < 3; ++c) {
    for (size_t a = 0; a < d; ++a) {
      for (size_t b = 0; b < d; ++b)
        total[a][b] += counts[c] / static_cast<double>(n) * (means[c][a] - all[a]) * (means[c][b] - all[b]);
    }
  }
  const auto away = [&](const std::vector<double>& from) {
    std::vector<double> out(d);
    for (size_t j = 0; j < d; ++j) out[j] = x[j] - from[j];
    return out;
  };
  double nearest = INFINITY;
  for (const auto& mean : means) nearest = std::min(nearest, Distance(within, away(mean)));
  return Distance(total, away(all)) - nearest;
}

TEST(Discriminant, IsTheDifferenceOfTwoMahalanobisDistances) {
  const Sample sample = ThreeLabels(6);
  ASSERT_OK_AND_ASSIGN(const Kernels* kernels, SelectKernels());
  ThreadPool pool(2);
  const Discriminant found = FitDiscriminant(sample.vectors, sample.rows, sample.labels, 3, *kernels, pool);
  for (const std::vector<float>& x : {std::vector<float>{3, 0, 0, 0, 0, 0},
                                      {0, 0, 3, 1, 0, 0},
                                      {0.5, 0.5, 0.5, 0.5, 0.5, 0.5},
                                      {-4, 2, -3, 5, 1, -2}}) {
    const double expected = ByDefinition(sample, x);
    EXPECT_NEAR(NearestRoute(found, x), expected, 1e-4 * (1 + std::abs(expected)));
  }
}

// Fewer rows than dimensions, some of them equal, and a label of one row.
TEST(Discriminant, StandsFewExamples) {
  const EmbeddingMatrix vectors{4, 8, {1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  //
                                       0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}};
  ASSERT_OK_AND_ASSIGN(const Kernels* kernels, SelectKernels());
  ThreadPool pool(1);
  const Discriminant found =
      FitDiscriminant(vectors, std::vector<int>{0, 1, 2, 3}, std::vector<int>{0, 0, 1, 1}, 3, *kernels, pool);
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(std::isfinite(NearestRoute(found, vectors.row(i))));
  EXPECT_GT(NearestRoute(found, vectors.row(0)), NearestRoute(found, std::vector<float>{0, 0, 0, 0, 1, 0, 0, 0}));
}

TEST(Discriminant, NoneBeyondItsLimits) {
  const int labels = Discriminant::kMostLabels + 1;
  const EmbeddingMatrix vectors{static_cast<size_t>(labels), 1, std::vector<float>(static_cast<size_t>(labels), 1)};
  std::vector<int> rows(static_cast<size_t>(labels));
  std::iota(rows.begin(), rows.end(), 0);
  ASSERT_OK_AND_ASSIGN(const Kernels* kernels, SelectKernels());
  ThreadPool pool(1);
  const Discriminant found = FitDiscriminant(vectors, rows, rows, labels, *kernels, pool);
  EXPECT_TRUE(found.empty());
  EXPECT_EQ(NearestRoute(found, std::vector<float>{1}), 0);
}

}  // namespace
}  // namespace bantam
