#include "models/head_layers.h"

#include <algorithm>

#include "base/check.h"
#include "base/text_util.h"
#include "kernels/packing.h"
#include "models/row_buffer.h"

namespace bantam {

HeadDense::HeadDense(std::span<const float> weight, std::span<const float> bias, int out, int in, WeightType type)
    : in_(in), out_(out), type_(type == WeightType::kF32 ? type : WeightType::kInt8) {
  const auto columns = static_cast<size_t>(PaddedColumns(out));
  bias_.resize(columns);
  std::ranges::copy(bias, bias_.begin());
  if (type_ == WeightType::kF32) {
    packed_f32_.resize(PackedF32Size(out, in));
    PackF32(weight, out, in, packed_f32_);
    return;
  }
  packed_int8_.resize(PackedInt8Size(out, in));
  scale_.resize(columns);
  sum_.resize(columns);
  PackInt8(weight, out, in, packed_int8_, scale_, sum_);
}

void HeadDense::Apply(const Kernels& kernels, std::span<const float> x, std::span<float> out, Activation activation,
                      bool add) const {
  const int num_rows = static_cast<int>(x.size() / static_cast<size_t>(in_));
  BANTAM_CHECK(x.size() == static_cast<size_t>(num_rows) * static_cast<size_t>(in_) &&
               out.size() == static_cast<size_t>(num_rows) * static_cast<size_t>(out_));
  const Linear linear{.type = type_,
                      .in_features = in_,
                      .out_features = out_,
                      .bias = bias_.data(),
                      .packed_f32 = packed_f32_.data(),
                      .packed_int8 = packed_int8_.data(),
                      .weight_scale = scale_.data(),
                      .weight_sum = sum_.data()};
  // The kernels read their input only.
  Activations rows{.values = const_cast<float*>(x.data()), .stride = in_};
  RowBuffer bytes;
  if (linear.reads_bytes()) {
    bytes.Reserve(num_rows, in_, true, false);
    rows = bytes.With(rows);
    QuantizeRows(kernels, rows, num_rows, in_);
  }
  const Activations y{.values = out.data(), .stride = out_};
  ApplyLinear(kernels, linear, rows, y, num_rows, {.activation = activation, .residual = add ? &y : nullptr});
}

std::vector<float> HeadDense::Apply(const Kernels& kernels, std::span<const float> x, Activation activation) const {
  std::vector<float> out(x.size() / static_cast<size_t>(in_) * static_cast<size_t>(out_));
  Apply(kernels, x, out, activation);
  return out;
}

void HeadNorm::Apply(const Kernels& kernels, std::span<float> rows) const {
  if (gamma.empty()) return;
  const int columns = static_cast<int>(gamma.size());
  const LayerNorm norm{.size = columns, .gamma = gamma.data(), .beta = beta.data(), .epsilon = epsilon};
  const Activations x{.values = rows.data(), .stride = columns};
  ApplyLayerNorm(kernels, norm, x, x, static_cast<int>(rows.size() / gamma.size()));
}

std::string ModelClass(const JsonObject& config) {
  const json::value* list = config.Find("architectures");
  if (list == nullptr || !list->is_array() || list->get_array().empty()) return "";
  const json::value& first = list->get_array()[0];
  return first.is_string() ? std::string(first.get_string()) : "";
}

std::string ArchitecturesText(const JsonObject& config) {
  const json::value* list = config.Find("architectures");
  if (list == nullptr) return "no \"architectures\" in its config.json";
  return fmt::format("\"architectures\" {}", EscapeForTerminal(ToJson(*list), 200));
}

Result<std::vector<float>> HeadReader::ReadFloats(const std::string& tensor, const Shape& shape) {
  BANTAM_TRY(const TensorView view, weights_.Get(tensor, shape));
  if (!IsReal(view.dtype)) {
    return Err(ErrorCode::kUnsupported, "weight \"{}\" is {}, expected F32, F16, BF16, F64 or a block format of GGUF",
               EscapeForTerminal(tensor), DTypeName(view.dtype));
  }
  std::vector<float> values(static_cast<size_t>(NumElements(view.shape)));
  CopyToF32(view, values);
  return values;
}

Result<HeadDense> HeadReader::ReadDense(std::string_view name, int in, WeightType type, Bias wanted) {
  const std::string weight_name = std::string(name) + ".weight";
  const TensorView* view = weights_.Find(weight_name);
  const int64_t rows = view == nullptr || view->shape.empty() ? 1 : view->shape[0];
  if (rows < 1 || rows > kMaxLabels) {
    return Err(ErrorCode::kCorrupt, "weight \"{}\" is {}, expected 1 to {} rows", EscapeForTerminal(weight_name),
               ShapeString(view->shape), kMaxLabels);
  }
  return ReadDense(name, in, static_cast<int>(rows), type, wanted);
}

Result<HeadDense> HeadReader::ReadDense(std::string_view name, int in, int out, WeightType type, Bias wanted) {
  BANTAM_TRY(const std::vector<float> weight, ReadFloats(std::string(name) + ".weight", {out, in}));
  std::vector<float> bias;
  const std::string bias_name = std::string(name) + ".bias";
  if (wanted == Bias::kRequired || (wanted == Bias::kIfPresent && Has(bias_name))) {
    BANTAM_TRY(bias, ReadFloats(bias_name, {out}));
  }
  return HeadDense(weight, bias, out, in, type);
}

Result<HeadNorm> HeadReader::ReadNorm(const std::string& name, int size, float epsilon) {
  HeadNorm norm{.gamma = {}, .beta = std::vector<float>(static_cast<size_t>(size)), .epsilon = epsilon};
  const bool old = !Has(name + ".weight") && Has(name + ".gamma");
  BANTAM_TRY(norm.gamma, ReadFloats(name + (old ? ".gamma" : ".weight"), {size}));
  if (const std::string beta = name + (old ? ".beta" : ".bias"); Has(beta)) {
    BANTAM_TRY(norm.beta, ReadFloats(beta, {size}));
  }
  return norm;
}

}  // namespace bantam
