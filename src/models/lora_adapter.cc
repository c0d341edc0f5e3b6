#include "models/lora_adapter.h"

#include <algorithm>
#include <cmath>

#include "base/text_util.h"
#include "files/lora_config.h"
#include "files/lora_file.h"
#include "kernels/packing.h"
#include "models/decoder.h"

namespace bantam {
namespace {

std::vector<float> Floats(const TensorView& view) {
  std::vector<float> values(static_cast<size_t>(NumElements(view.shape)));
  CopyToF32(view, values);
  return values;
}

std::vector<float> Transposed(const std::vector<float>& from, size_t rows, size_t columns) {
  std::vector<float> to(from.size());
  for (size_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < columns; ++column) to[column * rows + row] = from[row * columns + column];
  }
  return to;
}

// rows[i] becomes what was rows[from(i)].
template <typename From>
void OrderRows(std::vector<float>& matrix, size_t width, const From& from) {
  const std::vector<float> before = matrix;
  for (size_t row = 0; row * width < matrix.size(); ++row) {
    const auto source = before.begin() + static_cast<ptrdiff_t>(from(row) * width);
    std::copy(source, source + static_cast<ptrdiff_t>(width), matrix.begin() + static_cast<ptrdiff_t>(row * width));
  }
}

// Adapters and decoders may each say more or less before "layers.0": the shorter name ends the longer one.
const BoundMatrix* Match(std::span<const BoundMatrix> matrices, std::string_view module) {
  const auto found = std::ranges::find_if(matrices, [&](const BoundMatrix& matrix) {
    return IsModule(matrix.name, module) || IsModule(module, matrix.name);
  });
  return found == matrices.end() ? nullptr : &*found;
}

Status CheckFits(const LoraFile& file, const LoraPair& pair, const BoundMatrix& matrix) {
  const int64_t in = pair.a.shape[pair.a_by_input ? 0 : 1], out = pair.b.shape[0];
  if (in != matrix.in || out != matrix.rows) {
    return Err(ErrorCode::kCorrupt,
               "{}: the product for \"{}\" takes {} values and makes {}; in this model it takes {} and makes {}: is "
               "the adapter for another model?",
               file.name, EscapeForTerminal(pair.module), in, out, matrix.in, matrix.rows);
  }
  if (!std::isfinite(pair.scale)) {
    return Err(ErrorCode::kCorrupt, "{}: \"{}\" is scaled by {}", file.name, EscapeForTerminal(pair.module),
               pair.scale);
  }
  return Ok();
}

Status CheckFinite(const LoraFile& file, const LoraPair& pair, const std::vector<float>& values) {
  if (std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) return Ok();
  return Err(ErrorCode::kCorrupt, "{}: the weights for \"{}\" hold what is no finite number", file.name,
             EscapeForTerminal(pair.module));
}

// B [out, rank] in the order of the decoder's rows, scaled.
Result<std::vector<float>> ReadB(const LoraFile& file, const LoraPair& pair, const BoundMatrix& matrix, int head_dim) {
  std::vector<float> b = Floats(pair.b);
  BANTAM_RETURN_IF_ERROR(CheckFinite(file, pair, b));
  for (float& value : b) value *= static_cast<float>(pair.scale);
  const auto width = static_cast<size_t>(pair.rank()), dim = static_cast<size_t>(head_dim);
  if (pair.turned && b.size() / width % dim == 0 && dim % 2 == 0) {
    OrderRows(b, width, [dim](size_t row) {
      const size_t in_head = row % dim;
      return row - in_head + in_head % (dim / 2) * 2 + in_head / (dim / 2);
    });
  }
  if (matrix.by_head && !file.gguf) {
    const size_t heads = b.size() / width / (3 * dim);
    OrderRows(b, width,
              [dim, heads](size_t row) { return (row / dim % heads * 3 + row / (heads * dim)) * dim + row % dim; });
  }
  return b;
}

}  // namespace

float* LoraAdapter::Take(size_t count) { return memory_.emplace_back(count).data(); }

Linear LoraAdapter::Pack(std::span<const float> matrix, int out, int in) {
  const size_t size = PackedF32Size(out, in);
  Linear linear{.in_features = in, .out_features = out};
  linear.bias = Take(static_cast<size_t>(PaddedColumns(out)));
  float* packed = Take(size);
  PackF32(matrix, out, in, {packed, size});
  linear.packed_f32 = packed;
  num_parameters_ += matrix.size();
  return linear;
}

Result<std::shared_ptr<const LoraAdapter>> LoraAdapter::Load(const Path& path, const Decoder& decoder) {
  BANTAM_TRY(const LoraFile file, OpenLoraFile(path));
  const std::span<const BoundMatrix> matrices = decoder.adaptable();
  if (matrices.empty()) {
    return Err(ErrorCode::kUnsupported, "{}: LoRA adapters are not computed for models of this architecture",
               file.name);
  }
  std::shared_ptr<LoraAdapter> adapter(new LoraAdapter);
  adapter->decoder_ = &decoder;
  for (const LoraPair& pair : file.pairs) {
    const BoundMatrix* matrix = Match(matrices, pair.module);
    if (matrix == nullptr || pair.words != (matrix->matrix == nullptr)) {
      return Err(ErrorCode::kUnsupported,
                 "{}: \"{}\" is no matrix of this model that an adapter can change (it has "
                 "\"{}\"): is the adapter for another model?",
                 file.name, EscapeForTerminal(pair.module), EscapeForTerminal(matrices.back().name));
    }
    BANTAM_RETURN_IF_ERROR(CheckFits(file, pair, *matrix));
    const int rank = pair.rank();
    std::vector<float> a = Floats(pair.a);
    BANTAM_RETURN_IF_ERROR(CheckFinite(file, pair, a));
    // A row of A for each input, of a table of words a row for each word.
    if (pair.a_by_input != pair.words) {
      a = Transposed(a, static_cast<size_t>(pair.a.shape[0]), static_cast<size_t>(pair.a.shape[1]));
    }
    BANTAM_TRY(const std::vector<float> b, ReadB(file, pair, *matrix, decoder.kv_shape().head_dim));
    LowRank product{.first_column = matrix->first_row};
    product.b = adapter->Pack(b, matrix->rows, rank);
    if (pair.words) {
      float* rows = adapter->Take(a.size());
      std::ranges::copy(a, rows);
      adapter->num_parameters_ += a.size();
      adapter->words_ = Words{{rows, a.size()}, product};
    } else {
      product.a = adapter->Pack(a, rank, matrix->in);
      adapter->products_[matrix->matrix].push_back(product);
    }
  }
  return std::shared_ptr<const LoraAdapter>(std::move(adapter));
}

std::span<const LowRank> LoraAdapter::Of(const Linear& matrix) const {
  const auto found = products_.find(&matrix);
  if (found == products_.end()) return {};
  return found->second;
}

}  // namespace bantam
