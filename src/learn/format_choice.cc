#include "learn/format_choice.h"

#include <algorithm>
#include <cstring>

#include "tensor/block_quantizer.h"
#include "tensor/ggml_blocks.h"

namespace bantam {
namespace {

constexpr size_t kSampleRows = 96;
constexpr size_t kSuperblock = 256;

// Ascending in bits. Q4_0 and Q4_1 only from themselves on: where superblocks fit, Q4_K and Q5_K lose less at their
// size.
constexpr DType kSuperblocks[] = {DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kQ8_0};
constexpr DType kBlocksOf32[] = {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0};

DType InBlocksOf32(DType type) {
  switch (type) {
    case DType::kQ4_K:
      return DType::kQ4_0;
    case DType::kQ5_K:
      return DType::kQ5_0;
    case DType::kQ6_K:
      return DType::kQ8_0;
    default:
      return type;
  }
}

}  // namespace

std::vector<DType> FormatsFrom(DType type, size_t columns) {
  if (columns % kSuperblock != 0) type = InBlocksOf32(type);
  std::vector<DType> formats;
  const auto from = [&](auto& list) {
    const auto found = std::ranges::find(list, type);
    formats.assign(found, std::end(list));
  };
  if (std::ranges::find(kSuperblocks, type) != std::end(kSuperblocks)) from(kSuperblocks);
  if (formats.empty()) from(kBlocksOf32);
  std::erase_if(formats, [&](DType format) { return columns % BlockOf(format).elements != 0; });
  return formats;
}

FormatLadder MeasureFormats(std::string name, const TensorView& weights, std::span<const float> importance,
                            std::span<const DType> formats) {
  const auto rows = static_cast<size_t>(weights.shape[0]), columns = static_cast<size_t>(weights.shape[1]);
  const size_t row_bytes = RowBytes(weights.dtype, columns), picked = std::min(rows, kSampleRows);
  std::vector<float> values(picked * columns);
  for (size_t i = 0; i < picked; ++i) {
    const size_t row = i * rows / picked;
    CopyToF32({weights.dtype, {static_cast<int64_t>(columns)}, weights.bytes.subspan(row * row_bytes, row_bytes)},
              std::span(values).subspan(i * columns, columns));
  }
  const auto energy_of = [&](std::span<const float> of) {
    double energy = 0;
    for (size_t i = 0; i < of.size(); ++i) {
      const double weight = importance.empty() ? 1 : importance[i % columns];
      energy += weight * of[i] * of[i];
    }
    return energy;
  };
  const double energy = energy_of(values);
  FormatLadder ladder{.name = std::move(name), .steps = {}};
  std::vector<float> error(values.size());
  for (const DType format : formats) {
    std::vector<std::byte> blocks(picked * RowBytes(format, columns));
    QuantizeToBlocks(format, values, importance, blocks);
    DequantizeBlocks(format, blocks, error);
    for (size_t i = 0; i < error.size(); ++i) error[i] -= values[i];
    ladder.steps.push_back({format, rows * RowBytes(format, columns), energy > 0 ? energy_of(error) / energy : 0});
  }
  return ladder;
}

void ChooseFormats(std::span<FormatLadder> ladders, uint64_t extra_bytes) {
  while (true) {
    FormatLadder* best = nullptr;
    size_t best_step = 0;
    double best_saved = 0;
    for (FormatLadder& ladder : ladders) {
      const FormatCandidate& now = ladder.steps[ladder.chosen];
      // A step that saves little may stand before one that saves much.
      for (size_t next = ladder.chosen + 1; next < ladder.steps.size(); ++next) {
        const uint64_t more = ladder.steps[next].bytes - now.bytes;
        const double saved = (now.loss - ladder.steps[next].loss) / static_cast<double>(std::max<uint64_t>(more, 1));
        if (more > extra_bytes || saved <= best_saved) continue;
        best_saved = saved;
        best = &ladder;
        best_step = next;
      }
    }
    if (best == nullptr) return;
    extra_bytes -= best->steps[best_step].bytes - best->steps[best->chosen].bytes;
    best->chosen = best_step;
  }
}

}  // namespace bantam
