// The levels of a group in a block format, one policy for each way that block_panels.h packs them: At<s>(planes) is
// step s of the columns of one vector, a level in each byte, from the planes at those columns. kFetchRows: from so many
// rows on a tile fetches its panel ahead itself; for each width the number that was measured best. The ISA brings the
// Byte... functions on its integer vector IVec; shifts by 16 bits will do, for what they bring in from the next byte is
// masked off.

namespace bantam {
namespace {

const int kPlaneRow = kBlockColumns * 4;

struct Levels8 {
  static const int kBits = 8, kPlaneBytes = 8 * kPlaneRow, kFetchRows = 5;
  template <int kStep>
  BANTAM_INLINE IVec At(const uint8_t* planes) {
    return ByteLoad(planes + kStep * kPlaneRow);
  }
};

struct Levels4 {
  static const int kBits = 4, kPlaneBytes = 4 * kPlaneRow, kFetchRows = 3;
  template <int kStep>
  BANTAM_INLINE IVec At(const uint8_t* planes) {
    const IVec both = ByteLoad(planes + kStep % 4 * kPlaneRow);
    return ByteAnd(kStep < 4 ? both : ByteShiftRight<4>(both), ByteSet(0x0f));
  }
};

struct Levels4Table {
  static const int kBits = 8, kPlaneBytes = 4 * kPlaneRow, kFetchRows = 3;
  template <int kStep>
  BANTAM_INLINE IVec At(const uint8_t* planes) {
    return ByteLookUp(kNonLinear, Levels4::At<kStep>(planes));
  }
  static const uint8_t kNonLinear[16];
};
const uint8_t Levels4Table::kNonLinear[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};

// Bit kFrom of each byte of a plane, and those above it that `mask` keeps, moved to bit kTo.
template <int kFrom, int kTo>
BANTAM_INLINE IVec MoveBits(IVec plane, char mask) {
  const int kLeft = kTo > kFrom ? kTo - kFrom : 0, kRight = kFrom > kTo ? kFrom - kTo : 0;
  return ByteAnd(ByteShiftRight<kRight>(ByteShiftLeft<kLeft>(plane)), ByteSet(mask));
}

struct Levels2 {
  static const int kBits = 2, kPlaneBytes = 2 * kPlaneRow, kFetchRows = 2;
  template <int kStep>
  BANTAM_INLINE IVec At(const uint8_t* planes) {
    return MoveBits<kStep % 4 * 2, 0>(ByteLoad(planes + kStep / 4 * kPlaneRow), 0x03);
  }
};

struct Levels3 {
  static const int kBits = 3, kPlaneBytes = 3 * kPlaneRow, kFetchRows = 2;
  template <int kStep>
  BANTAM_INLINE IVec At(const uint8_t* planes) {
    return ByteOr(Levels2::At<kStep>(planes + kPlaneRow), MoveBits<kStep, 2>(ByteLoad(planes), 0x04));
  }
};

struct Levels5 {
  static const int kBits = 5, kPlaneBytes = 5 * kPlaneRow, kFetchRows = 2;
  template <int kStep>
  BANTAM_INLINE IVec At(const uint8_t* planes) {
    return ByteOr(Levels4::At<kStep>(planes + kPlaneRow), MoveBits<kStep, 4>(ByteLoad(planes), 0x10));
  }
};

struct Levels6 {
  static const int kBits = 6, kPlaneBytes = 6 * kPlaneRow, kFetchRows = 2;
  template <int kStep>
  BANTAM_INLINE IVec At(const uint8_t* planes) {
    return ByteOr(Levels4::At<kStep>(planes + 2 * kPlaneRow),
                  MoveBits<kStep % 4 * 2, 4>(ByteLoad(planes + kStep / 4 * kPlaneRow), 0x30));
  }
};

}  // namespace
}  // namespace bantam
