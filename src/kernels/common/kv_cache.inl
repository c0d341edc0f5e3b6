// How a KV cache holds numbers, one policy for each KvType: the element, and At, a vector of row k of elements as f32.
// With kScaled an element counts times the scale of its token and its group; kTogether elements of neighbouring rows
// lie side by side. And the way in, StoreKv.

namespace bantam {
namespace {

struct KvFloats {
  typedef float Element;
  static const int kScaled = 0, kTogether = 1;
  BANTAM_INLINE Vec At(const float* p, ptrdiff_t stride, int k) { return Load(p + k * stride); }
};

struct KvHalves {
  typedef uint16_t Element;
  static const int kScaled = 0, kTogether = 1;
  BANTAM_INLINE Vec At(const uint16_t* p, ptrdiff_t stride, int k) { return LoadHalf(p + k * stride); }
};

struct KvPairs {
  typedef uint16_t Element;
  static const int kScaled = 0, kTogether = 2;
  BANTAM_INLINE Vec At(const uint16_t* p, ptrdiff_t stride, int k) {
    return LoadBf16Of(p + (k - k % 2) * stride, k % 2);
  }
};

struct KvBytes {
  typedef int8_t Element;
  static const int kScaled = 1, kTogether = 1;
  BANTAM_INLINE Vec At(const int8_t* p, ptrdiff_t stride, int k) { return LoadInt8(p + k * stride); }
};

// The nearest bfloat16, ties to even; what is not a number stays so.
BANTAM_INLINE void ToBf16Bits(const float* x, uint16_t* out) {
  for (int i = 0; i < kKvGroup; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, x + i, sizeof bits);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 0x40;
    out[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
  }
}

// Of one head of one token; `count` a multiple of kLanes, at most kKvGroup; what lies past the head's end is zero.
BANTAM_INLINE void ToHalves(const float* x, int count, uint16_t* out) {
  const Vec most = Set(65504.0f), least = Set(-65504.0f);
  // Of two operands of which one is not a number the second comes out: it stays what it is.
  for (int i = 0; i < count; i += kLanes) StoreHalf(out + i, Max(least, Min(most, Load(x + i))));
}
BANTAM_INLINE float ToBytes8(const float* x, int count, int8_t* out) {
  Vec top = Zero();
  for (int i = 0; i < count; i += kLanes) top = Max(top, Abs(Load(x + i)));
  const float largest = MaxLanes(top);
  const Vec inverse = Set(largest > 1e-30f ? 127.0f / largest : 0.0f);
  float rounded[kKvGroup];
  for (int i = 0; i < count; i += kLanes) Store(rounded + i, Round(Mul(Load(x + i), inverse)));
  for (int i = 0; i < count; ++i) out[i] = (int8_t)(int)rounded[i];
  return largest / 127.0f;
}

// One group of the head's elements, from `from` on.
BANTAM_INLINE void StoreGroup(const struct StoreKvArgs* args, int from) {
  const struct KvHead* head = &args->head;
  const int left = head->head_dim - from, count = left < kKvGroup ? left : kKvGroup;
  const ptrdiff_t offset = args->block * head->block_stride, slot = args->slot;
  float k[kKvGroup], v[kKvGroup];
  for (int i = 0; i < kKvGroup; ++i) {
    k[i] = i < count ? args->k[from + i] : 0.0f;
    v[i] = i < count ? args->v[from + i] : 0.0f;
  }
  const ptrdiff_t key = (ptrdiff_t)from * kKvBlockTokens + slot, value = slot * head->value_stride + from;
  if (head->type == kKvF32) {
    float* keys = (float*)(head->keys + offset) + key;
    float* values = (float*)(head->values + offset) + value;
    for (int i = 0; i < count; ++i) keys[i * kKvBlockTokens] = k[i];
    for (int i = 0; i < count; ++i) values[i] = v[i];
  } else if (head->type == kKvF16) {
    uint16_t* keys = (uint16_t*)(head->keys + offset) + key;
    uint16_t* values = (uint16_t*)(head->values + offset) + value;
    uint16_t halves[kKvGroup];
    ToHalves(k, kKvGroup, halves);
    for (int i = 0; i < count; ++i) keys[i * kKvBlockTokens] = halves[i];
    ToHalves(v, kKvGroup, halves);
    for (int i = 0; i < count; ++i) values[i] = halves[i];
  } else if (head->type == kKvBf16) {
    uint16_t* keys = (uint16_t*)(head->keys + offset) + (ptrdiff_t)from * kKvBlockTokens + 2 * slot;
    uint16_t* values = (uint16_t*)(head->values + offset) + slot / 2 * 2 * head->value_stride + 2 * from + slot % 2;
    uint16_t halves[kKvGroup];
    ToBf16Bits(k, halves);
    // Whole pairs: of an odd size the last one's second half is zero.
    for (int i = 0; i < count; i += 2) __builtin_memcpy(keys + i * kKvBlockTokens, halves + i, 4);
    ToBf16Bits(v, halves);
    for (int i = 0; i < count; ++i) values[2 * i] = halves[i];
  } else {
    int8_t* keys = (int8_t*)(head->keys + offset) + key;
    int8_t* values = (int8_t*)(head->values + offset) + value;
    const ptrdiff_t groups = (head->head_dim + kKvGroup - 1) / kKvGroup, group = from / kKvGroup;
    float* key_scales = (float*)((uint8_t*)head->key_scales + offset);
    float* value_scales = (float*)((uint8_t*)head->value_scales + offset);
    int8_t bytes[kKvGroup];
    key_scales[group * kKvBlockTokens + slot] = ToBytes8(k, kKvGroup, bytes);
    for (int i = 0; i < count; ++i) keys[i * kKvBlockTokens] = bytes[i];
    value_scales[slot * groups + group] = ToBytes8(v, kKvGroup, bytes);
    for (int i = 0; i < count; ++i) values[i] = bytes[i];
  }
}

void StoreKv(const struct StoreKvArgs* args) {
  for (int from = 0; from < args->head.head_dim; from += kKvGroup) StoreGroup(args, from);
}

}  // namespace
}  // namespace bantam
