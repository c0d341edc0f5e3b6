// How large the inputs of a decoder's layers are on sample text: for each layer the mean of x[k]^2 over the tokens. A
// weight's error counts in proportion to it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/decoder.h"

namespace bantam {

class InputEnergy {
 public:
  // Runs `ids` through the original in f32, in windows of `context`.
  static Result<InputEnergy> Record(ModelFolder& model, std::span<const int32_t> ids, int context, ThreadPool& pool,
                                    const std::function<void(double fraction)>& progress = {});

  // Of the layer that the matrix NAME.weight is a part of: [columns], positive; empty for a table of words, which has
  // no input, and for what is no matrix of a layer.
  std::span<const float> Of(std::string_view name) const;
  // Whether NAME.weight is read as a matrix, of a layer or as a table of words.
  bool Has(std::string_view name) const { return energies_.contains(name); }

 private:
  std::map<std::string, std::shared_ptr<const std::vector<float>>, std::less<>> energies_;
};

}  // namespace bantam
