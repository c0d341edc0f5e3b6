#include "learn/calibration.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "learn/vector_math.h"

namespace bantam {

double FitTemperature(std::span<const float> logits, std::span<const int> labels, int num_labels) {
  BANTAM_CHECK(!labels.empty() && logits.size() == labels.size() * static_cast<size_t>(num_labels));
  const size_t n = labels.size(), k = static_cast<size_t>(num_labels);
  const double other = 1.0 / static_cast<double>(n + 2);
  // The loss is convex in b = 1 / T. slope = sum_i (E_p[z_i] - target_i . z_i), curvature = sum_i Var_p[z_i].
  const auto derivatives = [&](double b, double& slope, double& curvature) {
    slope = curvature = 0;
    for (size_t i = 0; i < n; ++i) {
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
      slope += mean - ((1 - other) * own + other * sum / static_cast<double>(k));
      curvature += second / total - mean * mean;
    }
  };
  double low = 1.0 / 20, high = 20, b = 1;
  for (int iteration = 0; iteration < 60 && high - low > 1e-10 * high; ++iteration) {
    double slope = 0, curvature = 0;
    derivatives(b, slope, curvature);
    (slope > 0 ? high : low) = b;
    const double newton = curvature > 0 ? b - slope / curvature : 0;
    const double next = newton > low && newton < high ? newton : 0.5 * (low + high);
    if (std::abs(next - b) <= 1e-12 * b) break;
    b = next;
  }
  return 1 / b;
}

namespace {

// Solves the 3 x 3 system a x = y for a symmetric positive definite a, by elimination.
std::array<double, 3> Solve(std::array<std::array<double, 3>, 3> a, std::array<double, 3> y) {
  for (int p = 0; p < 3; ++p) {
    for (int r = p + 1; r < 3; ++r) {
      const double f = a[r][p] / a[p][p];
      for (int c = p; c < 3; ++c) a[r][c] -= f * a[p][c];
      y[r] -= f * y[p];
    }
  }
  for (int p = 2; p >= 0; --p) {
    for (int c = p + 1; c < 3; ++c) y[p] -= a[p][c] * y[c];
    y[p] /= a[p][p];
  }
  return y;
}

}  // namespace

Logistic FitLogistic(std::span<const std::array<double, 2>> positives, std::span<const std::array<double, 2>> negatives,
                     const Logistic& prior, double prior_deviation) {
  if (positives.empty() || negatives.empty()) return prior;
  const double smaller = static_cast<double>(std::min(positives.size(), negatives.size()));
  const std::array<double, 3> centre = {prior.coefficients[0], prior.coefficients[1], prior.intercept};
  const double precision = 1 / (prior_deviation * prior_deviation);
  std::array<double, 3> w = centre;

  const auto loss = [&](const std::array<double, 3>& at) {
    double value = 0;
    for (int j = 0; j < 3; ++j) value += 0.5 * precision * (at[j] - centre[j]) * (at[j] - centre[j]);
    const auto add = [&](std::span<const std::array<double, 2>> rows, double sign) {
      const double weight = smaller / static_cast<double>(rows.size());
      for (const auto& x : rows) {
        const double margin = sign * (at[0] * x[0] + at[1] * x[1] + at[2]);
        value += weight * (margin > 0 ? std::log1p(std::exp(-margin)) : std::log1p(std::exp(margin)) - margin);
      }
    };
    add(positives, 1);
    add(negatives, -1);
    return value;
  };

  double value = loss(w);
  for (int iteration = 0; iteration < 100; ++iteration) {
    std::array<double, 3> gradient{};
    std::array<std::array<double, 3>, 3> hessian{};
    for (int j = 0; j < 3; ++j) {
      gradient[j] = precision * (w[j] - centre[j]);
      hessian[j][j] = precision;
    }
    const auto add = [&](std::span<const std::array<double, 2>> rows, double target) {
      const double weight = smaller / static_cast<double>(rows.size());
      for (const auto& row : rows) {
        const std::array<double, 3> x = {row[0], row[1], 1};
        const double p = Sigmoid(w[0] * x[0] + w[1] * x[1] + w[2]);
        for (int a = 0; a < 3; ++a) {
          gradient[a] += weight * (p - target) * x[a];
          for (int b = 0; b < 3; ++b) hessian[a][b] += weight * p * (1 - p) * x[a] * x[b];
        }
      }
    };
    add(positives, 1);
    add(negatives, 0);
    const std::array<double, 3> step = Solve(hessian, gradient);
    double t = 1, next_value = value;
    std::array<double, 3> next = w;
    for (int halving = 0; halving < 30; ++halving, t *= 0.5) {
      for (int j = 0; j < 3; ++j) next[j] = w[j] - t * step[j];
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
  return {{w[0], w[1]}, w[2]};
}

}  // namespace bantam
