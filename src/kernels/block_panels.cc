#include "kernels/block_panels.h"

#include <cstring>

#include "base/check.h"
#include "base/half.h"

namespace bantam {
namespace {

constexpr int kColumns = kBlockColumns;
constexpr size_t kPlaneRow = kColumns * 4;

float HalfAt(const uint8_t* halves, int column) {
  uint16_t half;
  std::memcpy(&half, halves + 2 * column, sizeof half);
  return HalfToFloat(half);
}

}  // namespace

const uint8_t kNonLinearLevels[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};

PanelLayout PanelLayoutOf(BlockFormat format) {
  switch (format) {
    case kBlockQ8_0:
      return {BlockScales::kHalf, 8, 128, 32};
    case kBlockQ4_0:
      return {BlockScales::kHalf, 4, 8, 32};
    case kBlockQ4_1:
      return {BlockScales::kHalfAndMinimum, 4, 0, 32};
    case kBlockQ5_0:
      return {BlockScales::kHalf, 5, 16, 32};
    case kBlockQ5_1:
      return {BlockScales::kHalfAndMinimum, 5, 0, 32};
    case kBlockQ2_K:
      return {BlockScales::kNibbles, 2, 0, 16};
    case kBlockQ3_K:
      return {BlockScales::kSignedByte, 3, 4, 16};
    case kBlockQ4_K:
      return {BlockScales::kByteAndMinimum, 4, 0, 32};
    case kBlockQ5_K:
      return {BlockScales::kByteAndMinimum, 5, 0, 32};
    case kBlockQ6_K:
      return {BlockScales::kSignedByte, 6, 32, 16};
    case kBlockIQ4_NL:
      return {BlockScales::kHalf, 4, 128, 32, true};
    case kBlockIQ4_XS:
      return {BlockScales::kSignedByte, 4, 128, 32, true};
  }
  BANTAM_CHECK(false, "block format {}", static_cast<int>(format));
}

size_t PanelLayout::header_bytes() const { return !has_superblocks() ? 0 : has_minima() ? 4 : 2; }

size_t PanelLayout::scale_bytes() const {
  const size_t each = scales == BlockScales::kHalfAndMinimum                                   ? 4
                      : scales == BlockScales::kHalf || scales == BlockScales::kByteAndMinimum ? 2
                                                                                               : 1;
  return each * static_cast<size_t>(kBlockGroup / per_scale);
}

size_t PanelLayout::group_bytes() const {
  return kColumns * (scale_bytes() + static_cast<size_t>(bits) * kBlockGroup / 8);
}

int BlockPanels(int out_features) { return (out_features + kColumns - 1) / kColumns; }

size_t BlockHeaderOffset(BlockFormat format, int group) {
  const PanelLayout layout = PanelLayoutOf(format);
  const auto before = static_cast<size_t>(group / kGroupsOfSuperblock);
  return before * (kColumns * layout.header_bytes() + kGroupsOfSuperblock * layout.group_bytes());
}

size_t BlockGroupOffset(BlockFormat format, int group) {
  const PanelLayout layout = PanelLayoutOf(format);
  return BlockHeaderOffset(format, group) + kColumns * layout.header_bytes() +
         static_cast<size_t>(group % kGroupsOfSuperblock) * layout.group_bytes();
}

size_t BlockPanelBytes(BlockFormat format, int in_features) {
  const PanelLayout layout = PanelLayoutOf(format);
  const int groups = in_features / kBlockGroup;
  BANTAM_DCHECK(in_features % kBlockGroup == 0 && (!layout.has_superblocks() || groups % kGroupsOfSuperblock == 0));
  const auto superblocks = static_cast<size_t>(groups / kGroupsOfSuperblock);
  return static_cast<size_t>(groups) * layout.group_bytes() + superblocks * kColumns * layout.header_bytes();
}

size_t PackedBlocksBytes(BlockFormat format, int out_features, int in_features) {
  return static_cast<size_t>(BlockPanels(out_features)) * BlockPanelBytes(format, in_features);
}

void ReadBlockColumn(BlockFormat format, const uint8_t* panel, int column, int group, BlockColumn* out) {
  const PanelLayout layout = PanelLayoutOf(format);
  const uint8_t* header = panel + BlockHeaderOffset(format, group);
  const uint8_t* scales = panel + BlockGroupOffset(format, group);
  for (int h = 0; h < 2; ++h) {
    // Of a format with one scale for 32, both halves read the same.
    const uint8_t* at = scales + (layout.per_scale == 16 ? h : 0) * kColumns;
    out->minimum[h] = 0;
    switch (layout.scales) {
      case BlockScales::kHalfAndMinimum:
        out->minimum[h] = HalfAt(scales + 2 * kColumns, column);
        [[fallthrough]];
      case BlockScales::kHalf:
        out->scale[h] = HalfAt(scales, column);
        break;
      case BlockScales::kSignedByte:
        out->scale[h] = HalfAt(header, column) * static_cast<float>(static_cast<int8_t>(at[column]));
        break;
      case BlockScales::kByteAndMinimum:
        out->scale[h] = HalfAt(header, column) * static_cast<float>(at[column]);
        out->minimum[h] = -(HalfAt(header + 2 * kColumns, column) * static_cast<float>(at[kColumns + column]));
        break;
      case BlockScales::kNibbles:
        out->scale[h] = HalfAt(header, column) * static_cast<float>(at[column] & 0xF);
        out->minimum[h] = -(HalfAt(header + 2 * kColumns, column) * static_cast<float>(at[column] >> 4));
        break;
    }
  }
  const uint8_t* levels = scales + kColumns * layout.scale_bytes() + 4 * column;
  for (int k = 0; k < kBlockGroup; ++k) {
    const int step = k / 4;
    const uint8_t* plane = levels + k % 4;
    if (layout.bits == 8) {
      out->level[k] = plane[kPlaneRow * static_cast<size_t>(step)];
      continue;
    }
    int level = 0, low = 0;  // bits of the planes below the one at hand
    if ((layout.bits & 4) != 0) low = 4;
    if ((layout.bits & 1) != 0) {
      level |= (*plane >> step & 1) << (low + (layout.bits & 2));
      plane += kPlaneRow;
    }
    if ((layout.bits & 2) != 0) {
      level |= (plane[kPlaneRow * static_cast<size_t>(step / 4)] >> (2 * (step % 4)) & 3) << low;
      plane += 2 * kPlaneRow;
    }
    if ((layout.bits & 4) != 0) level |= plane[kPlaneRow * static_cast<size_t>(step % 4)] >> (step / 4 * 4) & 0xF;
    out->level[k] = layout.table ? kNonLinearLevels[level] : static_cast<uint8_t>(level);
  }
}

void ReadBlockRow(BlockFormat format, const uint8_t* packed, int in_features, int n, float* out) {
  const PanelLayout layout = PanelLayoutOf(format);
  const uint8_t* panel = packed + static_cast<size_t>(n / kColumns) * BlockPanelBytes(format, in_features);
  BlockColumn column;
  for (int k = 0; k < in_features; ++k) {
    const int within = k % kBlockGroup, h = within / 16;
    if (within == 0) ReadBlockColumn(format, panel, n % kColumns, k / kBlockGroup, &column);
    const float product = column.scale[h] * static_cast<float>(column.level[within] - layout.zero);
    out[k] = layout.has_minima() ? product + column.minimum[h] : product;
  }
}

size_t BlockRowBytes(int in_features) {
  const auto k = static_cast<size_t>(in_features);
  return (k + k / kBlockGroup * 28 + 63) / 64 * 64;
}

}  // namespace bantam
