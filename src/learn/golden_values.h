// For tests: what golden/make_learn_golden.py wrote.
#pragma once

#include "learn/softmax_regression.h"
#include "models/golden_data.h"

namespace bantam::testing {

class GoldenValues {
 public:
  static Result<GoldenValues> Open() {
    BANTAM_TRY(auto file, SafetensorsFile::Open("src/learn/golden/reference.safetensors"));
    return GoldenValues(std::move(file));
  }
  std::vector<double> Doubles(std::string_view name) const { return TensorValues<double>(*file_, name); }
  std::vector<float> Floats(std::string_view name) const { return TensorValues<float>(*file_, name); }
  std::vector<int> Ints(std::string_view name) const { return TensorValues<int32_t>(*file_, name); }
  double Number(std::string_view name) const { return Doubles(name).at(0); }
  EmbeddingMatrix Matrix(std::string_view name) const {  // F32 or F16
    const TensorView& view = *file_->Find(name);
    EmbeddingMatrix matrix{static_cast<size_t>(view.shape[0]), static_cast<size_t>(view.shape[1]), {}};
    matrix.values.resize(matrix.rows * matrix.columns);
    CopyToF32(view, matrix.values);
    return matrix;
  }

 private:
  explicit GoldenValues(std::unique_ptr<SafetensorsFile> file) : file_(std::move(file)) {}
  std::unique_ptr<SafetensorsFile> file_;
};

}  // namespace bantam::testing
