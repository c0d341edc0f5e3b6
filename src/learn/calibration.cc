#include "learn/calibration.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "learn/vector_math.h"

namespace bantam {

std::vector<double> Softmax(std::span<const float> logits, double temperature) {
  BANTAM_CHECK(!logits.empty());
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> probabilities;
  probabilities.reserve(logits.size());
  double sum = 0;
  for (const float z : logits)
    sum += probabilities.emplace_back(std::exp((static_cast<double>(z) - largest) / temperature));
  for (double& p : probabilities) p /= sum;
  return probabilities;
}

double FitTemperature(std::span<const float> logits, std::span<const int> labels, int num_labels, ThreadPool& pool) {
  BANTAM_CHECK(!labels.empty() && logits.size() == labels.size() * static_cast<size_t>(num_labels));
  constexpr int kParts = 64;  // whose sums are added in order: the same bits on any number of threads
  const size_t n = labels.size(), k = static_cast<size_t>(num_labels);
  const double other = 1.0 / static_cast<double>(n + 2);
  // The loss is convex in b = 1 / T. slope = sum_i (E_p[z_i] - target_i . z_i), curvature = sum_i Var_p[z_i].
  struct Derivatives {
    double slope = 0, curvature = 0;
  };
  const auto of_rows = [&](double b, size_t begin, size_t end) {
    Derivatives found;
    for (size_t i = begin; i < end; ++i) {
      const float* z = logits.data() + i * k;
      const float largest = *std::max_element(z, z + k);
      double total = 0, first = 0, second = 0, sum = 0;
      for (size_t j = 0; j < k; ++j) {
        const double above = static_cast<double>(z[j]) - largest, p = std::exp(b * above);
        total += p;
        first += p * above;
        second += p * above * above;
        sum += above;
      }
      const double mean = first / total, own = static_cast<double>(z[labels[i]]) - largest;
      found.slope += mean - ((1 - other) * own + other * sum / static_cast<double>(k));
      found.curvature += second / total - mean * mean;
    }
    return found;
  };
  const auto derivatives = [&](double b) {
    std::array<Derivatives, kParts> parts;
    pool.Run(kParts, [&](int part, int) {
      const auto at = static_cast<size_t>(part);
      parts[at] = of_rows(b, n * at / kParts, n * (at + 1) / kParts);
    });
    Derivatives all;
    for (const Derivatives& part : parts) {
      all.slope += part.slope;
      all.curvature += part.curvature;
    }
    return all;
  };
  double low = 1.0 / 20, high = 20, b = 1;
  for (int iteration = 0; iteration < 60 && high - low > 1e-10 * high; ++iteration) {
    const auto [slope, curvature] = derivatives(b);
    (slope > 0 ? high : low) = b;
    const double newton = curvature > 0 ? b - slope / curvature : 0;
    const double next = newton > low && newton < high ? newton : 0.5 * (low + high);
    if (std::abs(next - b) <= 1e-12 * b) break;
    b = next;
  }
  return 1 / b;
}

namespace {

constexpr size_t kParameters = std::tuple_size_v<LogisticFeatures> + 1;  // the coefficients, then the intercept
using Parameters = std::array<double, kParameters>;

double Linear(const Parameters& w, const LogisticFeatures& x) {
  double z = w.back();
  for (size_t j = 0; j < x.size(); ++j) z += w[j] * x[j];
  return z;
}

// Solves a x = y for a symmetric positive definite a, by elimination.
Parameters Solve(std::array<Parameters, kParameters> a, Parameters y) {
  for (size_t p = 0; p < kParameters; ++p) {
    for (size_t r = p + 1; r < kParameters; ++r) {
      const double f = a[r][p] / a[p][p];
      for (size_t c = p; c < kParameters; ++c) a[r][c] -= f * a[p][c];
      y[r] -= f * y[p];
    }
  }
  for (size_t p = kParameters; p-- > 0;) {
    for (size_t c = p + 1; c < kParameters; ++c) y[p] -= a[p][c] * y[c];
    y[p] /= a[p][p];
  }
  return y;
}

}  // namespace

Logistic FitLogistic(std::span<const LogisticFeatures> positives, std::span<const LogisticFeatures> negatives,
                     const Logistic& prior, double prior_deviation) {
  if (positives.empty() || negatives.empty()) return prior;
  const double smaller = static_cast<double>(std::min(positives.size(), negatives.size()));
  Parameters centre;
  std::ranges::copy(prior.coefficients, centre.begin());
  centre.back() = prior.intercept;
  const double precision = 1 / (prior_deviation * prior_deviation);
  Parameters w = centre;

  const auto loss = [&](const Parameters& at) {
    double value = 0;
    for (size_t j = 0; j < kParameters; ++j) value += 0.5 * precision * (at[j] - centre[j]) * (at[j] - centre[j]);
    const auto add = [&](std::span<const LogisticFeatures> rows, double sign) {
      const double weight = smaller / static_cast<double>(rows.size());
      for (const auto& x : rows) {
        const double margin = sign * Linear(at, x);
        value += weight * (margin > 0 ? std::log1p(std::exp(-margin)) : std::log1p(std::exp(margin)) - margin);
      }
    };
    add(positives, 1);
    add(negatives, -1);
    return value;
  };

  double value = loss(w);
  for (int iteration = 0; iteration < 100; ++iteration) {
    Parameters gradient{};
    std::array<Parameters, kParameters> hessian{};
    for (size_t j = 0; j < kParameters; ++j) {
      gradient[j] = precision * (w[j] - centre[j]);
      hessian[j][j] = precision;
    }
    const auto add = [&](std::span<const LogisticFeatures> rows, double target) {
      const double weight = smaller / static_cast<double>(rows.size());
      for (const auto& row : rows) {
        const double p = Sigmoid(Linear(w, row));
        Parameters x;
        std::ranges::copy(row, x.begin());
        x.back() = 1;
        for (size_t a = 0; a < kParameters; ++a) {
          gradient[a] += weight * (p - target) * x[a];
          for (size_t b = 0; b < kParameters; ++b) hessian[a][b] += weight * p * (1 - p) * x[a] * x[b];
        }
      }
    };
    add(positives, 1);
    add(negatives, 0);
    const Parameters step = Solve(hessian, gradient);
    double t = 1, next_value = value;
    Parameters next = w;
    for (int halving = 0; halving < 30; ++halving, t *= 0.5) {
      for (size_t j = 0; j < kParameters; ++j) next[j] = w[j] - t * step[j];
      next_value = loss(next);
      if (next_value <= value) break;
    }
    const bool done = !(next_value < value - 1e-12 * std::abs(value));
    if (next_value <= value) {
      w = next;
      value = next_value;
    }
    if (done) break;
  }
  Logistic fit{{}, w.back()};
  std::copy_n(w.begin(), fit.coefficients.size(), fit.coefficients.begin());
  return fit;
}

}  // namespace bantam
