// One function for each format places one block into column `c` of its place in a panel. `Panel` knows where the parts
// of a group lie; four bytes of a column are moved at a time, for that is what a plane has of it in each row.
#include "tensor/block_packing.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace bantam {
namespace {

constexpr int kColumns = kBlockColumns;
constexpr size_t kPlaneRow = kColumns * 4;

uint8_t Byte(std::byte b) { return std::to_integer<uint8_t>(b); }

uint32_t Four(const std::byte* p) {
  uint32_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// A column of a superblock, or of a group where the format has no superblocks.
struct Target {
  uint8_t* header;
  uint8_t* groups;
  size_t group_bytes, scale_bytes;
  int column;

  uint8_t* Scales(int group) const { return groups + static_cast<size_t>(group) * group_bytes; }
  // Number `index` of the 16-bit floats at `halves`, copied from the file.
  void Half(uint8_t* halves, int index, const std::byte* half) const {
    std::memcpy(halves + 2 * (index * kColumns + column), half, 2);
  }
  // Number `index` of the bytes of scales.
  void Scale(int group, int index, int value) const {
    Scales(group)[index * kColumns + column] = static_cast<uint8_t>(value);
  }
  void Plane(int group, int row, uint32_t four) const {
    std::memcpy(Scales(group) + kColumns * scale_bytes + static_cast<size_t>(row) * kPlaneRow + 4 * column, &four,
                sizeof four);
  }
};

// The fifth bits of a block, one word of 32, as a plane of single bits: bit k goes to byte k % 4, bit k / 4.
uint32_t SpreadFifth(uint32_t fifth) {
  uint32_t plane = 0;
  for (int step = 0; step < 8; ++step) {
    const uint32_t four = fifth >> (4 * step) & 0xF;
    plane |= ((four * 0x00204081U) & 0x01010101U) << step;  // bit i to byte i
  }
  return plane;
}

// Bit `bit` of 32 bytes, one for each k, as a plane of single bits.
uint32_t BitOfBytes(const std::byte* bytes, int bit) {
  uint32_t plane = 0;
  for (int step = 0; step < 8; ++step) plane |= (Four(bytes + 4 * step) >> bit & 0x01010101U) << step;
  return plane;
}

// Bits `bit` and above it of 16 bytes, as a row of a plane of two bits.
uint32_t TwoBitsOfBytes(const std::byte* bytes, int bit) {
  uint32_t plane = 0;
  for (int step = 0; step < 4; ++step) plane |= (Four(bytes + 4 * step) >> bit & 0x03030303U) << (2 * step);
  return plane;
}

// 16 bytes of nibbles: k below, k + 16 above, which is the order of the plane too.
void Nibbles(const Target& t, int group, int row, const std::byte* nibbles) {
  for (int i = 0; i < 4; ++i) t.Plane(group, row + i, Four(nibbles + 4 * i));
}

// 32 bytes, of which one half has the nibbles of the group.
void NibblesOfHalf(const Target& t, int group, int row, const std::byte* bytes, bool upper) {
  for (int i = 0; i < 4; ++i) {
    const uint32_t low = Four(bytes + 4 * i), high = Four(bytes + 16 + 4 * i);
    t.Plane(group, row + i,
            upper ? (low >> 4 & 0x0F0F0F0FU) | (high & 0xF0F0F0F0U) : (low & 0x0F0F0F0FU) | (high & 0x0F0F0F0FU) << 4);
  }
}

void PlaceQ8_0(const std::byte* in, const Target& t) {
  t.Half(t.Scales(0), 0, in);
  for (int i = 0; i < 8; ++i) t.Plane(0, i, Four(in + 2 + 4 * i) ^ 0x80808080U);  // less 128 it is the signed byte
}

void PlaceQ4_0(const std::byte* in, const Target& t) {
  t.Half(t.Scales(0), 0, in);
  Nibbles(t, 0, 0, in + 2);
}

void PlaceQ4_1(const std::byte* in, const Target& t) {
  t.Half(t.Scales(0), 0, in);
  t.Half(t.Scales(0), 1, in + 2);
  Nibbles(t, 0, 0, in + 4);
}

void PlaceQ5_0(const std::byte* in, const Target& t) {
  t.Half(t.Scales(0), 0, in);
  t.Plane(0, 0, SpreadFifth(Four(in + 2)));
  Nibbles(t, 0, 1, in + 6);
}

void PlaceQ5_1(const std::byte* in, const Target& t) {
  t.Half(t.Scales(0), 0, in);
  t.Half(t.Scales(0), 1, in + 2);
  t.Plane(0, 0, SpreadFifth(Four(in + 4)));
  Nibbles(t, 0, 1, in + 8);
}

// The two-bit formats: byte 32 * half + l has element l of each of the four groups of that half.
void TwoBits(const Target& t, int group, int row, const std::byte* quants) {
  const std::byte* half = quants + group / 4 * 32;
  t.Plane(group, row, TwoBitsOfBytes(half, 2 * (group % 4)));
  t.Plane(group, row + 1, TwoBitsOfBytes(half + 16, 2 * (group % 4)));
}

void PlaceQ2_K(const std::byte* in, const Target& t) {
  t.Half(t.header, 0, in + 80);
  t.Half(t.header, 1, in + 82);
  for (int g = 0; g < kGroupsOfSuperblock; ++g) {
    for (int h = 0; h < 2; ++h) t.Scale(g, h, Byte(in[2 * g + h]));
    TwoBits(t, g, 0, in + 16);
  }
}

void PlaceQ3_K(const std::byte* in, const Target& t) {
  const std::byte* scales = in + 96;
  t.Half(t.header, 0, in + 108);
  for (int g = 0; g < kGroupsOfSuperblock; ++g) {
    for (int s = 2 * g; s < 2 * g + 2; ++s) {
      const int low = s < 8 ? Byte(scales[s]) & 0xF : Byte(scales[s - 8]) >> 4;
      const int high = Byte(scales[8 + s % 4]) >> (2 * (s / 4)) & 3;
      t.Scale(g, s % 2, (low | high << 4) - 32);
    }
    TwoBits(t, g, 1, in + 32);
    t.Plane(g, 0, BitOfBytes(in, g));  // set: 4 more, of which zero takes 4 from all
  }
}

// Scale and minimum of each group, six bits of each in 12 bytes.
void SixBits(const std::byte* packed, const Target& t) {
  for (int s = 0; s < 4; ++s) {
    const int a = Byte(packed[s]), b = Byte(packed[s + 4]), c = Byte(packed[s + 8]);
    t.Scale(s, 0, a & 0x3F);
    t.Scale(s, 1, b & 0x3F);
    t.Scale(s + 4, 0, (c & 0xF) | a >> 6 << 4);
    t.Scale(s + 4, 1, c >> 4 | b >> 6 << 4);
  }
}

void PlaceQ4_K(const std::byte* in, const Target& t) {
  t.Half(t.header, 0, in);
  t.Half(t.header, 1, in + 2);
  SixBits(in + 4, t);
  for (int g = 0; g < kGroupsOfSuperblock; ++g) NibblesOfHalf(t, g, 0, in + 16 + g / 2 * 32, g % 2 != 0);
}

void PlaceQ5_K(const std::byte* in, const Target& t) {
  t.Half(t.header, 0, in);
  t.Half(t.header, 1, in + 2);
  SixBits(in + 4, t);
  for (int g = 0; g < kGroupsOfSuperblock; ++g) {
    NibblesOfHalf(t, g, 1, in + 48 + g / 2 * 32, g % 2 != 0);
    t.Plane(g, 0, BitOfBytes(in + 16, g));
  }
}

// Bytes 64 * half + l: element l of the half below, l + 64 above.
void PlaceQ6_K(const std::byte* in, const Target& t) {
  t.Half(t.header, 0, in + 208);
  for (int g = 0; g < kGroupsOfSuperblock; ++g) {
    for (int h = 0; h < 2; ++h) t.Scale(g, h, Byte(in[192 + 2 * g + h]));
    NibblesOfHalf(t, g, 2, in + g / 4 * 64 + g % 2 * 32, g % 4 >= 2);
    TwoBits(t, g, 0, in + 128);
  }
}

void PlaceIQ4_XS(const std::byte* in, const Target& t) {
  const int upper = Byte(in[2]) | Byte(in[3]) << 8;
  t.Half(t.header, 0, in);
  for (int g = 0; g < kGroupsOfSuperblock; ++g) {
    const int lower = Byte(in[4 + g / 2]) >> (4 * (g % 2)) & 0xF;
    t.Scale(g, 0, (lower | (upper >> (2 * g) & 3) << 4) - 32);
    Nibbles(t, g, 0, in + 8 + 16 * g);
  }
}

template <void (*kPlace)(const std::byte*, const Target&)>
void PlacePanels(const TensorView& weight, BlockFormat format, uint8_t* packed, int panel_begin, int panel_end) {
  const PanelLayout layout = PanelLayoutOf(format);
  const auto out_features = static_cast<int>(weight.shape[0]), in_features = static_cast<int>(weight.shape[1]);
  const size_t block_bytes = BlockOf(weight.dtype).bytes,
               row_bytes = RowBytes(weight.dtype, static_cast<size_t>(in_features)), blocks = row_bytes / block_bytes;
  const size_t panel_bytes = BlockPanelBytes(format, in_features), target_bytes = panel_bytes / blocks;
  for (int panel = panel_begin; panel < panel_end; ++panel) {
    const int columns = std::min(kColumns, out_features - panel * kColumns);
    uint8_t* target = packed + static_cast<size_t>(panel) * panel_bytes;
    if (columns < kColumns) std::memset(target, 0, panel_bytes);
    const std::byte* rows = weight.bytes.data() + static_cast<size_t>(panel * kColumns) * row_bytes;
    // Block by block through all columns: what they fill together, at most 9 KB, stays in L1.
    for (size_t b = 0; b < blocks; ++b, target += target_bytes) {
      Target t{target, target + kColumns * layout.header_bytes(), layout.group_bytes(), layout.scale_bytes(), 0};
      for (; t.column < columns; ++t.column) {
        kPlace(rows + static_cast<size_t>(t.column) * row_bytes + b * block_bytes, t);
      }
    }
  }
}

struct Format {
  DType dtype;
  BlockFormat format;
  void (*place_panels)(const TensorView&, BlockFormat, uint8_t*, int, int);
};
constexpr Format kFormats[] = {
    {DType::kQ8_0, kBlockQ8_0, PlacePanels<PlaceQ8_0>},     {DType::kQ4_0, kBlockQ4_0, PlacePanels<PlaceQ4_0>},
    {DType::kQ4_1, kBlockQ4_1, PlacePanels<PlaceQ4_1>},     {DType::kQ5_0, kBlockQ5_0, PlacePanels<PlaceQ5_0>},
    {DType::kQ5_1, kBlockQ5_1, PlacePanels<PlaceQ5_1>},     {DType::kQ2_K, kBlockQ2_K, PlacePanels<PlaceQ2_K>},
    {DType::kQ3_K, kBlockQ3_K, PlacePanels<PlaceQ3_K>},     {DType::kQ4_K, kBlockQ4_K, PlacePanels<PlaceQ4_K>},
    {DType::kQ5_K, kBlockQ5_K, PlacePanels<PlaceQ5_K>},     {DType::kQ6_K, kBlockQ6_K, PlacePanels<PlaceQ6_K>},
    {DType::kIQ4_NL, kBlockIQ4_NL, PlacePanels<PlaceQ4_0>}, {DType::kIQ4_XS, kBlockIQ4_XS, PlacePanels<PlaceIQ4_XS>},
};

}  // namespace

std::optional<BlockFormat> BlockFormatOf(DType dtype) {
  for (const Format& row : kFormats) {
    if (row.dtype == dtype) return row.format;
  }
  return std::nullopt;
}

DType DTypeOf(BlockFormat format) {
  for (const Format& row : kFormats) {
    if (row.format == format) return row.dtype;
  }
  BANTAM_CHECK(false, "block format {}", static_cast<int>(format));
}

void PackBlocks(const TensorView& weight, std::span<uint8_t> packed, int panel_begin, int panel_end) {
  for (const Format& row : kFormats) {
    if (row.dtype != weight.dtype) continue;
    BANTAM_CHECK(weight.shape.size() == 2 &&
                 weight.shape[1] % static_cast<int64_t>(BlockOf(weight.dtype).elements) == 0);
    const auto out = static_cast<int>(weight.shape[0]), in = static_cast<int>(weight.shape[1]);
    BANTAM_CHECK(
        packed.size() == PackedBlocksBytes(row.format, out, in) && panel_begin >= 0 && panel_end <= BlockPanels(out),
        "{} bytes for {} {}", packed.size(), DTypeName(weight.dtype), ShapeString(weight.shape));
    return row.place_panels(weight, row.format, packed.data(), panel_begin, panel_end);
  }
  BANTAM_CHECK(false, "{} is not a block format", DTypeName(weight.dtype));
}

}  // namespace bantam
