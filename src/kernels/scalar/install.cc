// The reference: each kernel in its most obvious form, with the C library's exp and erf. Every other level is tested
// against it. Built without contraction of a * b + c, so that it gives the same bits wherever it is compiled.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "base/half.h"
#include "kernels/install.h"
#include "kernels/kernel_table.h"
#include "kernels/scalar/activate.h"
#include "kernels/scalar/blocks.h"
#include "kernels/scalar/paged_attention.h"
#include "kernels/scalar/softmax.h"

namespace bantam {
namespace {

// y[c] becomes act(y[c] + bias) + residual for one row of one panel, and goes to `out`.
template <typename Args>
void Finish(const Args& args, int row, int panel, const float* y) {
  const int begin = panel * kPanelColumns, end = std::min(begin + kPanelColumns, args.out_features);
  for (int n = begin; n < end; ++n) {
    float value = ScalarActivate(y[n - begin] + args.bias[n], args.activation);
    if (args.residual != nullptr) value += args.residual[row * args.residual_stride + n];
    args.out[row * args.out_stride + n] = value;
  }
}

void GemmF32(const GemmF32Args* args) {
  for (int panel = args->panel_begin; panel < args->panel_end; ++panel) {
    const float* weights = args->packed + static_cast<ptrdiff_t>(panel) * kPanelColumns * args->in_features;
    for (int row = 0; row < args->num_rows; ++row) {
      const float* x = args->x + row * args->x_stride;
      float y[kPanelColumns] = {};
      for (int k = 0; k < args->in_features; ++k) {
        for (int c = 0; c < kPanelColumns; ++c) y[c] += x[k] * weights[static_cast<ptrdiff_t>(k) * kPanelColumns + c];
      }
      Finish(*args, row, panel, y);
    }
  }
}

void GemmInt8(const GemmInt8Args* args) {
  const int groups = (args->in_features + kInt8KGroup - 1) / kInt8KGroup;
  for (int panel = args->panel_begin; panel < args->panel_end; ++panel) {
    const int8_t* weights = args->packed + static_cast<ptrdiff_t>(panel) * kPanelColumns * groups * kInt8KGroup;
    for (int row = 0; row < args->num_rows; ++row) {
      const uint8_t* x = args->x + row * args->x_stride;
      int32_t sums[kPanelColumns] = {};
      for (int g = 0; g < groups; ++g) {
        for (int c = 0; c < kPanelColumns; ++c) {
          const int8_t* w = weights + (static_cast<ptrdiff_t>(g) * kPanelColumns + c) * kInt8KGroup;
          for (int i = 0; i < kInt8KGroup; ++i) sums[c] += x[g * kInt8KGroup + i] * w[i];
        }
      }
      float y[kPanelColumns];
      const RowQuant quant = args->x_quant[row];
      for (int c = 0; c < kPanelColumns; ++c) {
        const int n = panel * kPanelColumns + c;
        y[c] =
            (static_cast<float>(sums[c]) * quant.scale + quant.minimum * args->weight_sum[n]) * args->weight_scale[n];
      }
      Finish(*args, row, panel, y);
    }
  }
}

int LowerNibble(uint8_t byte) { return ((byte & 0xf) ^ 8) - 8; }
int UpperNibble(uint8_t byte) { return ((byte >> 4) ^ 8) - 8; }

void GemmInt4(const GemmInt4Args* args) {
  const int groups = (args->in_features + kInt4Group - 1) / kInt4Group;
  for (int panel = args->panel_begin; panel < args->panel_end; ++panel) {
    for (int row = 0; row < args->num_rows; ++row) {
      float y[kPanelColumns] = {};
      for (int g = 0; g < groups; ++g) {
        const ptrdiff_t group = static_cast<ptrdiff_t>(panel) * groups + g;
        const uint8_t* weights = args->packed + group * (kPanelColumns * kInt4Group / 2);
        const uint8_t* x = args->x + row * args->x_stride + g * kInt4Group;
        for (int c = 0; c < kPanelColumns; ++c) {
          int32_t sum = 0;
          for (int k = 0; k < kInt4Group; k += 8) {
            const uint8_t* w = weights + (k / 8 * kPanelColumns + c) * 4;
            for (int i = 0; i < 4; ++i) sum += x[k + i] * LowerNibble(w[i]) + x[k + 4 + i] * UpperNibble(w[i]);
          }
          y[c] += static_cast<float>(sum) * Bf16ToFloat(args->group_scale[group * kPanelColumns + c]);
        }
      }
      const RowQuant quant = args->x_quant[row];
      for (int c = 0; c < kPanelColumns; ++c) {
        y[c] = y[c] * quant.scale + quant.minimum * args->weight_sum[panel * kPanelColumns + c];
      }
      Finish(*args, row, panel, y);
    }
  }
}

void QuantizeRow(const float* x, int columns, uint8_t* out, RowQuant* quant) {
  float low = x[0], high = x[0];
  for (int i = 1; i < columns; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  const float range = high - low;
  const float inverse = range > 1e-30f ? 255.0f / range : 0.0f;
  for (int i = 0; i < columns; ++i) {
    out[i] = static_cast<uint8_t>(std::clamp(std::nearbyint((x[i] - low) * inverse), 0.0f, 255.0f));
  }
  quant->scale = range / 255.0f;
  quant->minimum = low;
}

void Quantize(const QuantizeArgs* args) {
  for (int row = 0; row < args->num_rows; ++row) {
    QuantizeRow(args->x + row * args->x_stride, args->columns, args->out + row * args->out_stride,
                args->out_quant + row);
  }
}

void LayerNorm(const LayerNormArgs* args) {
  for (int row = 0; row < args->num_rows; ++row) {
    const float* x = args->x + row * args->x_stride;
    float* out = args->out + row * args->out_stride;
    double sum = 0, squares = 0;
    for (int i = 0; i < args->columns; ++i) sum += x[i];
    const double mean = sum / args->columns;
    for (int i = 0; i < args->columns; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const double inverse = 1.0 / std::sqrt(squares / args->columns + args->epsilon);
    for (int i = 0; i < args->columns; ++i) {
      out[i] = static_cast<float>((x[i] - mean) * inverse) * args->gamma[i] + args->beta[i];
    }
    if (args->quantized == nullptr) continue;
    QuantizeRow(out, args->columns, args->quantized + row * args->quantized_stride, args->quantized_rows + row);
  }
}

void RmsNorm(const LayerNormArgs* args) {
  for (int row = 0; row < args->num_rows; ++row) {
    const float* x = args->x + row * args->x_stride;
    float* out = args->out + row * args->out_stride;
    double squares = 0;
    for (int i = 0; i < args->columns; ++i) squares += static_cast<double>(x[i]) * x[i];
    const double inverse = 1.0 / std::sqrt(squares / args->columns + args->epsilon);
    for (int i = 0; i < args->columns; ++i) out[i] = static_cast<float>(x[i] * inverse) * args->gamma[i];
    if (args->quantized == nullptr) continue;
    QuantizeRow(out, args->columns, args->quantized + row * args->quantized_stride, args->quantized_rows + row);
  }
}

void Rope(const RopeArgs* args) {
  const int half = args->rotary_dim / 2;
  for (int row = 0; row < args->num_rows; ++row) {
    const float* cosines = args->cosines + static_cast<ptrdiff_t>(args->position_ids[row]) * half;
    const float* sines = args->sines + static_cast<ptrdiff_t>(args->position_ids[row]) * half;
    for (int head = 0; head < args->num_heads; ++head) {
      float* x = args->x + row * args->x_stride + static_cast<ptrdiff_t>(head) * args->head_dim;
      for (int i = 0; i < half; ++i) {
        const float a = x[i], b = x[i + half];
        x[i] = a * cosines[i] - b * sines[i];
        x[i + half] = b * cosines[i] + a * sines[i];
      }
    }
  }
}

void Gate(const GateArgs* args) {
  for (int row = 0; row < args->num_rows; ++row) {
    const float* gate = args->gate + row * args->gate_stride;
    const float* up = args->up + row * args->up_stride;
    float* out = args->out + row * args->out_stride;
    for (int i = 0; i < args->columns; ++i) out[i] = ScalarActivate(gate[i], args->activation) * up[i];
  }
}

void Attention(const AttentionArgs* args) {
  float* scores = args->scratch;
  for (int i = 0; i < args->num_queries; ++i) {
    const float* q = args->q + i * args->qkv_stride;
    const int position = args->query_position + i;
    int begin = 0, end = args->num_keys;
    if (args->window > 0) {
      begin = std::max(begin, position - args->window);
      end = std::min(end, position + args->window + 1);
    }
    if (args->causal != 0) end = std::min(end, position + 1);
    for (int j = begin; j < end; ++j) {
      const float* k = args->k + j * args->qkv_stride;
      float dot = 0;
      for (int d = 0; d < args->head_dim; ++d) dot += q[d] * k[d];
      scores[j] = dot * args->scale;
      if (args->bias != nullptr) scores[j] += args->bias[i * args->bias_stride + j];
    }
    const float sum = ScalarSoftmax(scores + begin, scores + begin, end - begin, 1.0f);
    float* out = args->out + i * args->out_stride;
    for (int d = 0; d < args->head_dim; ++d) out[d] = 0;
    for (int j = begin; j < end; ++j) {
      for (int d = 0; d < args->head_dim; ++d) out[d] += scores[j] * args->v[j * args->qkv_stride + d];
    }
    for (int d = 0; d < args->head_dim; ++d) out[d] /= sum;
  }
}

void Embedding(const EmbeddingArgs* args) {
  const ptrdiff_t columns = args->columns;
  for (int row = 0; row < args->num_rows; ++row) {
    const ptrdiff_t word = args->word_ids[row];
    const float* position = args->positions + args->position_ids[row] * columns;
    const float* type = args->types + (args->type_ids == nullptr ? 0 : args->type_ids[row]) * columns;
    float* out = args->out + row * args->out_stride;
    const ptrdiff_t groups = (columns + kInt4Group - 1) / kInt4Group;
    for (ptrdiff_t i = 0; i < columns; ++i) {
      float value;
      if (args->words_int4 != nullptr) {
        const uint8_t byte = args->words_int4[word * groups * (kInt4Group / 2) + i / 2];
        const int weight = i % 2 == 0 ? LowerNibble(byte) : UpperNibble(byte);
        value = static_cast<float>(weight) * Bf16ToFloat(args->word_group_scales[word * groups + i / kInt4Group]);
      } else if (args->words_int8 != nullptr) {
        value = static_cast<float>(args->words_int8[word * columns + i]) * args->word_scales[word];
      } else {
        value = args->words[word * columns + i];
      }
      out[i] = value + type[i] + position[i];
    }
  }
}

void ActivateAll(const float* x, float* out, int count, Activation activation) {
  for (int i = 0; i < count; ++i) out[i] = ScalarActivate(x[i], activation);
}

}  // namespace

void InstallScalar(KernelTable* table) {
  *table = {GemmF32,
            GemmInt8,
            GemmInt4,
            Quantize,
            LayerNorm,
            Attention,
            Attention,
            Embedding,
            ActivateAll,
            ScalarSoftmax,
            RmsNorm,
            Rope,
            Gate,
            ScalarPagedAttention,
            ScalarStoreKv,
            ScalarQuantizeBlocks,
            ScalarGemmBlocks};
}

}  // namespace bantam
