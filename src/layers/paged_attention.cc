#include "layers/paged_attention.h"

#include <algorithm>

#include "base/check.h"
#include "base/half.h"

namespace bantam {

std::string_view KvTypeName(KvType type) {
  switch (type) {
    case kKvF32:
      return "f32";
    case kKvF16:
      return "f16";
    case kKvBf16:
      return "bf16";
    case kKvQ8:
      return "q8";
  }
  return "";
}

std::optional<KvType> ParseKvType(std::string_view name) {
  for (const KvType type : {kKvF32, kKvF16, kKvBf16, kKvQ8}) {
    if (name == KvTypeName(type)) return type;
  }
  return std::nullopt;
}

KvHead KvCacheView::Head(int layer, int head) const {
  auto* keys =
      reinterpret_cast<uint8_t*>(data) + static_cast<size_t>(layer * shape.num_kv_heads + head) * shape.head_bytes();
  uint8_t* values = keys + shape.keys_bytes();
  uint8_t* scales = values + shape.values_bytes();
  return {.type = shape.type,
          .keys = keys,
          .values = values,
          .key_scales = reinterpret_cast<float*>(scales),
          .value_scales = reinterpret_cast<float*>(scales + shape.scales_bytes()),
          .block_stride = static_cast<ptrdiff_t>(shape.block_bytes()),
          .value_stride = shape.value_stride(),
          .head_dim = shape.head_dim};
}

void StoreKeyValue(const Kernels& kernels, const KvCacheView& cache, int layer, const int32_t* block_table,
                   int position, const float* k, const float* v) {
  const KvCacheShape& shape = cache.shape;
  for (int head = 0; head < shape.num_kv_heads; ++head, k += shape.head_dim, v += shape.head_dim) {
    const StoreKvArgs args{.head = cache.Head(layer, head),
                           .block = block_table[position / kKvBlockTokens],
                           .slot = position % kKvBlockTokens,
                           .k = k,
                           .v = v};
    kernels.table.store_kv(&args);
  }
}

void LoadKeyValue(const KvCacheView& cache, int layer, const int32_t* block_table, int position, float* k, float* v) {
  const int dim = cache.shape.head_dim;
  const bool pairs = cache.shape.type == kKvBf16;
  const ptrdiff_t slot = position % kKvBlockTokens, groups = (dim + kKvGroup - 1) / kKvGroup;
  for (int number = 0; number < cache.shape.num_kv_heads; ++number, k += dim, v += dim) {
    const KvHead head = cache.Head(layer, number);
    const ptrdiff_t offset = block_table[position / kKvBlockTokens] * head.block_stride, stride = head.value_stride;
    const auto read = [&]<typename T>(float (*to_float)(T)) {
      const T* keys = reinterpret_cast<const T*>(head.keys + offset);
      const T* values = reinterpret_cast<const T*>(head.values + offset);
      for (int i = 0; i < dim; ++i) {
        k[i] = to_float(keys[pairs ? (i - i % 2) * kKvBlockTokens + 2 * slot + i % 2 : i * kKvBlockTokens + slot]);
        v[i] = to_float(values[pairs ? slot / 2 * 2 * stride + 2 * i + slot % 2 : slot * stride + i]);
      }
    };
    switch (cache.shape.type) {
      case kKvF32:
        read(+[](float x) { return x; });
        break;
      case kKvF16:
        read(+[](uint16_t x) { return HalfToFloat(x); });
        break;
      case kKvBf16:
        read(+[](uint16_t x) { return Bf16ToFloat(x); });
        break;
      case kKvQ8: {
        read(+[](int8_t x) { return static_cast<float>(x); });
        const auto scales = [&](const float* from) {
          return reinterpret_cast<const float*>(reinterpret_cast<const uint8_t*>(from) + offset);
        };
        for (int i = 0; i < dim; ++i) {
          k[i] *= scales(head.key_scales)[i / kKvGroup * kKvBlockTokens + slot];
          v[i] *= scales(head.value_scales)[slot * groups + i / kKvGroup];
        }
        break;
      }
    }
  }
}

void PagedAttentionPlan::Make(std::span<const PagedSequence> sequences, int num_heads, int num_kv_heads, int head_dim) {
  tasks_.clear();
  int first_row = 0, longest = 0;
  const int group = num_heads / num_kv_heads;
  for (const PagedSequence& sequence : sequences) {
    longest = std::max(longest, sequence.position + sequence.length);
    if (sequence.length == 1) {
      for (int head = 0; head < num_heads; head += group) {
        tasks_.push_back({.tokens = sequence, .first_row = first_row, .head = head, .num_heads = group});
      }
    } else {
      constexpr int kTokensAtOnce = 48;
      const int parts = (sequence.length + kTokensAtOnce - 1) / kTokensAtOnce;
      for (int head = 0; head < num_heads; ++head) {
        for (int part = 0; part < parts; ++part) {
          const Range rows = ShareOfRows(sequence.length, part, parts);
          tasks_.push_back({.tokens = {sequence.block_table, sequence.position + rows.begin, rows.size()},
                            .first_row = first_row + rows.begin,
                            .head = head});
        }
      }
    }
    first_row += sequence.length;
  }
  scratch_floats_ = PagedAttentionScratch(longest, head_dim);
}

void PagedAttentionPlan::Run(const Kernels& kernels, const PagedAttentionShape& shape, const KvCacheView& cache,
                             int layer, const Activations& q, const Activations& context, int task,
                             float* scratch) const {
  const Task& work = tasks_[static_cast<size_t>(task)];
  const ptrdiff_t dim = cache.shape.head_dim, column = work.head * dim;
  const int kv_head = work.head / (shape.num_heads / cache.shape.num_kv_heads);
  const bool one_token = work.tokens.length == 1;
  BANTAM_DCHECK(one_token || work.num_heads == 1);
  const PagedAttentionArgs args{.q = q.values + work.first_row * q.stride + column,
                                .q_stride = one_token ? dim : q.stride,
                                .head = cache.Head(layer, kv_head),
                                .block_table = work.tokens.block_table,
                                .out = context.values + work.first_row * context.stride + column,
                                .out_stride = one_token ? dim : context.stride,
                                .num_rows = one_token ? work.num_heads : work.tokens.length,
                                .position = work.tokens.position,
                                .position_step = one_token ? 0 : 1,
                                .window = shape.window,
                                .scale = shape.scale,
                                .softcap = shape.softcap,
                                .scratch = scratch};
  kernels.table.paged_attention(&args);
}

}  // namespace bantam
