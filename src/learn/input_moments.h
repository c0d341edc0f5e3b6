// What the inputs of a model's layers look like on sample texts: for each layer the mean of x x^T over the tokens. How
// much a rounded weight hurts depends on it: an input that is always near zero hides any error, and inputs that move
// together let one weight make up for another.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/encoder.h"

namespace bantam {

class InputMoments {
 public:
  // Runs the sequences through the original in f32, as many as the memory for a recording allows. One call at a time
  // for the whole process: the kernels' table, through which the inputs are seen, has no room for a context.
  static Result<InputMoments> Record(ModelFolder& model, const std::vector<WeightUnit>& units,
                                     std::span<const std::vector<int32_t>> sequences, ThreadPool& pool);

  // [in, in], or empty for what is no product (the word embeddings).
  std::span<const float> Of(size_t unit) const { return moments_[unit]; }

 private:
  std::vector<std::vector<float>> moments_;
};

}  // namespace bantam
