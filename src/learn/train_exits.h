// The exits of a head: what HeadTrainer does after its own folds, for the layers before the last.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "kernels/isa.h"
#include "learn/head.h"

namespace bantam {

// What the whole encoder decides about a held-out example.
struct FullDecision {
  int label = -1;  // -1: the example was never held out
  bool accepted = false;
};

struct ExitTraining {
  std::span<const LayerVectors> layers;
  std::span<const int> in_scope, out_of_scope;  // rows, in an order that does not depend on that of the lines
  std::span<const int> label_of;                // [examples], -1 out of scope
  std::span<const int> folds;                   // [examples], -1: never held out
  int num_folds = 0, num_labels = 0;
  std::span<const FullDecision> decisions;  // [examples]
  double threshold = 0;                     // the head's own, at which they were accepted
  const TrainOptions* options = nullptr;
  const Kernels* kernels = nullptr;
  std::function<void(double fraction)> progress;
};

// Whether that many held-out in-scope examples could show a disagreement within `max_disagreement`, if none disagreed.
bool EnoughForExits(int64_t held_out, double max_disagreement);

// An empty plan when no exit is worth its own look. Deterministic.
ExitPlan TrainExits(const ExitTraining& training, ThreadPool& pool);

}  // namespace bantam
