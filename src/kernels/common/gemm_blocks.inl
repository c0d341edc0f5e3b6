// Products with weights in block formats: the loop over tiles and groups, and the way to f32. Each ISA brings
//   IVec, kBlockRows, kPanelVecs, BANTAM_BLOCK_ROWS, BANTAM_BLOCK_SIGNED_BYTES
//   ByteSums(bytes, out): the sums of sixteen and of the next sixteen signed bytes
//   BlockSums<Levels, half, rows>(planes, x, x_stride, sums): sums[r][v] += the products of steps 4 half to 4 half + 3
// and what block_levels.inl and block_scales.inl need. With BANTAM_BLOCK_SIGNED_BYTES its products of 8 bits are of
// level - 128, else of the level itself.

namespace bantam {
namespace {

BANTAM_INLINE int32_t IntAt(const uint8_t* p) {
  int32_t value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}
BANTAM_INLINE float FloatAt(const uint8_t* p) {
  float value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

// How far ahead a tile that is alone fetches its panel.
const int kBlockFetch = 16384, kBlockFetchOneRow = 3072;

// Whether every tile does. What Intel's processors fetch by themselves is 70 % of what memory gives (Emerald Rapids,
// one row of 4 bits, or two to four of bytes), with this 90; AMD's (Zen 4) reach 86 % without.
BANTAM_INLINE int FetchesAlways(void) {
#if defined(__x86_64__)
  return __builtin_cpu_is("intel");
#else
  return 0;
#endif
}

// Into L2.
BANTAM_INLINE void FetchLines(const uint8_t* p, int begin, int end) {
  for (int line = begin; line < end; ++line) __builtin_prefetch(p + 64 * line, 0, 2);
}

template <class Levels, class Scaling, int kZero, int kRows>
void GemmBlocksTile(const struct GemmBlocksArgs* args, int row, int panel, int column, int tile, int tiles) {
  const int kGroupBytes = Scaling::kBytes + Levels::kPlaneBytes, kHalves = Scaling::kHalves;
  const int kTaken =
      BANTAM_BLOCK_SIGNED_BYTES && Levels::kBits == 8 ? 0 : kZero;  // from the levels, by way of the sums
  const int k = args->in_features, groups = k / kBlockGroup;
  const int supers = Scaling::kHeaderBytes > 0 ? groups / kGroupsOfSuperblock : 0;
  const ptrdiff_t stride = args->x_stride,
                  panel_bytes = (ptrdiff_t)groups * kGroupBytes + supers * Scaling::kHeaderBytes;
  const uint8_t* at = args->packed + panel * panel_bytes;
  const uint8_t* x = args->x + row * stride;
  const uint8_t* x_scale = x + k;
  // Behind the scales: sums, sums of halves, and the same two scaled.
  const uint8_t* x_sum = x_scale + (kHalves == 1 ? groups * 4 : groups * 8);
  const uint8_t* x_scaled_sum = x_scale + (kHalves == 1 ? groups * 16 : groups * 20);

  Vec acc[kRows][kPanelVecs];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) acc[r][v] = Zero();
  }
  Scales header;  // set at the first group; gcc 12 does not see it
#pragma GCC unroll 4
  for (int v = 0; v < kPanelVecs; ++v) header.scale[v] = header.minimum[v] = Zero();
  // With more work for each byte the hardware's own prefetching falls asleep between the loads: then a tile fetches
  // ahead into L2, a tile among several its share of the next panel. With little work that would only be in its way,
  // but that one row of bytes is read at 29 GB/s in place of 26.
  const bool always = FetchesAlways() != 0, one_of_bytes = kRows == 1 && Levels::kPlaneBytes == 8 * kPlaneRow;
  const bool fetches = always || kRows >= Levels::kFetchRows || tiles > 1 || one_of_bytes;
  const ptrdiff_t ahead = tiles > 1 ? panel_bytes : one_of_bytes && !always ? kBlockFetchOneRow : kBlockFetch;
  // Of each group a few lines at a time: more at once than a core can wait for hold up its own loads.
  const int kLines = (kGroupBytes + 63) / 64, kHeaderLines = (Scaling::kHeaderBytes + 63) / 64;
  const int first_line = fetches && tiles > 1 ? kLines * tile / tiles : 0;
  const int end_line = !fetches ? 0 : tiles > 1 ? kLines * (tile + 1) / tiles : kLines;
  const int middle_line = (first_line + end_line) / 2;
  for (int g = 0; g < groups; ++g, at += kGroupBytes, x += kBlockGroup) {
    if (Scaling::kHeaderBytes > 0 && g % kGroupsOfSuperblock == 0) {
      Scaling::Begin(at, column, &header);
      if (fetches) FetchLines(at + ahead, 0, kHeaderLines);
      at += Scaling::kHeaderBytes;
    }
    IVec sums[kRows][kPanelVecs];
    Vec first[kRows][kPanelVecs];  // of the first of two halves
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      if (half == 0 || kHalves == 2) {
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          const int32_t zero = kTaken == 0 ? 0 : -kTaken * IntAt(x_sum + r * stride + 4 * (g * kHalves + half));
#pragma GCC unroll 4
          for (int v = 0; v < kPanelVecs; ++v) sums[r][v] = WideSet32(zero);
        }
      }
      FetchLines(at + ahead, half == 0 ? first_line : middle_line, half == 0 ? middle_line : end_line);
      const uint8_t* planes = at + Scaling::kBytes + column * 4;
      if (half == 0) BlockSums<Levels, 0, kRows>(planes, x, stride, sums);
      if (half == 1) BlockSums<Levels, 1, kRows>(planes, x, stride, sums);
      if (half == 0 && kHalves == 1) continue;
      Scales scales;
      Scaling::Load(header, at, half, column, &scales);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const Vec scale = Set(FloatAt(x_scale + r * stride + 4 * g));
#pragma GCC unroll 4
        for (int v = 0; v < kPanelVecs; ++v) {
          const Vec here = WideToFloat(sums[r][v]);
          if (half == 0) {
            first[r][v] = Mul(here, scales.scale[v]);
          } else {
            const Vec both = kHalves == 2 ? Fma(here, scales.scale[v], first[r][v]) : Mul(here, scales.scale[v]);
            acc[r][v] = Fma(both, scale, acc[r][v]);
          }
        }
        if (Scaling::kHasMinima == 0) continue;
        const Vec sum = Set(FloatAt(x_scaled_sum + r * stride + 4 * (kHalves == 1 ? g : 2 * g + half)));
#pragma GCC unroll 4
        for (int v = 0; v < kPanelVecs; ++v) acc[r][v] = Fma(scales.minimum[v], sum, acc[r][v]);
      }
    }
  }

  const int n = panel * kBlockColumns + column, valid = args->out_features - n;
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    float* out = args->out + (row + r) * args->out_stride + n;
    const float* residual = args->residual == NULL ? NULL : args->residual + (row + r) * args->residual_stride + n;
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      const int left = valid - v * kLanes;
      if (left <= 0) break;
      const int lanes = left < kLanes ? left : kLanes;
      Vec y = acc[r][v];
      if (args->bias != NULL) y = Add(y, LoadPart(args->bias + n + v * kLanes, lanes, Zero()));
      if (residual != NULL) y = Add(y, LoadPart(residual + v * kLanes, lanes, Zero()));
      if (lanes == kLanes) {
        Store(out + v * kLanes, y);
      } else {
        StorePart(out + v * kLanes, lanes, y);
      }
    }
  }
  if (args->activation != kActivationNone) {
    ActivateBlock(args->out + row * args->out_stride + n, args->out_stride, kRows,
                  valid < kPanelVecs * kLanes ? valid : kPanelVecs * kLanes, args->activation);
  }
}

template <class Levels, class Scaling, int kZero>
void GemmBlocksOf(const struct GemmBlocksArgs* args) {
  const int tiles = (args->num_rows + kBlockRows - 1) / kBlockRows;
  for (int panel = args->panel_begin; panel < args->panel_end; ++panel) {
    for (int tile = 0; tile < tiles; ++tile) {
      const int row = (int)((int64_t)args->num_rows * tile / tiles);
      const int rows = (int)((int64_t)args->num_rows * (tile + 1) / tiles) - row;
      for (int column = 0; column < kBlockColumns; column += kPanelVecs * kLanes) {
        if (panel * kBlockColumns + column >= args->out_features) break;
        switch (rows) {
          case 1:
            GemmBlocksTile<Levels, Scaling, kZero, 1>(args, row, panel, column, tile, tiles);
            break;
#if BANTAM_BLOCK_ROWS > 2
          case 2:
            GemmBlocksTile<Levels, Scaling, kZero, 2>(args, row, panel, column, tile, tiles);
            break;
#endif
#if BANTAM_BLOCK_ROWS > 3
          case 3:
            GemmBlocksTile<Levels, Scaling, kZero, 3>(args, row, panel, column, tile, tiles);
            break;
          case 4:
            GemmBlocksTile<Levels, Scaling, kZero, 4>(args, row, panel, column, tile, tiles);
            break;
          case 5:
            GemmBlocksTile<Levels, Scaling, kZero, 5>(args, row, panel, column, tile, tiles);
            break;
#endif
          default:
            GemmBlocksTile<Levels, Scaling, kZero, kBlockRows>(args, row, panel, column, tile, tiles);
            break;
        }
      }
    }
  }
}

void GemmBlocks(const struct GemmBlocksArgs* args) {
  switch (args->format) {
    case kBlockQ8_0:
      return GemmBlocksOf<Levels8, HalfScales, 128>(args);
    case kBlockQ4_0:
      return GemmBlocksOf<Levels4, HalfScales, 8>(args);
    case kBlockQ4_1:
      return GemmBlocksOf<Levels4, HalfScalesAndMinima, 0>(args);
    case kBlockQ5_0:
      return GemmBlocksOf<Levels5, HalfScales, 16>(args);
    case kBlockQ5_1:
      return GemmBlocksOf<Levels5, HalfScalesAndMinima, 0>(args);
    case kBlockQ2_K:
      return GemmBlocksOf<Levels2, NibbleScales, 0>(args);
    case kBlockQ3_K:
      return GemmBlocksOf<Levels3, SignedScales<2>, 4>(args);
    case kBlockQ4_K:
      return GemmBlocksOf<Levels4, ByteScalesAndMinima, 0>(args);
    case kBlockQ5_K:
      return GemmBlocksOf<Levels5, ByteScalesAndMinima, 0>(args);
    case kBlockQ6_K:
      return GemmBlocksOf<Levels6, SignedScales<2>, 32>(args);
    case kBlockIQ4_NL:
      return GemmBlocksOf<Levels4Table, HalfScales, 128>(args);
    case kBlockIQ4_XS:
      return GemmBlocksOf<Levels4Table, SignedScales<1>, 128>(args);
  }
}

// Same operations as the scalar level, so the same bytes.
void QuantizeBlocks(const struct QuantizeBlocksArgs* args) {
  const int groups = args->columns / kBlockGroup, kVecs = kBlockGroup / kLanes;
  for (int r = 0; r < args->num_rows; ++r) {
    const float* x = args->x + r * args->x_stride;
    uint8_t* out = args->out + r * args->out_stride;
    float* scales = (float*)(out + args->columns);
    int32_t* sums = (int32_t*)(scales + groups);
    int32_t* half_sums = sums + groups;
    float* scaled_sums = (float*)(half_sums + 2 * groups);
    float* scaled_half_sums = scaled_sums + groups;
    for (int g = 0; g < groups; ++g, x += kBlockGroup, out += kBlockGroup) {
      Vec values[kVecs], top = Zero();
#pragma GCC unroll 8
      for (int i = 0; i < kVecs; ++i) {
        values[i] = Load(x + i * kLanes);
        top = Max(top, Abs(values[i]));
      }
      const float largest = MaxLanes(top), scale = largest / 127.0f;
      const Vec inverse = Set(largest > 1e-30f ? 127.0f / largest : 0.0f);
#pragma GCC unroll 8
      for (int i = 0; i < kVecs; ++i) StoreSigned((int8_t*)out + i * kLanes, Round(Mul(values[i], inverse)));
      scales[g] = scale;
    }
    const int8_t* levels = (const int8_t*)(out - args->columns);
    for (int g = 0; g < groups; ++g) ByteSums(levels + g * kBlockGroup, half_sums + 2 * g);
    for (int g = 0; g < groups; ++g) {
      sums[g] = half_sums[2 * g] + half_sums[2 * g + 1];
      scaled_sums[g] = scales[g] * (float)sums[g];
    }
    for (int g = 0; g < groups; ++g) {
      scaled_half_sums[2 * g] = scales[g] * (float)half_sums[2 * g];
      scaled_half_sums[2 * g + 1] = scales[g] * (float)half_sums[2 * g + 1];
    }
  }
}

}  // namespace
}  // namespace bantam
