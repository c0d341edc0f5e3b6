#include "models/bert_workspace.h"

#include <algorithm>

namespace bantam {
namespace {

template <typename T>
void Grow(AlignedBuffer<T>& buffer, size_t size) {
  if (buffer.size() < size) buffer = AlignedBuffer<T>(size);
}

// Rows of bytes start on a cache line.
ptrdiff_t ByteStride(int columns) { return (columns + 63) / 64 * 64; }

}  // namespace

void BertWorkspace::Reserve8(Bytes8& buffer, size_t rows, size_t stride) {
  Grow(buffer.bytes, rows * stride);
  Grow(buffer.quant, rows);
}

void BertWorkspace::Reserve(const BertBufferSizes& sizes) {
  const BertConfig& config = *sizes.config;
  hidden_size_ = config.hidden_size;
  intermediate_size_ = config.intermediate_size;
  embedding_size_ = config.embedding_size;
  int8_ = sizes.int8;
  // Any worker may take a group, so side by side every thread needs a lane.
  const size_t num_lanes = plan_.side_by_side() ? sizes.num_threads : 1;
  lanes_.resize(std::max(lanes_.size(), num_lanes));
  workers_.resize(std::max<size_t>(workers_.size(), sizes.num_threads));
  const auto rows = static_cast<size_t>(plan_.largest_group()), hidden = static_cast<size_t>(hidden_size_);
  for (size_t i = 0; i < num_lanes; ++i) {
    Grow(lanes_[i].qkv, rows * 3 * hidden);
    Grow(lanes_[i].context, rows * hidden);
    if (int8_) Reserve8(lanes_[i].x, rows, ByteStride(hidden_size_));
  }
  const auto block = static_cast<size_t>(sizes.block_rows);
  const int widest = std::max(hidden_size_, embedding_size_);
  for (Worker& worker : workers_) {
    Grow(worker.attention, sizes.attention_scratch);
    Grow(worker.hidden, block * widest);
    Grow(worker.intermediate, block * intermediate_size_);
    if (!int8_) continue;
    Reserve8(worker.context8, block, ByteStride(hidden_size_));
    Reserve8(worker.hidden8, block, ByteStride(widest));
    Reserve8(worker.intermediate8, block, ByteStride(intermediate_size_));
  }
}

Activations BertWorkspace::With(Bytes8& buffer, Activations x, int columns) const {
  if (!int8_) return x;
  x.bytes = buffer.bytes.data();
  x.byte_stride = ByteStride(columns);
  x.quant = buffer.quant.data();
  return x;
}

Activations BertWorkspace::Bytes(int lane, Activations x) { return With(lanes_[lane].x, x, hidden_size_); }

Activations BertWorkspace::Qkv(int lane) { return {.values = lanes_[lane].qkv.data(), .stride = 3 * hidden_size_}; }

Activations BertWorkspace::Context(int lane) { return {.values = lanes_[lane].context.data(), .stride = hidden_size_}; }

Activations BertWorkspace::BlockContext(int worker, Activations context) {
  return With(workers_[worker].context8, context, hidden_size_);
}

Activations BertWorkspace::BlockHidden(int worker) {
  return With(workers_[worker].hidden8, {.values = workers_[worker].hidden.data(), .stride = hidden_size_},
              hidden_size_);
}

Activations BertWorkspace::BlockEmbedding(int worker) {
  return With(workers_[worker].hidden8, {.values = workers_[worker].hidden.data(), .stride = embedding_size_},
              embedding_size_);
}

Activations BertWorkspace::BlockIntermediate(int worker) {
  return With(workers_[worker].intermediate8,
              {.values = workers_[worker].intermediate.data(), .stride = intermediate_size_}, intermediate_size_);
}

}  // namespace bantam
