// One function for each format places one block of one column, or of four beside each other, into its place in a panel.
// `Target` knows where the parts of a group lie. Four bytes of a column are what a plane has of it in each row: of four
// columns, 16 bytes of the file each, turned about their diagonal, make 16 bytes of four rows.
#include "tensor/block_packing.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/check.h"

namespace bantam {
namespace {

constexpr int kColumns = kBlockColumns;
constexpr size_t kPlaneRow = kColumns * 4;

// Four bytes of one column, and of four.
using One = uint32_t;
using Four = uint32_t __attribute__((vector_size(16)));
template <typename V>
constexpr int kLanes = sizeof(V) / sizeof(uint32_t);

uint8_t Byte(std::byte b) { return std::to_integer<uint8_t>(b); }

template <typename V>
V Load(const std::byte* p) {
  V value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// A place in the blocks of one row of the matrix, or of four that follow each other.
struct Source {
  const std::byte* at;
  size_t row_bytes;

  Source operator+(size_t bytes) const { return {at + bytes, row_bytes}; }
  const std::byte* Row(int lane) const { return at + static_cast<size_t>(lane) * row_bytes; }
};

// Four bytes of each row.
template <typename V>
V Word(const Source& in) {
  if constexpr (kLanes<V> == 1) {
    return Load<One>(in.at);
  } else {
    return V{Load<One>(in.Row(0)), Load<One>(in.Row(1)), Load<One>(in.Row(2)), Load<One>(in.Row(3))};
  }
}

// 16 bytes of each row, four at a time.
template <typename V>
std::array<V, 4> Words(const Source& in) {
  if constexpr (kLanes<V> == 1) {
    return {Load<One>(in.at), Load<One>(in.at + 4), Load<One>(in.at + 8), Load<One>(in.at + 12)};
  } else {
    const V a = Load<V>(in.Row(0)), b = Load<V>(in.Row(1)), c = Load<V>(in.Row(2)), d = Load<V>(in.Row(3));
    const V ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const V ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
            __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
            __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
  }
}

// Columns of a superblock, or of a group where the format has no superblocks: kLanes of them from `column` on.
template <typename V>
struct Target {
  uint8_t* header;
  uint8_t* groups;
  size_t group_bytes, scale_bytes;
  int column;

  uint8_t* Scales(int group) const { return groups + static_cast<size_t>(group) * group_bytes; }
  // Number `index` of the 16-bit floats at `halves`, copied from the file.
  void Half(uint8_t* halves, int index, const Source& half) const {
    for (int lane = 0; lane < kLanes<V>; ++lane) {
      std::memcpy(halves + 2 * (index * kColumns + column + lane), half.Row(lane), 2);
    }
  }
  // Number `index` of the bytes of scales.
  void Scale(int group, int index, int lane, int value) const {
    Scales(group)[index * kColumns + column + lane] = static_cast<uint8_t>(value);
  }
  void Plane(int group, int row, V four) const {
    std::memcpy(Scales(group) + kColumns * scale_bytes + static_cast<size_t>(row) * kPlaneRow + 4 * column, &four,
                sizeof four);
  }
};

// The fifth bits of a block, one word of 32, as a plane of single bits: bit k goes to byte k % 4, bit k / 4.
template <typename V>
V SpreadFifth(V fifth) {
  V plane{};
  for (int step = 0; step < 8; ++step) {
    const V four = fifth >> (4 * step) & 0xFU;
    plane |= ((four * 0x00204081U) & 0x01010101U) << step;  // bit i to byte i
  }
  return plane;
}

// 32 bytes of each row, one for each k.
template <typename V>
struct Bytes32 {
  std::array<V, 4> low, high;
  explicit Bytes32(const Source& in) : low(Words<V>(in)), high(Words<V>(in + 16)) {}

  // Bit `bit` of each, as a plane of single bits.
  V Bits(int bit) const {
    V plane{};
    for (size_t i = 0; i < 4; ++i) {
      plane |= (low[i] >> bit & 0x01010101U) << i | (high[i] >> bit & 0x01010101U) << (i + 4);
    }
    return plane;
  }
};

// Bits `bit` and above it of 16 bytes, as a row of a plane of two bits.
template <typename V>
V TwoBitsOf(const std::array<V, 4>& bytes, int bit) {
  V plane{};
  for (size_t i = 0; i < 4; ++i) plane |= (bytes[i] >> bit & 0x03030303U) << (2 * i);
  return plane;
}

// 16 bytes of nibbles: k below, k + 16 above, which is the order of the plane too.
template <typename V>
void Nibbles(const Target<V>& t, int group, int row, const Source& in) {
  const std::array<V, 4> nibbles = Words<V>(in);
  for (int i = 0; i < 4; ++i) t.Plane(group, row + i, nibbles[static_cast<size_t>(i)]);
}

// 32 bytes, whose lower halves are the nibbles of one group and whose upper halves those of another.
template <typename V>
void NibblesOfPair(const Target<V>& t, int lower, int upper, int row, const Source& in) {
  const Bytes32<V> bytes(in);
  for (int i = 0; i < 4; ++i) {
    const V low = bytes.low[static_cast<size_t>(i)], high = bytes.high[static_cast<size_t>(i)];
    t.Plane(lower, row + i, (low & 0x0F0F0F0FU) | (high & 0x0F0F0F0FU) << 4);
    t.Plane(upper, row + i, (low >> 4 & 0x0F0F0F0FU) | (high & 0xF0F0F0F0U));
  }
}

template <typename V>
void PlaceQ8_0(const Source& in, const Target<V>& t) {
  t.Half(t.Scales(0), 0, in);
  const Bytes32<V> bytes(in + 2);
  for (int i = 0; i < 4; ++i) {  // less 128 it is the signed byte
    t.Plane(0, i, bytes.low[static_cast<size_t>(i)] ^ 0x80808080U);
    t.Plane(0, i + 4, bytes.high[static_cast<size_t>(i)] ^ 0x80808080U);
  }
}

template <typename V>
void PlaceQ4_0(const Source& in, const Target<V>& t) {
  t.Half(t.Scales(0), 0, in);
  Nibbles(t, 0, 0, in + 2);
}

template <typename V>
void PlaceQ4_1(const Source& in, const Target<V>& t) {
  t.Half(t.Scales(0), 0, in);
  t.Half(t.Scales(0), 1, in + 2);
  Nibbles(t, 0, 0, in + 4);
}

template <typename V>
void PlaceQ5_0(const Source& in, const Target<V>& t) {
  t.Half(t.Scales(0), 0, in);
  t.Plane(0, 0, SpreadFifth(Word<V>(in + 2)));
  Nibbles(t, 0, 1, in + 6);
}

template <typename V>
void PlaceQ5_1(const Source& in, const Target<V>& t) {
  t.Half(t.Scales(0), 0, in);
  t.Half(t.Scales(0), 1, in + 2);
  t.Plane(0, 0, SpreadFifth(Word<V>(in + 4)));
  Nibbles(t, 0, 1, in + 8);
}

// The two-bit formats: byte 32 * half + l has element l of each of the four groups of that half.
template <typename V>
void TwoBits(const Target<V>& t, int row, const Source& in) {
  for (int half = 0; half < 2; ++half) {
    const Bytes32<V> bytes(in + 32 * static_cast<size_t>(half));
    for (int i = 0; i < 4; ++i) {
      t.Plane(4 * half + i, row, TwoBitsOf(bytes.low, 2 * i));
      t.Plane(4 * half + i, row + 1, TwoBitsOf(bytes.high, 2 * i));
    }
  }
}

template <typename V>
void PlaceQ2_K(const Source& in, const Target<V>& t) {
  t.Half(t.header, 0, in + 80);
  t.Half(t.header, 1, in + 82);
  for (int lane = 0; lane < kLanes<V>; ++lane) {
    for (int s = 0; s < 2 * kGroupsOfSuperblock; ++s) t.Scale(s / 2, s % 2, lane, Byte(in.Row(lane)[s]));
  }
  TwoBits(t, 0, in + 16);
}

template <typename V>
void PlaceQ3_K(const Source& in, const Target<V>& t) {
  t.Half(t.header, 0, in + 108);
  for (int lane = 0; lane < kLanes<V>; ++lane) {
    const std::byte* scales = in.Row(lane) + 96;
    for (int s = 0; s < 2 * kGroupsOfSuperblock; ++s) {
      const int low = s < 8 ? Byte(scales[s]) & 0xF : Byte(scales[s - 8]) >> 4;
      const int high = Byte(scales[8 + s % 4]) >> (2 * (s / 4)) & 3;
      t.Scale(s / 2, s % 2, lane, (low | high << 4) - 32);
    }
  }
  TwoBits(t, 1, in + 32);
  const Bytes32<V> high(in);
  for (int g = 0; g < kGroupsOfSuperblock; ++g)
    t.Plane(g, 0, high.Bits(g));  // set: 4 more, of which zero takes 4 from all
}

// Scale and minimum of each group, six bits of each in 12 bytes.
template <typename V>
void SixBits(const Source& in, const Target<V>& t) {
  for (int lane = 0; lane < kLanes<V>; ++lane) {
    const std::byte* packed = in.Row(lane);
    for (int s = 0; s < 4; ++s) {
      const int a = Byte(packed[s]), b = Byte(packed[s + 4]), c = Byte(packed[s + 8]);
      t.Scale(s, 0, lane, a & 0x3F);
      t.Scale(s, 1, lane, b & 0x3F);
      t.Scale(s + 4, 0, lane, (c & 0xF) | a >> 6 << 4);
      t.Scale(s + 4, 1, lane, c >> 4 | b >> 6 << 4);
    }
  }
}

template <typename V>
void PlaceQ4_K(const Source& in, const Target<V>& t) {
  t.Half(t.header, 0, in);
  t.Half(t.header, 1, in + 2);
  SixBits(in + 4, t);
  for (int i = 0; i < 4; ++i) NibblesOfPair(t, 2 * i, 2 * i + 1, 0, in + 16 + 32 * static_cast<size_t>(i));
}

template <typename V>
void PlaceQ5_K(const Source& in, const Target<V>& t) {
  t.Half(t.header, 0, in);
  t.Half(t.header, 1, in + 2);
  SixBits(in + 4, t);
  for (int i = 0; i < 4; ++i) NibblesOfPair(t, 2 * i, 2 * i + 1, 1, in + 48 + 32 * static_cast<size_t>(i));
  const Bytes32<V> fifth(in + 16);
  for (int g = 0; g < kGroupsOfSuperblock; ++g) t.Plane(g, 0, fifth.Bits(g));
}

// Bytes 64 * half + l: element l of the half below, l + 64 above.
template <typename V>
void PlaceQ6_K(const Source& in, const Target<V>& t) {
  t.Half(t.header, 0, in + 208);
  for (int lane = 0; lane < kLanes<V>; ++lane) {
    for (int s = 0; s < 2 * kGroupsOfSuperblock; ++s) t.Scale(s / 2, s % 2, lane, Byte(in.Row(lane)[192 + s]));
  }
  for (int i = 0; i < 4; ++i) {
    const int lower = i / 2 * 4 + i % 2;
    NibblesOfPair(t, lower, lower + 2, 2, in + 32 * static_cast<size_t>(i));
  }
  TwoBits(t, 0, in + 128);
}

template <typename V>
void PlaceIQ4_XS(const Source& in, const Target<V>& t) {
  t.Half(t.header, 0, in);
  for (int lane = 0; lane < kLanes<V>; ++lane) {
    const std::byte* block = in.Row(lane);
    const int upper = Byte(block[2]) | Byte(block[3]) << 8;
    for (int g = 0; g < kGroupsOfSuperblock; ++g) {
      const int lower = Byte(block[4 + g / 2]) >> (4 * (g % 2)) & 0xF;
      t.Scale(g, 0, lane, (lower | (upper >> (2 * g) & 3) << 4) - 32);
    }
  }
  for (int g = 0; g < kGroupsOfSuperblock; ++g) Nibbles(t, g, 0, in + 8 + 16 * static_cast<size_t>(g));
}

// Columns of a panel that are placed at once: one, or four whose rows lie at equal distances.
struct Columns {
  int begin, count;
  Source rows;
};

std::vector<Columns> ColumnsOf(const TensorView& weight, size_t row_bytes, int first, int count,
                               const RowOrder& order) {
  const auto row = [&](int column) { return order.InFile(first + column); };
  std::vector<Columns> list;
  for (int column = 0; column < count;) {
    const int64_t at = row(column), step = column + 1 < count ? row(column + 1) - at : 0;
    const bool four =
        column + 4 <= count && step > 0 && row(column + 2) == at + 2 * step && row(column + 3) == at + 3 * step;
    list.push_back({column,
                    four ? 4 : 1,
                    {weight.bytes.data() + static_cast<size_t>(at) * row_bytes,
                     four ? static_cast<size_t>(step) * row_bytes : 0}});
    column += list.back().count;
  }
  return list;
}

template <void (*kPlaceFour)(const Source&, const Target<Four>&), void (*kPlaceOne)(const Source&, const Target<One>&)>
void PlacePanels(const TensorView& weight, BlockFormat format, uint8_t* packed, int panel_begin, int panel_end,
                 const RowOrder& order) {
  const PanelLayout layout = PanelLayoutOf(format);
  const auto out_features = static_cast<int>(weight.shape[0]), in_features = static_cast<int>(weight.shape[1]);
  const size_t block_bytes = BlockOf(weight.dtype).bytes,
               row_bytes = RowBytes(weight.dtype, static_cast<size_t>(in_features)), blocks = row_bytes / block_bytes;
  const size_t panel_bytes = BlockPanelBytes(format, in_features), target_bytes = panel_bytes / blocks;
  const size_t header_bytes = kColumns * layout.header_bytes(), group_bytes = layout.group_bytes(),
               scale_bytes = layout.scale_bytes();
  for (int panel = panel_begin; panel < panel_end; ++panel) {
    const int first = panel * kColumns, count = std::min(kColumns, out_features - first);
    uint8_t* target = packed + static_cast<size_t>(panel) * panel_bytes;
    if (count < kColumns) std::memset(target, 0, panel_bytes);
    const std::vector<Columns> columns = ColumnsOf(weight, row_bytes, first, count, order);
    // Block by block through all columns: what they fill together, at most 9 KB, stays in L1. So many rows side by side
    // are more than the hardware fetches ahead: without asking for the next panel, 3 GB/s in place of 7.
    const std::byte* rows = weight.bytes.data() + static_cast<size_t>(first) * row_bytes;
    const size_t ahead = panel + 1 < panel_end ? kColumns * block_bytes : 0;
    for (size_t b = 0; b < blocks; ++b, target += target_bytes) {
      const std::byte* next = rows + kColumns * row_bytes + b * ahead;
      for (size_t line = 0; line < ahead; line += 64) __builtin_prefetch(next + line, 0, 2);
      for (const Columns& some : columns) {
        const Source in = some.rows + b * block_bytes;
        if (some.count == 4) {
          kPlaceFour(in, {target, target + header_bytes, group_bytes, scale_bytes, some.begin});
        } else {
          kPlaceOne(in, {target, target + header_bytes, group_bytes, scale_bytes, some.begin});
        }
      }
    }
  }
}

struct Format {
  DType dtype;
  BlockFormat format;
  void (*place_panels)(const TensorView&, BlockFormat, uint8_t*, int, int, const RowOrder&);
};
constexpr Format kFormats[] = {
    {DType::kQ8_0, kBlockQ8_0, PlacePanels<PlaceQ8_0<Four>, PlaceQ8_0<One>>},
    {DType::kQ4_0, kBlockQ4_0, PlacePanels<PlaceQ4_0<Four>, PlaceQ4_0<One>>},
    {DType::kQ4_1, kBlockQ4_1, PlacePanels<PlaceQ4_1<Four>, PlaceQ4_1<One>>},
    {DType::kQ5_0, kBlockQ5_0, PlacePanels<PlaceQ5_0<Four>, PlaceQ5_0<One>>},
    {DType::kQ5_1, kBlockQ5_1, PlacePanels<PlaceQ5_1<Four>, PlaceQ5_1<One>>},
    {DType::kQ2_K, kBlockQ2_K, PlacePanels<PlaceQ2_K<Four>, PlaceQ2_K<One>>},
    {DType::kQ3_K, kBlockQ3_K, PlacePanels<PlaceQ3_K<Four>, PlaceQ3_K<One>>},
    {DType::kQ4_K, kBlockQ4_K, PlacePanels<PlaceQ4_K<Four>, PlaceQ4_K<One>>},
    {DType::kQ5_K, kBlockQ5_K, PlacePanels<PlaceQ5_K<Four>, PlaceQ5_K<One>>},
    {DType::kQ6_K, kBlockQ6_K, PlacePanels<PlaceQ6_K<Four>, PlaceQ6_K<One>>},
    {DType::kIQ4_NL, kBlockIQ4_NL, PlacePanels<PlaceQ4_0<Four>, PlaceQ4_0<One>>},
    {DType::kIQ4_XS, kBlockIQ4_XS, PlacePanels<PlaceIQ4_XS<Four>, PlaceIQ4_XS<One>>},
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

void PackBlocks(const TensorView& weight, std::span<uint8_t> packed, int panel_begin, int panel_end,
                const RowOrder& order) {
  for (const Format& row : kFormats) {
    if (row.dtype != weight.dtype) continue;
    BANTAM_CHECK(weight.shape.size() == 2 &&
                 weight.shape[1] % static_cast<int64_t>(BlockOf(weight.dtype).elements) == 0);
    const auto out = static_cast<int>(weight.shape[0]), in = static_cast<int>(weight.shape[1]);
    BANTAM_CHECK(
        packed.size() == PackedBlocksBytes(row.format, out, in) && panel_begin >= 0 && panel_end <= BlockPanels(out),
        "{} bytes for {} {}", packed.size(), DTypeName(weight.dtype), ShapeString(weight.shape));
    return row.place_panels(weight, row.format, packed.data(), panel_begin, panel_end, order);
  }
  BANTAM_CHECK(false, "{} is not a block format", DTypeName(weight.dtype));
}

}  // namespace bantam
