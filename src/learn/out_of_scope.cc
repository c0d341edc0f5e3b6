#include "learn/out_of_scope.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "learn/vector_math.h"

namespace bantam {
namespace {

void Normalize(std::span<float> x) {
  const float squares = DotF(x, x);
  if (!(squares > 0)) return;
  const float inverse = 1 / std::sqrt(squares);
  for (float& v : x) v *= inverse;
}

// points: [n, d], unit vectors. Spherical k-means from centres spread out: the point nearest to the mean, then each
// time the point that is farthest from the centres so far.
std::vector<float> ClusterCentres(std::span<const float> points, size_t n, size_t d, size_t k) {
  const auto point = [&](size_t i) { return points.subspan(i * d, d); };
  std::vector<float> mean(d);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < d; ++j) mean[j] += point(i)[j];
  }
  size_t chosen = 0;
  float best = -INFINITY;
  for (size_t i = 0; i < n; ++i) {
    if (const float similarity = DotF(point(i), mean); similarity > best) {
      best = similarity;
      chosen = i;
    }
  }
  std::vector<float> centres;
  std::vector<float> nearest(n, -INFINITY);  // cosine to the nearest centre
  for (size_t c = 0; c < k; ++c) {
    centres.insert(centres.end(), point(chosen).begin(), point(chosen).end());
    float lowest = INFINITY;
    size_t next = chosen;
    for (size_t i = 0; i < n; ++i) {
      nearest[i] = std::max(nearest[i], DotF(point(i), {centres.data() + c * d, d}));
      if (nearest[i] < lowest) {
        lowest = nearest[i];
        next = i;
      }
    }
    chosen = next;
  }

  constexpr int kRounds = 10;
  std::vector<size_t> owner(n, k);
  for (int round = 0; round < kRounds; ++round) {
    bool moved = false;
    std::vector<float> sums(k * d);
    for (size_t i = 0; i < n; ++i) {
      size_t own = 0;
      float similarity = -INFINITY;
      for (size_t c = 0; c < k; ++c) {
        if (const float s = DotF(point(i), {centres.data() + c * d, d}); s > similarity) {
          similarity = s;
          own = c;
        }
      }
      moved = moved || owner[i] != own;
      owner[i] = own;
      for (size_t j = 0; j < d; ++j) sums[own * d + j] += point(i)[j];
    }
    if (!moved) break;
    for (size_t c = 0; c < k; ++c) {
      const std::span<float> sum(sums.data() + c * d, d);
      if (!(DotF(sum, sum) > 0)) continue;  // nobody's nearest: it stays where it is
      Normalize(sum);
      std::copy(sum.begin(), sum.end(), centres.begin() + static_cast<std::ptrdiff_t>(c * d));
    }
  }
  return centres;
}

}  // namespace

Prototypes MakePrototypes(const EmbeddingMatrix& embeddings, std::span<const int> rows, std::span<const int> labels,
                          int num_labels, int per_label, ThreadPool& pool) {
  BANTAM_CHECK(rows.size() == labels.size() && per_label > 0);
  const size_t d = embeddings.columns;
  std::vector<std::vector<int>> members(static_cast<size_t>(num_labels));
  for (size_t i = 0; i < rows.size(); ++i) members[labels[i]].push_back(rows[i]);
  std::vector<std::vector<float>> centres(members.size());
  pool.Run(num_labels, [&](int label, int) {
    std::vector<float> points;
    for (int row : members[label]) {
      const std::span<const float> x = embeddings.row(row);
      points.insert(points.end(), x.begin(), x.end());
      Normalize({points.data() + points.size() - d, d});
    }
    const size_t n = members[label].size(), k = static_cast<size_t>(per_label);
    centres[label] = n <= k ? std::move(points) : ClusterCentres(points, n, d, k);
  });
  Prototypes prototypes;
  prototypes.dimensions = static_cast<int>(d);
  for (const std::vector<float>& c : centres) {
    prototypes.count.push_back(static_cast<int>(c.size() / d));
    prototypes.vectors.insert(prototypes.vectors.end(), c.begin(), c.end());
  }
  return prototypes;
}

float NearestPrototype(const Prototypes& prototypes, std::span<const float> x) {
  const size_t d = x.size();
  const float length = std::sqrt(DotF(x, x));
  float best = -1;
  for (size_t at = 0; at < prototypes.vectors.size(); at += d) {
    best = std::max(best, DotF(x, {prototypes.vectors.data() + at, d}) / std::max(length, 1e-30f));
  }
  return best;
}

double ScopeScorer::InScope(const ScopeFeatures& features) const {
  double z = logistic.intercept;
  for (size_t j = 0; j < features.size(); ++j) z += logistic.coefficients[j] * (features[j] - mean[j]) / deviation[j];
  return Sigmoid(z);
}

ScopeScorer FitScopeScorer(std::span<const ScopeFeatures> in_scope, std::span<const ScopeFeatures> out_of_scope,
                           double share, const Logistic& by_default) {
  BANTAM_CHECK(!in_scope.empty() && share > 0 && share < 1);
  constexpr double kPriorDeviation = 1;  // a hundred examples have their way, five hardly move it

  ScopeScorer scorer;
  const double n = static_cast<double>(in_scope.size());
  for (size_t j = 0; j < scorer.mean.size(); ++j) {
    double sum = 0, squares = 0;
    for (const ScopeFeatures& f : in_scope) sum += f[j];
    scorer.mean[j] = sum / n;
    for (const ScopeFeatures& f : in_scope) squares += (f[j] - scorer.mean[j]) * (f[j] - scorer.mean[j]);
    scorer.deviation[j] = std::max(std::sqrt(squares / n), 1e-6);
  }
  const auto standardize = [&](std::span<const ScopeFeatures> features) {
    std::vector<ScopeFeatures> out(features.begin(), features.end());
    for (ScopeFeatures& f : out) {
      for (size_t j = 0; j < f.size(); ++j) f[j] = (f[j] - scorer.mean[j]) / scorer.deviation[j];
    }
    return out;
  };
  scorer.logistic = FitLogistic(standardize(in_scope), standardize(out_of_scope), by_default, kPriorDeviation);
  // A sign the wrong way round is an accident of few examples; it would accept the farthest messages first.
  ScopeFeatures& coefficients = scorer.logistic.coefficients;
  coefficients = {std::max(coefficients[0], 0.0), std::max(coefficients[1], 0.0), std::min(coefficients[2], 0.0),
                  std::max(coefficients[3], 0.0)};
  scorer.logistic.intercept += std::log((1 - share) / share);  // the fit was for equal shares
  return scorer;
}

}  // namespace bantam
