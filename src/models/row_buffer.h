// Rows of activations in a workspace: grows to the largest batch seen, then allocates nothing.
#pragma once

#include "base/aligned_buffer.h"
#include "layers/activations.h"

namespace bantam {

class RowBuffer {
 public:
  // with_bytes: room for the rows' bytes too, for layers that read those. Without values only the bytes.
  void Reserve(int rows, int columns, bool with_bytes, bool with_values = true) {
    stride_ = columns;
    with_bytes_ = with_bytes;
    const auto count = static_cast<size_t>(rows);
    if (with_values) Grow(values_, count * static_cast<size_t>(columns));
    if (!with_bytes) return;
    byte_stride_ = (columns + 63) / 64 * 64;  // rows of bytes start on a cache line
    Grow(bytes_, count * static_cast<size_t>(byte_stride_));
    Grow(quant_, count);
  }

  Activations rows() { return With({.values = values_.data(), .stride = stride_}); }
  // Somebody else's values with room for their bytes.
  Activations With(Activations x) {
    if (!with_bytes_) return x;
    x.bytes = bytes_.data();
    x.byte_stride = byte_stride_;
    x.quant = quant_.data();
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
  bool with_bytes_ = false;
};

}  // namespace bantam
