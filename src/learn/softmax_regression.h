// Multinomial logistic regression: logits = W x + b, trained by L-BFGS on
//
//   (1 / n) sum_i -log softmax(W x_i + b)[label_i]  +  |W|^2 / (2 C n)
//
// which has the minimiser of scikit-learn's LogisticRegression(C=C): the bias is not penalised.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "kernels/isa.h"
#include "tasks/embed.h"

namespace bantam {

struct SoftmaxModel {
  int num_labels = 0;
  int dimensions = 0;
  std::vector<float> weights;  // [num_labels, dimensions]
  std::vector<float> bias;     // [num_labels]
};

struct SoftmaxOptions {
  double inverse_regularization = 10;
  int max_iterations = 200;
  double tolerance = 1e-6;              // of the gradient of the loss above
  const SoftmaxModel* start = nullptr;  // null: zero
  std::function<void(int iteration, double largest_gradient)> progress;
};

struct SoftmaxFit {
  SoftmaxModel model;
  double loss = 0;
  int iterations = 0;
  int evaluations = 0;
  bool converged = false;
};

// The loss and its gradient over a fixed set of rows, packed once for the product kernels. Deterministic: rows are cut
// into lanes whose number does not depend on the pool's threads, and lanes are summed in order.
class SoftmaxLoss {
 public:
  // rows: which rows of `embeddings`, each with its label in [0, num_labels).
  SoftmaxLoss(const EmbeddingMatrix& embeddings, std::span<const int> rows, std::span<const int> labels, int num_labels,
              double inverse_regularization, const Kernels& kernels, ThreadPool& pool);
  ~SoftmaxLoss();

  // parameters, gradient: [num_labels, dimensions + 1], the bias last in each row.
  size_t num_parameters() const;
  double Evaluate(std::span<const double> parameters, std::span<double> gradient);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// At least one row; every label of [0, num_labels) may be missing but the caller usually wants all of them.
SoftmaxFit FitSoftmax(const EmbeddingMatrix& embeddings, std::span<const int> rows, std::span<const int> labels,
                      int num_labels, const SoftmaxOptions& options, const Kernels& kernels, ThreadPool& pool);

// logits: [num_labels]
void Logits(const SoftmaxModel& model, std::span<const float> x, std::span<float> logits);

}  // namespace bantam
