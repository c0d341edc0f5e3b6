// What the heads on top of an encoder are made of: dense layers and a norm with their own packed weights, and reading
// them from a checkpoint.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "files/model_folder.h"
#include "kernels/isa.h"
#include "layers/layer_norm.h"
#include "layers/linear.h"
#include "models/weight_plan.h"

namespace bantam {

// y = act(x W^T + b), W packed as the kernels read it, in f32 or int8.
class HeadDense {
 public:
  HeadDense() = default;
  // weight: [out, in]; bias: [out], or empty for none.
  HeadDense(std::span<const float> weight, std::span<const float> bias, int out, int in, WeightType type);

  int in() const { return in_; }
  int out() const { return out_; }
  bool empty() const { return out_ == 0; }
  // x: [num_rows, in] -> [num_rows, out], on the calling thread. add: to what is in `out`.
  void Apply(const Kernels& kernels, std::span<const float> x, std::span<float> out,
             Activation activation = kActivationNone, bool add = false) const;
  std::vector<float> Apply(const Kernels& kernels, std::span<const float> x,
                           Activation activation = kActivationNone) const;

 private:
  int in_ = 0, out_ = 0;
  WeightType type_ = WeightType::kF32;
  std::vector<float> packed_f32_, bias_, scale_, sum_;
  std::vector<int8_t> packed_int8_;
};

struct HeadNorm {
  std::vector<float> gamma, beta;  // empty: there is none
  float epsilon = 1e-12f;
  void Apply(const Kernels& kernels, std::span<float> rows) const;  // [num_rows, gamma.size()], in place
};

// "BertForTokenClassification": the first of "architectures", whose ending says the kind of head; "" for none.
std::string ModelClass(const JsonObject& config);
// `"architectures" ["BertModel"]`, for messages.
std::string ArchitecturesText(const JsonObject& config);

// Strict about what it is asked for: a tensor that is missing, misshapen or not of floats is an error that names it.
class HeadReader {
 public:
  static constexpr int kMaxLabels = 100'000;

  explicit HeadReader(WeightSource& weights) : weights_(weights) {}

  bool Has(const std::string& tensor) const { return weights_.Has(tensor); }
  bool HasLayer(std::string_view layer) const { return Has(std::string(layer) + ".weight"); }

  enum class Bias { kIfPresent, kRequired, kNone };
  // NAME.weight [out, in], and NAME.bias; what config.json does not say, the tensor's own shape does: 1 to kMaxLabels
  // rows.
  Result<HeadDense> ReadDense(std::string_view name, int in, WeightType type = WeightType::kF32,
                              Bias bias = Bias::kIfPresent);
  Result<HeadDense> ReadDense(std::string_view name, int in, int out, WeightType type, Bias bias = Bias::kIfPresent);
  // NAME.weight and NAME.bias, or gamma and beta as old checkpoints call them; zeros for a bias that is not there.
  Result<HeadNorm> ReadNorm(const std::string& name, int size, float epsilon);
  Result<std::vector<float>> ReadFloats(const std::string& tensor, const Shape& shape);

 private:
  WeightSource& weights_;
};

}  // namespace bantam
