// Rows of activations in a workspace: grows to the largest batch seen, then allocates nothing.
#pragma once

#include "base/aligned_buffer.h"
#include "kernels/block_panels.h"
#include "layers/activations.h"

namespace bantam {

// What there is of a row beside its values (layers/activations.h): nothing, bytes with one scale, or blocks.
enum class RowForm { kValues, kBytes, kBlocks };

class RowBuffer {
 public:
  // Room for the bytes of the rows too, for layers that read those. Without values only the bytes.
  void Reserve(int rows, int columns, bool with_bytes, bool with_values = true) {
    Reserve(rows, columns, with_bytes ? RowForm::kBytes : RowForm::kValues, with_values);
  }
  void Reserve(int rows, int columns, RowForm form, bool with_values = true) {
    stride_ = columns;
    form_ = form;
    const auto count = static_cast<size_t>(rows);
    if (with_values) Grow(values_, count * static_cast<size_t>(columns));
    if (form == RowForm::kValues) return;
    // Rows of bytes start on a cache line.
    byte_stride_ = form == RowForm::kBytes ? (columns + 63) / 64 * 64 : static_cast<ptrdiff_t>(BlockRowBytes(columns));
    Grow(bytes_, count * static_cast<size_t>(byte_stride_));
    if (form == RowForm::kBytes) Grow(quant_, count);
  }

  Activations rows() { return With({.values = values_.data(), .stride = stride_}); }
  // Somebody else's values with room for their bytes.
  Activations With(Activations x) {
    if (form_ == RowForm::kValues) return x;
    x.bytes = bytes_.data();
    x.byte_stride = byte_stride_;
    x.quant = quant_.data();
    x.block_rows = form_ == RowForm::kBlocks;
    return x;
  }

 private:
  template <typename T>
  static void Grow(AlignedBuffer<T>& buffer, size_t size) {
    if (buffer.size() < size) buffer = AlignedBuffer<T>(size);
  }
  AlignedBuffer<float> values_;
  AlignedBuffer<uint8_t> bytes_;
  AlignedBuffer<RowQuant> quant_;
  ptrdiff_t stride_ = 0, byte_stride_ = 0;
  RowForm form_ = RowForm::kValues;
};

}  // namespace bantam
