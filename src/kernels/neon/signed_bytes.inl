// Byte products where the instruction set has none of mixed sign: the activations are shifted into the signed range,
// and what that takes away, 128 times the sum of the column's weights, comes back as an integer before the epilogue.

namespace bantam {
namespace {

typedef int32x4_t IVec;

// x - 128 for every byte
BANTAM_INLINE int8x16_t ToSigned(uint8x16_t x) { return vreinterpretq_s8_u8(veorq_u8(x, vdupq_n_u8(0x80))); }

// weight_sum is a whole number below 2^24 (kernel_table.h), so nothing is rounded.
BANTAM_INLINE Vec SumsToFloat(IVec sums, const float* weight_sum) {
  return vcvtq_f32_s32(vmlaq_n_s32(sums, vcvtq_s32_f32(Load(weight_sum)), 128));
}

}  // namespace
}  // namespace bantam
