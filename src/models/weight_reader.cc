#include "models/weight_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/half.h"
#include "base/text_util.h"
#include "kernels/kernel_table.h"
#include "kernels/packing.h"
#include "tensor/block_packing.h"
#include "tensor/block_quantizer.h"

namespace bantam {
namespace {

TensorView RowOf(const TensorView& matrix, int row, int columns) {
  const size_t row_bytes = RowBytes(matrix.dtype, static_cast<size_t>(columns));
  return {matrix.dtype, {columns}, matrix.bytes.subspan(static_cast<size_t>(row) * row_bytes, row_bytes)};
}

// DType::kF32 expects any type that reads as f32.
Status CheckType(const std::string& full, DType dtype, DType expected) {
  if (expected == DType::kF32 ? IsReal(dtype) : dtype == expected) return Ok();
  return Err(ErrorCode::kUnsupported, "weight \"{}\" is {}, expected {}", EscapeForTerminal(full), DTypeName(dtype),
             expected == DType::kF32 ? "F32, F16, BF16, F64 or a block format of GGUF"
                                     : fmt::format("{} by \"quantization_config\"", DTypeName(expected)));
}

}  // namespace

Result<TensorView> WeightReader::GetAny(const std::string& full, const Shape& shape, DType expected) {
  BANTAM_TRY(TensorView view, source_.Get(full, shape));
  BANTAM_RETURN_IF_ERROR(CheckType(full, view.dtype, expected));
  return view;
}

void WeightReader::Count(const std::string& full, uint64_t parameters) {
  if (counted_.insert(full).second) num_parameters_ += parameters;
}

Result<TensorView> WeightReader::Get(std::string_view name, const Shape& shape) {
  BANTAM_TRY(TensorView view, GetAny(prefix_ + std::string(name), shape, DType::kF32));
  Count(prefix_ + std::string(name), static_cast<uint64_t>(NumElements(shape)));
  return view;
}

Status WeightReader::Into(std::string_view name, const Shape& shape, std::span<float> out) {
  BANTAM_TRY(const TensorView view, Get(name, shape));
  CopyToF32(view, out);
  return Ok();
}

Result<WeightReader::Matrix> WeightReader::OpenMatrix(const std::string& name, WeightType type, int rows, int columns) {
  // A module's weight, or a table saved by itself.
  const std::string full = prefix_ + name + (!Has(name + ".weight") && Has(name) ? "" : ".weight");
  layers_.insert(prefix_ + name);
  Count(full, static_cast<uint64_t>(rows) * static_cast<uint64_t>(columns));
  Matrix matrix;
  matrix.columns = columns;
  if (!plan_.stored || type == WeightType::kF32) {
    BANTAM_TRY(matrix.values, GetAny(full, {rows, columns}, DType::kF32));
    return matrix;
  }
  const bool int4 = type == WeightType::kInt4;
  BANTAM_TRY(matrix.values, GetAny(full, int4 ? Shape{rows, (columns + 1) / 2} : Shape{rows, columns},
                                   int4 ? DType::kU8 : DType::kI8));
  BANTAM_TRY(matrix.scales, GetAny(full + "_scale", int4 ? Shape{rows, Int4Groups(columns)} : Shape{rows},
                                   int4 ? DType::kBF16 : DType::kF32));
  std::vector<float> scales(static_cast<size_t>(NumElements(matrix.scales.shape)));
  CopyToF32(matrix.scales, scales);
  for (const float scale : scales) {
    if (std::isfinite(scale)) continue;
    return Err(ErrorCode::kCorrupt, "weight \"{}_scale\" holds {}", EscapeForTerminal(full), scale);
  }
  // The kernels' sums of int8 are exact for -127 to 127 only.
  const auto* bytes = reinterpret_cast<const int8_t*>(matrix.values.bytes.data());
  if (!int4 &&
      std::find(bytes, bytes + matrix.values.bytes.size(), int8_t{-128}) != bytes + matrix.values.bytes.size()) {
    return Err(ErrorCode::kCorrupt, "weight \"{}\" holds -128; int8 weights go from -127 to 127",
               EscapeForTerminal(full));
  }
  return matrix;
}

std::span<const float> WeightReader::RowF32(const Matrix& matrix, int row) {
  scratch_.resize(static_cast<size_t>(matrix.columns));
  CopyToF32(RowOf(matrix.values, row, matrix.columns), scratch_);
  return scratch_;
}

float WeightReader::RowInt8(const Matrix& matrix, int row, std::span<int8_t> out) {
  if (!plan_.stored) return QuantizeRowInt8(RowF32(matrix, row), out);
  const TensorView view = RowOf(matrix.values, row, matrix.columns);
  std::memcpy(out.data(), view.bytes.data(), view.bytes.size());
  float scale = 0;
  CopyToF32(RowOf(matrix.scales, row, 1), {&scale, 1});
  return scale;
}

void WeightReader::RowInt4(const Matrix& matrix, int row, std::span<int8_t> out, std::span<uint16_t> scales) {
  if (!plan_.stored) return QuantizeRowInt4(RowF32(matrix, row), {}, out, scales);
  const TensorView nibbles = RowOf(matrix.values, row, (matrix.columns + 1) / 2);
  UnpackNibbles({reinterpret_cast<const uint8_t*>(nibbles.bytes.data()), nibbles.bytes.size()}, out);
  const TensorView view = RowOf(matrix.scales, row, static_cast<int>(scales.size()));
  std::memcpy(scales.data(), view.bytes.data(), view.bytes.size());
}

// Row `row` of the matrix becomes output n of an int8 or int4 layer.
void WeightReader::PlaceRow(const Matrix& matrix, int row, int n, const Linear& linear) {
  const int out = linear.out_features, in = linear.in_features;
  row_.resize(static_cast<size_t>(in));
  float& sum = Fill(linear.weight_sum + n, 1)[0];
  if (linear.type == WeightType::kInt8) {
    Fill(linear.weight_scale + n, 1)[0] = RowInt8(matrix, row, row_);
    sum = static_cast<float>(PlaceInt8Row(row_, n, Fill(linear.packed_int8, PackedInt8Size(out, in))));
    return;
  }
  row_scales_.resize(static_cast<size_t>(Int4Groups(in)));
  RowInt4(matrix, row, row_, row_scales_);
  sum = PlaceInt4Row(row_, row_scales_, n, Fill(linear.packed_int4, PackedInt4Size(out, in)),
                     Fill(linear.group_scale, PackedInt4ScaleCount(out, in)));
}

// Layers that share their tensors are one thing to choose for.
void WeightReader::Remember(std::span<const LinearPart> parts, int columns, bool table, const float* packed_f32) {
  if (units_ == nullptr) return;
  WeightUnit unit{.parts = {}, .columns = columns, .table = table, .packed_f32 = packed_f32};
  for (const LinearPart& part : parts) unit.parts.push_back({prefix_ + part.name, part.rows});
  for (const WeightUnit& known : *units_) {
    for (const LinearPart& part : known.parts) {
      if (part.name == unit.parts.front().name) return;
    }
  }
  units_->push_back(std::move(unit));
}

Result<std::vector<float>> WeightReader::ReadMatrix(const std::string& name, int rows, int columns) {
  const WeightType type = plan_.LinearType(prefix_ + name);
  BANTAM_TRY(const Matrix matrix, OpenMatrix(name, type, rows, columns));
  Remember(std::vector<LinearPart>{{name, rows}}, columns, false, nullptr);
  const auto width = static_cast<size_t>(columns);
  std::vector<float> values(static_cast<size_t>(rows) * width);
  if (!plan_.stored || type == WeightType::kF32) {
    CopyToF32(matrix.values, values);
    return values;
  }
  row_.resize(width);
  row_scales_.resize(static_cast<size_t>(Int4Groups(columns)));
  for (int row = 0; row < rows; ++row) {
    float scale = 0;
    if (type == WeightType::kInt8) {
      scale = RowInt8(matrix, row, row_);
    } else {
      RowInt4(matrix, row, row_, row_scales_);
    }
    for (size_t i = 0; i < width; ++i) {
      if (type == WeightType::kInt4) scale = Bf16ToFloat(row_scales_[i / kInt4Group]);
      values[static_cast<size_t>(row) * width + i] = scale * static_cast<float>(row_[i]);
    }
  }
  return values;
}

Status WeightReader::ReadLinear(std::initializer_list<std::string> names, const Linear& linear, Bias bias) {
  std::vector<LinearPart> parts;
  for (const std::string& name : names) parts.push_back({name, linear.out_features / static_cast<int>(names.size())});
  return ReadLinear(parts, linear, bias);
}

Status WeightReader::ReadLinear(std::span<const LinearPart> parts, const Linear& linear, Bias bias) {
  const int out = linear.out_features, in = linear.in_features;
  std::vector<float> whole;  // f32 panels are filled from all rows at once
  if (linear.type == WeightType::kF32) whole.resize(static_cast<size_t>(out) * static_cast<size_t>(in));
  int first = 0;
  for (const auto& [name, rows] : parts) {
    if (const WeightType type = plan_.LinearType(prefix_ + name); type != linear.type) {
      return Err(ErrorCode::kUnsupported,
                 "\"quantization_config\": \"{}\" is {}, but the layer that it is a part of is {}: the parts of one "
                 "layer must agree",
                 EscapeForTerminal(prefix_ + name), WeightTypeName(type), WeightTypeName(linear.type));
    }
    BANTAM_TRY(const Matrix matrix, OpenMatrix(name, linear.type, rows, in));
    if (bias == Bias::kYes) BANTAM_RETURN_IF_ERROR(Into(name + ".bias", {rows}, Fill(linear.bias + first, rows)));
    if (linear.type == WeightType::kF32) {
      const size_t size = static_cast<size_t>(rows) * static_cast<size_t>(in);
      CopyToF32(matrix.values, std::span(whole).subspan(static_cast<size_t>(first) * static_cast<size_t>(in), size));
    } else {
      for (int row = 0; row < rows; ++row) PlaceRow(matrix, row, first + row, linear);
    }
    first += rows;
  }
  BANTAM_CHECK(first == out, "{} outputs in {} parts", out, parts.size());
  Remember(parts, in, false, linear.packed_f32);
  if (linear.type == WeightType::kF32) PackF32(whole, out, in, Fill(linear.packed_f32, PackedF32Size(out, in)));
  return Ok();
}

Status WeightReader::ReadBiases(std::span<const LinearPart> parts, const float* bias) {
  for (const LinearPart& part : parts) {
    BANTAM_RETURN_IF_ERROR(Into(part.name + ".bias", {part.rows}, Fill(bias, static_cast<size_t>(part.rows))));
    bias += part.rows;
  }
  return Ok();
}

Status WeightReader::ReadBlocks(const std::string& name, const BlockMatrix& matrix) {
  const std::string full = prefix_ + name + (!Has(name + ".weight") && Has(name) ? "" : ".weight");
  layers_.insert(prefix_ + name);
  Count(full, static_cast<uint64_t>(matrix.out_features) * static_cast<uint64_t>(matrix.in_features));
  BANTAM_TRY(WeightSource::Rows rows, source_.GetRows(full, {matrix.out_features, matrix.in_features}));
  BANTAM_RETURN_IF_ERROR(CheckType(full, rows.view.dtype, DType::kF32));
  block_jobs_.push_back({std::move(rows), matrix});
  return Ok();
}

void WeightReader::BlockJob::Pack(int panel_begin, int panel_end) const {
  if (rows.view.dtype == DTypeOf(matrix.format)) {
    return PackBlocks(rows.view, Fill(matrix.packed, matrix.size_bytes()), panel_begin, panel_end, rows.order);
  }
  for (int panel = panel_begin; panel < panel_end; ++panel) PackFloats(panel);
}

void WeightReader::BlockJob::PackFloats(int panel) const {
  const DType dtype = DTypeOf(matrix.format);
  const size_t panel_bytes = BlockPanelBytes(matrix.format, matrix.in_features);
  const auto width = static_cast<size_t>(matrix.in_features);
  const int first = panel * kBlockColumns, count = std::min(kBlockColumns, matrix.out_features - first);
  std::vector<float> values(static_cast<size_t>(count) * width);
  std::vector<std::byte> blocks(static_cast<size_t>(count) * RowBytes(dtype, width));
  for (int row = 0; row < count; ++row) {
    const auto in_file = static_cast<int>(rows.order.InFile(first + row));
    CopyToF32(RowOf(rows.view, in_file, matrix.in_features),
              std::span(values).subspan(static_cast<size_t>(row) * width, width));
  }
  QuantizeToBlocks(dtype, values, {}, blocks);
  PackBlocks({dtype, {count, matrix.in_features}, blocks},
             Fill(matrix.packed + static_cast<size_t>(panel) * panel_bytes, panel_bytes), 0, 1);
}

void WeightReader::PackBlockMatrices(ThreadPool& pool) {
  constexpr size_t kTaskBytes = size_t{1} << 20;  // of the file
  struct Task {
    const BlockJob* job;
    int panel_begin, panel_end;
  };
  std::vector<Task> tasks;
  for (const BlockJob& job : block_jobs_) {
    const TensorView& view = job.rows.view;
    const size_t panel_bytes = kBlockColumns * RowBytes(view.dtype, static_cast<size_t>(job.matrix.in_features));
    const int panels = job.matrix.num_panels(), step = static_cast<int>(std::max<size_t>(1, kTaskBytes / panel_bytes));
    for (int panel = 0; panel < panels; panel += step) tasks.push_back({&job, panel, std::min(panel + step, panels)});
  }
  pool.Run(static_cast<int>(tasks.size()), [&](int index, int) {
    const Task& task = tasks[static_cast<size_t>(index)];
    task.job->Pack(task.panel_begin, task.panel_end);
    const TensorView& view = task.job->rows.view;
    const size_t row_bytes = RowBytes(view.dtype, static_cast<size_t>(task.job->matrix.in_features));
    const size_t begin = static_cast<size_t>(task.panel_begin) * kBlockColumns * row_bytes;
    const size_t end = static_cast<size_t>(task.panel_end) * kBlockColumns * row_bytes;
    source_.Release(view.bytes.subspan(begin, std::min(end, view.bytes.size()) - begin));
  });
  block_jobs_.clear();
}

Status WeightReader::ReadNorm(const std::string& name, const LayerNorm& norm, Bias bias) {
  const bool old = !Has(name + ".weight") && Has(name + ".gamma");
  BANTAM_RETURN_IF_ERROR(Into(name + (old ? ".gamma" : ".weight"), {norm.size}, Fill(norm.gamma, norm.size)));
  if (bias == Bias::kNo) return Ok();
  return Into(name + (old ? ".beta" : ".bias"), {norm.size}, Fill(norm.beta, norm.size));
}

Status WeightReader::ReadWords(const std::string& name, int vocab_size, const Embedding& embedding) {
  const auto width = static_cast<size_t>(embedding.hidden_size), rows = static_cast<size_t>(vocab_size);
  const WeightType type = plan_.TableType(prefix_ + name);
  BANTAM_TRY(const Matrix matrix, OpenMatrix(name, type, vocab_size, embedding.hidden_size));
  Remember(std::vector<LinearPart>{{name, vocab_size}}, embedding.hidden_size, true, nullptr);
  if (type == WeightType::kF32) {
    CopyToF32(matrix.values, Fill(embedding.words, rows * width));
    return Ok();
  }
  if (type == WeightType::kInt4) {
    const size_t groups = static_cast<size_t>(Int4Groups(embedding.hidden_size));
    const size_t row_bytes = Int4RowBytes(embedding.hidden_size);
    row_.resize(width);
    for (size_t row = 0; row < rows; ++row) {
      RowInt4(matrix, static_cast<int>(row), row_, Fill(embedding.word_group_scales + row * groups, groups));
      PackNibbles(row_, Fill(embedding.words_int4 + row * row_bytes, row_bytes));
    }
    return Ok();
  }
  for (int row = 0; row < vocab_size; ++row) {
    Fill(embedding.word_scales + row, 1)[0] =
        RowInt8(matrix, row, Fill(embedding.words_int8 + static_cast<size_t>(row) * width, width));
  }
  return Ok();
}

Status WeightReader::Finish(std::string_view what, std::span<const std::string> ignored) const {
  for (const std::string& name : source_.Leftovers()) {
    std::string_view rest = name;
    if (rest.starts_with(prefix_)) rest.remove_prefix(prefix_.size());
    if (std::any_of(ignored.begin(), ignored.end(),
                    [&](const std::string& begin) { return rest.starts_with(begin); })) {
      continue;
    }
    std::string known;
    for (const std::string& begin : ignored) known += fmt::format("{}{}*", known.empty() ? "" : ", ", begin);
    return Err(ErrorCode::kUnsupported, "weight \"{}\" is in the file but no part of a {} (known besides it: {})",
               EscapeForTerminal(name), what, known);
  }
  for (const auto& [name, type] : plan_.kept) {
    if (layers_.contains(name)) continue;
    return Err(ErrorCode::kCorrupt, "\"quantization_config\": \"kept\" names \"{}\", which is no layer of this model",
               EscapeForTerminal(name));
  }
  return Ok();
}

}  // namespace bantam
