// Vec: four floats. What common/*.inl needs from an instruction set, here the NEON that every aarch64 processor has.
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

namespace bantam {
namespace {

#define BANTAM_INLINE static inline __attribute__((always_inline))

typedef float32x4_t Vec;
const int kLanes = 4;
const int kTileRows = 5, kTileVecs = 4;  // 20 accumulators, 4 weights, 5 activations; with a sixth row gcc 12 spills

BANTAM_INLINE Vec Load(const float* p) { return vld1q_f32(p); }
// Lanes [n, 4) are `fill`; memory past n is not touched.
BANTAM_INLINE Vec LoadPart(const float* p, int n, Vec fill) {
  if (n > 0) fill = vld1q_lane_f32(p, fill, 0);
  if (n > 1) fill = vld1q_lane_f32(p + 1, fill, 1);
  if (n > 2) fill = vld1q_lane_f32(p + 2, fill, 2);
  if (n > 3) fill = vld1q_lane_f32(p + 3, fill, 3);
  return fill;
}
BANTAM_INLINE Vec LoadInt8(const int8_t* p) {
  uint32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const int16x8_t words = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(four)));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(words)));
}
BANTAM_INLINE Vec LoadInt8Part(const int8_t* p, int n) {
  int8_t bytes[4] = {0, 0, 0, 0};
  for (int i = 0; i < n && i < 4; ++i) bytes[i] = p[i];
  return LoadInt8(bytes);
}
BANTAM_INLINE Vec LoadBf16(const uint16_t* p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
// The first or the second of each of four pairs.
BANTAM_INLINE Vec LoadBf16Of(const uint16_t* pairs, int second) {
  const uint32x4_t up = vshlq_u32(vreinterpretq_u32_u16(vld1q_u16(pairs)), vdupq_n_s32(second != 0 ? 0 : 16));
  return vreinterpretq_f32_u32(vandq_u32(up, vdupq_n_u32(0xffff0000)));
}
BANTAM_INLINE Vec LoadHalf(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
BANTAM_INLINE void StoreHalf(uint16_t* p, Vec x) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x))); }
BANTAM_INLINE void Store(float* p, Vec x) { vst1q_f32(p, x); }
BANTAM_INLINE void StorePart(float* p, int n, Vec x) {
  if (n > 0) vst1q_lane_f32(p, x, 0);
  if (n > 1) vst1q_lane_f32(p + 1, x, 1);
  if (n > 2) vst1q_lane_f32(p + 2, x, 2);
  if (n > 3) vst1q_lane_f32(p + 3, x, 3);
}
BANTAM_INLINE Vec Set(float x) { return vdupq_n_f32(x); }
BANTAM_INLINE Vec Zero() { return vdupq_n_f32(0.0f); }
BANTAM_INLINE Vec Add(Vec a, Vec b) { return vaddq_f32(a, b); }
BANTAM_INLINE Vec Sub(Vec a, Vec b) { return vsubq_f32(a, b); }
BANTAM_INLINE Vec Mul(Vec a, Vec b) { return vmulq_f32(a, b); }
BANTAM_INLINE Vec Div(Vec a, Vec b) { return vdivq_f32(a, b); }
BANTAM_INLINE Vec Fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }   // a b + c
BANTAM_INLINE Vec Fnma(Vec a, Vec b, Vec c) { return vfmsq_f32(c, a, b); }  // c - a b
BANTAM_INLINE Vec Min(Vec a, Vec b) { return vminq_f32(a, b); }
BANTAM_INLINE Vec Max(Vec a, Vec b) { return vmaxq_f32(a, b); }
BANTAM_INLINE Vec Abs(Vec x) { return vabsq_f32(x); }
BANTAM_INLINE Vec ClampAbs(Vec x, Vec c) { return Max(Min(x, c), vnegq_f32(c)); }  // within [-c, c]
BANTAM_INLINE Vec Round(Vec x) { return vrndnq_f32(x); }                           // to nearest even
// x 2^n for whole n in [-252, 254]: in two halves, so that results down to the smallest subnormal come out right.
BANTAM_INLINE Vec ScalePow2(Vec x, Vec n) {
  const int32x4_t whole = vcvtq_s32_f32(n), half = vshrq_n_s32(whole, 1), bias = vdupq_n_s32(127);
  const int32x4_t first = vshlq_n_s32(vaddq_s32(half, bias), 23);
  const int32x4_t second = vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), bias), 23);
  return vmulq_f32(vmulq_f32(x, vreinterpretq_f32_s32(first)), vreinterpretq_f32_s32(second));
}
BANTAM_INLINE float SumLanes(Vec x) { return vaddvq_f32(x); }
BANTAM_INLINE float MinLanes(Vec x) { return vminvq_f32(x); }
BANTAM_INLINE float MaxLanes(Vec x) { return vmaxvq_f32(x); }

// Rounds to nearest even; the values lie in [0, 255].
BANTAM_INLINE uint8x8_t ToBytes(Vec a, Vec b) {
  return vqmovn_u16(vcombine_u16(vqmovn_u32(vcvtnq_u32_f32(a)), vqmovn_u32(vcvtnq_u32_f32(b))));
}
BANTAM_INLINE void StoreBytes(uint8_t* p, Vec x) {
  const uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(ToBytes(x, x)), 0);
  __builtin_memcpy(p, &bytes, sizeof bytes);
}
#define BANTAM_HAS_STORE_BYTES4
BANTAM_INLINE void StoreBytes4(uint8_t* p, Vec a, Vec b, Vec c, Vec d) {
  vst1q_u8(p, vcombine_u8(ToBytes(a, b), ToBytes(c, d)));
}
BANTAM_INLINE void StoreBytesPart(uint8_t* p, int n, Vec x) {
  uint8_t bytes[4];
  StoreBytes(bytes, x);
  for (int i = 0; i < n && i < 4; ++i) p[i] = bytes[i];
}

// out[j, i] = x[i, j] for i, j < 4.
BANTAM_INLINE void Transpose4x4(const float* x, ptrdiff_t x_stride, float* out, ptrdiff_t out_stride) {
  const Vec a = Load(x), b = Load(x + x_stride), c = Load(x + 2 * x_stride), d = Load(x + 3 * x_stride);
  const Vec ac_low = vzip1q_f32(a, c), ac_high = vzip2q_f32(a, c);  // a0 c0 a1 c1, a2 c2 a3 c3
  const Vec bd_low = vzip1q_f32(b, d), bd_high = vzip2q_f32(b, d);
  Store(out, vzip1q_f32(ac_low, bd_low));
  Store(out + out_stride, vzip2q_f32(ac_low, bd_low));
  Store(out + 2 * out_stride, vzip1q_f32(ac_high, bd_high));
  Store(out + 3 * out_stride, vzip2q_f32(ac_high, bd_high));
}

}  // namespace
}  // namespace bantam
