// With W = R R^T (R upper), u = R^-1 (x - mean), M = the columns R^-1 (mean_c - mean) and p the shares of the routes,
// the covariance of all is R (I + M diag(p) M^T) R^T, and by Woodbury's identity
//
//   distance to all - distance to route c  =  2 s_c - s_c(mean_c) - v^T (I + G)^-1 v
//
// with s = M^T u, v = sqrt(p) s and G = sqrt(p) M^T M sqrt(p): |u|^2 is in both and falls out.
#include "learn/discriminant.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "learn/moments.h"
#include "learn/triangular.h"
#include "learn/vector_math.h"

namespace bantam {
namespace {

// The means of all rows and of each label's, and the rows' shares.
struct Means {
  std::vector<double> all;        // [d]
  std::vector<double> of_labels;  // [labels, d], that of all subtracted
  std::vector<double> shares;     // [labels]
};

Means MeansOf(const EmbeddingMatrix& vectors, std::span<const int> rows, std::span<const int> labels, size_t k) {
  const size_t d = vectors.columns;
  Means means{std::vector<double>(d), std::vector<double>(k * d), std::vector<double>(k)};
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto label = static_cast<size_t>(labels[i]);
    const std::span<const float> x = vectors.row(static_cast<size_t>(rows[i]));
    for (size_t j = 0; j < d; ++j) means.of_labels[label * d + j] += x[j];
    means.shares[label] += 1;
  }
  const auto n = static_cast<double>(rows.size());
  for (size_t c = 0; c < k; ++c) {
    for (size_t j = 0; j < d; ++j) means.all[j] += means.of_labels[c * d + j] / n;
  }
  for (size_t c = 0; c < k; ++c) {
    for (size_t j = 0; j < d; ++j) {
      double& mean = means.of_labels[c * d + j];
      mean = means.shares[c] > 0 ? mean / means.shares[c] - means.all[j] : 0;
    }
    means.shares[c] /= n;
  }
  return means;
}

// R^-1 of the covariance within labels. Of n rows in d dimensions the share d / (n + d) is put in every direction
// alike: a covariance of few rows says little about most of them.
std::vector<double> InverseFactor(const EmbeddingMatrix& vectors, std::span<const int> rows,
                                  std::span<const int> labels, const Means& means, const Kernels& kernels,
                                  ThreadPool& pool) {
  const size_t d = vectors.columns, n = rows.size();
  std::vector<float> residuals(n * d);
  pool.Run(static_cast<int>(n), [&](int i, int) {
    const auto at = static_cast<size_t>(i);
    const std::span<const float> x = vectors.row(static_cast<size_t>(rows[at]));
    const double* mean = means.of_labels.data() + static_cast<size_t>(labels[at]) * d;
    for (size_t j = 0; j < d; ++j) residuals[at * d + j] = static_cast<float>(x[j] - means.all[j] - mean[j]);
  });
  const std::vector<float> moments = Moments(residuals, static_cast<int>(d), kernels, &pool);
  std::vector<double> within(moments.begin(), moments.end());
  const auto count = static_cast<double>(n), groups = static_cast<double>(means.shares.size());
  const double unbiased = count / std::max(count - groups, 1.0);
  double variance = 0;
  for (size_t j = 0; j < d; ++j) variance += unbiased * within[j * d + j] / static_cast<double>(d);
  const double shrinkage = static_cast<double>(d) / (count + static_cast<double>(d));
  for (double& value : within) value *= unbiased * (1 - shrinkage);
  for (size_t j = 0; j < d; ++j) within[j * d + j] += shrinkage * variance + 1e-9;
  FactorUpper(within, d);
  return InvertUpper(within, d);
}

}  // namespace

Discriminant FitDiscriminant(const EmbeddingMatrix& vectors, std::span<const int> rows, std::span<const int> labels,
                             int num_labels, const Kernels& kernels, ThreadPool& pool) {
  BANTAM_CHECK(rows.size() == labels.size() && !rows.empty() && num_labels > 0);
  const size_t d = vectors.columns, k = static_cast<size_t>(num_labels);
  Discriminant result;
  if (num_labels > Discriminant::kMostLabels || d > size_t{Discriminant::kMostDimensions}) return result;
  const Means means = MeansOf(vectors, rows, labels, k);
  const std::vector<double> inverse = InverseFactor(vectors, rows, labels, means, kernels, pool);

  result.scores = {num_labels, static_cast<int>(d), std::vector<float>(k * d), std::vector<float>(k)};
  result.half_norms.resize(k);
  result.spread.resize(k * k);
  std::vector<double> whitened(k * d);  // M, a label a row
  pool.Run(num_labels, [&](int label, int) {
    const auto c = static_cast<size_t>(label);
    const double* mean = means.of_labels.data() + c * d;
    double* m = whitened.data() + c * d;
    for (size_t i = 0; i < d; ++i) m[i] = DotD(inverse.data() + i * d + i, mean + i, d - i);
    std::vector<double> direction(d);  // W^-1 (mean_c - mean)
    for (size_t i = 0; i < d; ++i) {
      for (size_t j = i; j < d; ++j) direction[j] += inverse[i * d + j] * m[i];
    }
    std::ranges::transform(direction, result.scores.weights.begin() + static_cast<std::ptrdiff_t>(c * d),
                           [](double v) { return static_cast<float>(v); });
    result.scores.bias[c] = static_cast<float>(-DotD(direction.data(), means.all.data(), d));
    result.half_norms[c] = static_cast<float>(DotD(m, m, d) / 2);
  });

  std::vector<double> gram(k * k);
  pool.Run(num_labels, [&](int label, int) {
    const auto a = static_cast<size_t>(label);
    for (size_t b = 0; b < k; ++b) {
      gram[a * k + b] =
          std::sqrt(means.shares[a] * means.shares[b]) * DotD(whitened.data() + a * d, whitened.data() + b * d, d);
    }
    gram[a * k + a] += 1;
  });
  FactorUpper(gram, k);
  const std::vector<double> triangle = InvertUpper(gram, k);
  for (size_t a = 0; a < k; ++a) {
    for (size_t b = a; b < k; ++b)
      result.spread[a * k + b] = static_cast<float>(triangle[a * k + b] * std::sqrt(means.shares[b]));
  }
  return result;
}

double NearestRoute(const Discriminant& discriminant, std::span<const float> x) {
  if (discriminant.empty()) return 0;
  const size_t k = discriminant.half_norms.size();
  std::vector<float> s(k);
  Logits(discriminant.scores, x, s);
  double best = -INFINITY, common = 0;
  for (size_t c = 0; c < k; ++c) {
    best = std::max(best, static_cast<double>(s[c]) - discriminant.half_norms[c]);
    const float v = DotF(std::span(discriminant.spread).subspan(c * k + c, k - c), std::span(s).subspan(c));
    common += static_cast<double>(v) * v;
  }
  return 2 * best - common;
}

}  // namespace bantam
