#include "models/derived_weights.h"

#include <cstring>

#include "base/text_util.h"

namespace bantam {

Result<TensorView> DerivedWeights::Get(std::string_view name, const Shape& expected_shape) {
  const auto found = changes_.find(name);
  if (found == changes_.end()) return base_->Get(name, expected_shape);
  Change& change = found->second;
  Shape stored = expected_shape;
  if (change.transposed) std::swap(stored.front(), stored.back());
  BANTAM_TRY(TensorView view, base_->Get(name, stored));
  if (change.transposed && BlockOf(view.dtype).elements != 1) {
    return Err(ErrorCode::kUnsupported, "weight \"{}\" is {}, which cannot be transposed", EscapeForTerminal(name),
               DTypeName(view.dtype));
  }
  view.shape = expected_shape;
  if (change.bytes.empty()) {
    change.bytes.resize(view.bytes.size());
    const auto rows = static_cast<size_t>(expected_shape.front());
    const size_t row_bytes = view.bytes.size() / rows;
    if (change.transposed) {
      const size_t size = BlockOf(view.dtype).bytes, columns = row_bytes / size;
      for (size_t row = 0; row < rows; ++row) {
        for (size_t column = 0; column < columns; ++column) {
          std::memcpy(change.bytes.data() + (row * columns + column) * size,
                      view.bytes.data() + (column * rows + row) * size, size);
        }
      }
    } else {
      for (size_t row = 0; row < rows; ++row) {
        std::memcpy(change.bytes.data() + row * row_bytes, view.bytes.data() + change.from(row) * row_bytes, row_bytes);
      }
    }
  }
  view.bytes = change.bytes;
  return view;
}

}  // namespace bantam
