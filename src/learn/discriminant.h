// How much better than all routes together does the nearest route explain a vector?
//
// The squared distance to the mean of all examples, in the measure of their covariance, less that to the nearest
// route's mean in the measure of the covariance within routes (relative Mahalanobis distance; Ren and others,
// arXiv:2106.09022). Large for what is like one route, low for what would be as odd in any of them. Both distances have
// the directions in common that no route differs in, so that only what the means span is left to compute: linear scores
// of the routes and one triangle.
#pragma once

#include <span>
#include <vector>

#include "learn/softmax_regression.h"

namespace bantam {

struct Discriminant {
  // Beyond these a head does without: the triangle would be larger than the regression itself, and the covariance takes
  // longer to factor than a training of seconds has.
  static constexpr int kMostLabels = 1024, kMostDimensions = 4096;

  // s_c(x) = (mean_c - mean)^T W^-1 (x - mean), W the covariance within routes, shrunk; no labels: there is none.
  SoftmaxModel scores;
  std::vector<float> half_norms;  // [labels], s_c(mean_c) / 2
  // [labels, labels], an upper triangle: |spread s|^2 is what the distance to the mean of all gains from being measured
  // within routes.
  std::vector<float> spread;

  bool empty() const { return scores.num_labels == 0; }
};

// rows: which rows of `vectors`, each with its label in [0, num_labels). Empty beyond the limits above.
Discriminant FitDiscriminant(const EmbeddingMatrix& vectors, std::span<const int> rows, std::span<const int> labels,
                             int num_labels, const Kernels& kernels, ThreadPool& pool);

// 0 of an empty one.
double NearestRoute(const Discriminant& discriminant, std::span<const float> x);

}  // namespace bantam
