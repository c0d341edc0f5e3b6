// How sure can we be that a message is about any of our routes at all?
//
// Two signs, chosen by measurement (README.md has the table): the largest logit, which is low far away from every
// route, and the cosine to the nearest of a few prototypes of each route, which is low where the linear head
// extrapolates. Each is put on the scale of in-scope messages that the model has not seen, and a logistic function of
// the two gives P(in scope).
#pragma once

#include <array>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "learn/calibration.h"
#include "tasks/embed.h"

namespace bantam {

// Up to kPerLabel unit vectors for each label: the centres of its examples' clusters, or the examples themselves where
// they are few. Five do as well as all 100 examples of a route (AUROC 0.978 both) at a twentieth of the memory and
// time.
struct Prototypes {
  static constexpr int kPerLabel = 5;
  int dimensions = 0;
  std::vector<int> count;      // [labels]
  std::vector<float> vectors;  // [sum of count, dimensions], by label
};

// rows: which rows of `embeddings`, each with its label in [0, num_labels). Deterministic.
Prototypes MakePrototypes(const EmbeddingMatrix& embeddings, std::span<const int> rows, std::span<const int> labels,
                          int num_labels, ThreadPool& pool);

// The cosine of x to the nearest prototype; -1 when there is none.
float NearestPrototype(const Prototypes& prototypes, std::span<const float> x);

// {largest logit, cosine to the nearest prototype}
using ScopeFeatures = std::array<double, 2>;

struct ScopeScorer {
  ScopeFeatures mean{}, deviation{1, 1};  // of in-scope messages
  Logistic logistic;  // on the standardised features, for the assumed share of out-of-scope messages

  double InScope(const ScopeFeatures& features) const;  // P(in scope)
};

// Features of held-out examples. `out_of_scope` may be empty: then the logistic is the default one.
// share: of out-of-scope messages among all that will come, in (0, 1).
ScopeScorer FitScopeScorer(std::span<const ScopeFeatures> in_scope, std::span<const ScopeFeatures> out_of_scope,
                           double share);

}  // namespace bantam
