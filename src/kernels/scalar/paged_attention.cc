// The reference of attention over a KV cache: elements are read and written one by one.
#include "kernels/scalar/paged_attention.h"

#include <algorithm>
#include <cmath>

#include "base/half.h"
#include "kernels/scalar/softmax.h"

namespace bantam {
namespace {

// Where elements of a block lie, and the scale of one.
struct Place {
  uint8_t* elements;
  float* scales;
};
Place KeysOf(const KvHead& head, int block) {
  const ptrdiff_t offset = block * head.block_stride;
  return {head.keys + offset, head.type == kKvQ8 ? head.key_scales + offset / 4 : nullptr};
}
Place ValuesOf(const KvHead& head, int block) {
  const ptrdiff_t offset = block * head.block_stride;
  return {head.values + offset, head.type == kKvQ8 ? head.value_scales + offset / 4 : nullptr};
}

float Read(KvType type, const uint8_t* elements, ptrdiff_t index) {
  switch (type) {
    case kKvF32:
      return reinterpret_cast<const float*>(elements)[index];
    case kKvF16:
      return HalfToFloat(reinterpret_cast<const uint16_t*>(elements)[index]);
    case kKvBf16:
      return Bf16ToFloat(reinterpret_cast<const uint16_t*>(elements)[index]);
    case kKvQ8:
      return static_cast<float>(reinterpret_cast<const int8_t*>(elements)[index]);
  }
  return 0;
}

ptrdiff_t Groups(const KvHead& head) { return (head.head_dim + kKvGroup - 1) / kKvGroup; }
ptrdiff_t KeyIndex(const KvHead& head, int d, int slot) {
  return head.type == kKvBf16 ? (d / 2 * kKvBlockTokens + slot) * 2 + d % 2 : d * kKvBlockTokens + slot;
}
ptrdiff_t KeyScale(int d, int slot) { return d / kKvGroup * kKvBlockTokens + slot; }
ptrdiff_t ValueIndex(const KvHead& head, int d, int slot) {
  return head.type == kKvBf16 ? (slot / 2 * head.value_stride + d) * 2 + slot % 2 : slot * head.value_stride + d;
}
ptrdiff_t ValueScale(const KvHead& head, int d, int slot) { return slot * Groups(head) + d / kKvGroup; }

float KeyAt(const KvHead& head, const Place& keys, int d, int slot) {
  const float element = Read(head.type, keys.elements, KeyIndex(head, d, slot));
  return keys.scales == nullptr ? element : element * keys.scales[KeyScale(d, slot)];
}
float ValueAt(const KvHead& head, const Place& values, int d, int slot) {
  const float element = Read(head.type, values.elements, ValueIndex(head, d, slot));
  return values.scales == nullptr ? element : element * values.scales[ValueScale(head, d, slot)];
}

float LargestOf(const float* x, int count) {
  float largest = 0;
  for (int i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i]));
  return largest;
}
int8_t ByteOf(float x, float largest) {
  return static_cast<int8_t>(std::nearbyint(x * (largest > 1e-30f ? 127.0f / largest : 0.0f)));
}

}  // namespace

void ScalarStoreKv(const StoreKvArgs* args) {
  const KvHead& head = args->head;
  const Place keys = KeysOf(head, args->block), values = ValuesOf(head, args->block);
  float key_top = 0, value_top = 0;
  for (int d = 0; d < head.head_dim; ++d) {
    const ptrdiff_t key = KeyIndex(head, d, args->slot), value = ValueIndex(head, d, args->slot);
    switch (head.type) {
      case kKvF32:
        reinterpret_cast<float*>(keys.elements)[key] = args->k[d];
        reinterpret_cast<float*>(values.elements)[value] = args->v[d];
        break;
      case kKvF16:
        reinterpret_cast<uint16_t*>(keys.elements)[key] = FloatToHalf(args->k[d]);
        reinterpret_cast<uint16_t*>(values.elements)[value] = FloatToHalf(args->v[d]);
        break;
      case kKvBf16:
        reinterpret_cast<uint16_t*>(keys.elements)[key] = FloatToBf16(args->k[d]);
        if (d % 2 == 0) reinterpret_cast<uint16_t*>(keys.elements)[key + 1] = 0;  // of an odd size the last one stays
        reinterpret_cast<uint16_t*>(values.elements)[value] = FloatToBf16(args->v[d]);
        break;
      case kKvQ8:
        if (d % kKvGroup == 0) {
          const int count = std::min(kKvGroup, head.head_dim - d);
          key_top = LargestOf(args->k + d, count);
          value_top = LargestOf(args->v + d, count);
          keys.scales[KeyScale(d, args->slot)] = key_top / 127.0f;
          values.scales[ValueScale(head, d, args->slot)] = value_top / 127.0f;
        }
        reinterpret_cast<int8_t*>(keys.elements)[key] = ByteOf(args->k[d], key_top);
        reinterpret_cast<int8_t*>(values.elements)[value] = ByteOf(args->v[d], value_top);
        break;
    }
  }
}

void ScalarPagedAttention(const PagedAttentionArgs* args) {
  const KvHead& head = args->head;
  float* scores = args->scratch;
  for (int row = 0; row < args->num_rows; ++row) {
    const float* q = args->q + row * args->q_stride;
    const int position = args->position + row * args->position_step, end = position + 1;
    const int begin = args->window > 0 ? std::max(0, end - args->window) : 0;
    for (int j = begin; j < end; ++j) {
      const Place keys = KeysOf(head, args->block_table[j / kKvBlockTokens]);
      float dot = 0;
      for (int d = 0; d < head.head_dim; ++d) dot += q[d] * KeyAt(head, keys, d, j % kKvBlockTokens);
      scores[j] = dot * args->scale;
      if (args->softcap > 0) scores[j] = args->softcap * std::tanh(scores[j] / args->softcap);
    }
    const float sum = ScalarSoftmax(scores + begin, scores + begin, end - begin, 1.0f);
    float* out = args->out + row * args->out_stride;
    for (int d = 0; d < head.head_dim; ++d) out[d] = 0;
    for (int j = begin; j < end; ++j) {
      const Place values = ValuesOf(head, args->block_table[j / kKvBlockTokens]);
      for (int d = 0; d < head.head_dim; ++d) out[d] += scores[j] * ValueAt(head, values, d, j % kKvBlockTokens);
    }
    for (int d = 0; d < head.head_dim; ++d) out[d] /= sum;
  }
}

}  // namespace bantam
