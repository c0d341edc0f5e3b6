// The scales of a group in a block format as floats, one policy for each BlockScales of block_panels.h. `kHalves`
// groups of 16 k have scales of their own, kBytes of a group; Load reads those of half `half` at the columns of
// kPanelVecs vectors, Begin the header of a superblock. The ISA brings LoadHalf and SignedLoad,
// UnsignedLoad, LowerLoad and UpperLoad (bytes, and nibbles of bytes).

namespace bantam {
namespace {

struct Scales {
  Vec scale[kPanelVecs], minimum[kPanelVecs];
};

struct HalfScales {
  static const int kHeaderBytes = 0, kHalves = 1, kBytes = 2 * kBlockColumns, kHasMinima = 0;
  BANTAM_INLINE void Begin(const uint8_t*, int, Scales*) {}
  BANTAM_INLINE void Load(const Scales&, const uint8_t* group, int, int column, Scales* out) {
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) out->scale[v] = LoadHalf((const uint16_t*)(group + 2 * (column + v * kLanes)));
  }
};

struct HalfScalesAndMinima {
  static const int kHeaderBytes = 0, kHalves = 1, kBytes = 4 * kBlockColumns, kHasMinima = 1;
  BANTAM_INLINE void Begin(const uint8_t*, int, Scales*) {}
  BANTAM_INLINE void Load(const Scales&, const uint8_t* group, int, int column, Scales* out) {
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      out->scale[v] = LoadHalf((const uint16_t*)(group + 2 * (column + v * kLanes)));
      out->minimum[v] = LoadHalf((const uint16_t*)(group + 2 * (kBlockColumns + column + v * kLanes)));
    }
  }
};

// kHalvesOfGroup: 1 for IQ4_XS, 2 for Q3_K and Q6_K.
template <int kHalvesOfGroup>
struct SignedScales {
  static const int kHeaderBytes = 2 * kBlockColumns, kHalves = kHalvesOfGroup, kBytes = kHalves * kBlockColumns,
                   kHasMinima = 0;
  BANTAM_INLINE void Begin(const uint8_t* header, int column, Scales* d) { HalfScales::Load(*d, header, 0, column, d); }
  BANTAM_INLINE void Load(const Scales& d, const uint8_t* group, int half, int column, Scales* out) {
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      out->scale[v] =
          Mul(d.scale[v], SignedLoad(group + (kHalves == 2 ? half : 0) * kBlockColumns + column + v * kLanes));
    }
  }
};

// Begin leaves dmin with its sign turned over: the minima are taken away.
struct ByteScalesAndMinima {
  static const int kHeaderBytes = 4 * kBlockColumns, kHalves = 1, kBytes = 2 * kBlockColumns, kHasMinima = 1;
  BANTAM_INLINE void Begin(const uint8_t* header, int column, Scales* d) {
    HalfScalesAndMinima::Load(*d, header, 0, column, d);
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) d->minimum[v] = Sub(Zero(), d->minimum[v]);
  }
  BANTAM_INLINE void Load(const Scales& d, const uint8_t* group, int, int column, Scales* out) {
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      out->scale[v] = Mul(d.scale[v], UnsignedLoad(group + column + v * kLanes));
      out->minimum[v] = Mul(d.minimum[v], UnsignedLoad(group + kBlockColumns + column + v * kLanes));
    }
  }
};

// Scale below, minimum above in one byte.
struct NibbleScales {
  static const int kHeaderBytes = 4 * kBlockColumns, kHalves = 2, kBytes = 2 * kBlockColumns, kHasMinima = 1;
  BANTAM_INLINE void Begin(const uint8_t* header, int column, Scales* d) {
    ByteScalesAndMinima::Begin(header, column, d);
  }
  BANTAM_INLINE void Load(const Scales& d, const uint8_t* group, int half, int column, Scales* out) {
#pragma GCC unroll 4
    for (int v = 0; v < kPanelVecs; ++v) {
      const uint8_t* both = group + half * kBlockColumns + column + v * kLanes;
      out->scale[v] = Mul(d.scale[v], LowerLoad(both));
      out->minimum[v] = Mul(d.minimum[v], UpperLoad(both));
    }
  }
};

}  // namespace
}  // namespace bantam
