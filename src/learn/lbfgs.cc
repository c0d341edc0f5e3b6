#include "learn/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace bantam {
namespace {

// Four chains: one would wait for each addition, and the compiler may not reorder them by itself.
double Dot(std::span<const double> a, std::span<const double> b) {
  double sum[4] = {};
  size_t i = 0;
  for (; i + 4 <= a.size(); i += 4) {
    for (size_t lane = 0; lane < 4; ++lane) sum[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < a.size(); ++i) sum[0] += a[i] * b[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

void AddScaled(std::span<double> y, double scale, std::span<const double> x) {
  for (size_t i = 0; i < y.size(); ++i) y[i] += scale * x[i];
}

double LargestMagnitude(std::span<const double> x) {
  double largest = 0;
  for (double v : x) largest = std::max(largest, std::abs(v));
  return largest;
}

struct Pair {
  std::vector<double> step, change;  // of x and of the gradient
  double inverse_curvature;          // 1 / (step . change)
};

// direction = -H gradient, with H from the pairs (the two-loop recursion).
void Direction(const std::deque<Pair>& pairs, std::span<const double> gradient, std::vector<double>& direction) {
  for (size_t i = 0; i < gradient.size(); ++i) direction[i] = -gradient[i];
  std::vector<double> alpha(pairs.size());
  for (size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].inverse_curvature * Dot(pairs[i].step, direction);
    AddScaled(direction, -alpha[i], pairs[i].change);
  }
  if (!pairs.empty()) {
    const Pair& last = pairs.back();
    const double scale = 1 / (last.inverse_curvature * Dot(last.change, last.change));
    for (double& v : direction) v *= scale;
  }
  for (size_t i = 0; i < pairs.size(); ++i) {
    const double beta = pairs[i].inverse_curvature * Dot(pairs[i].change, direction);
    AddScaled(direction, alpha[i] - beta, pairs[i].step);
  }
}

}  // namespace

LbfgsResult MinimizeLbfgs(const std::function<double(std::span<const double>, std::span<double>)>& f,
                          std::vector<double>& x, const LbfgsOptions& options) {
  constexpr double kSufficientDecrease = 1e-4;
  constexpr int kMaxHalvings = 20;

  const size_t size = x.size();
  std::vector<double> gradient(size), direction(size), next(size), next_gradient(size);
  std::deque<Pair> pairs;
  LbfgsResult result;
  result.value = f(x, gradient);
  result.evaluations = 1;
  for (;; ++result.iterations) {
    result.largest_gradient = LargestMagnitude(gradient);
    if (options.progress) options.progress(result.iterations, result.largest_gradient);
    if (result.largest_gradient <= options.tolerance) {
      result.converged = true;
      return result;
    }
    if (result.iterations >= options.max_iterations) return result;

    Direction(pairs, gradient, direction);
    double slope = Dot(gradient, direction);
    if (!(slope < 0)) {  // rounding has spoilt the pairs
      pairs.clear();
      Direction(pairs, gradient, direction);
      slope = Dot(gradient, direction);
    }
    // Without curvature yet, one unit of length is a guess of the right order for any scale of the gradient.
    double t = pairs.empty() ? 1 / std::sqrt(-slope) : 1;
    double value = 0;
    bool accepted = false;
    for (int halving = 0; halving < kMaxHalvings && !accepted; ++halving, t *= 0.5) {
      for (size_t i = 0; i < size; ++i) next[i] = x[i] + t * direction[i];
      value = f(next, next_gradient);
      ++result.evaluations;
      if (!std::isfinite(value)) continue;
      accepted = value <= result.value + kSufficientDecrease * t * slope ||
                 (value <= result.value + options.value_noise * std::abs(result.value) &&
                  std::abs(Dot(next_gradient, direction)) <= (1 - 2 * kSufficientDecrease) * -slope);
    }
    if (!accepted) return result;

    Pair pair;
    if (static_cast<int>(pairs.size()) == options.memory) {  // take over the oldest pair's memory
      pair = std::move(pairs.front());
      pairs.pop_front();
    }
    pair.step.resize(size);
    pair.change.resize(size);
    for (size_t i = 0; i < size; ++i) {
      pair.step[i] = next[i] - x[i];
      pair.change[i] = next_gradient[i] - gradient[i];
    }
    const double curvature = Dot(pair.step, pair.change);
    if (curvature > 1e-12 * Dot(pair.step, pair.step)) {
      pair.inverse_curvature = 1 / curvature;
      pairs.push_back(std::move(pair));
    }
    x.swap(next);
    gradient.swap(next_gradient);
    result.value = value;
  }
}

}  // namespace bantam
