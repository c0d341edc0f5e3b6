// The numeric kernels: plain pointers and sizes in, numbers out, nothing can fail. One table per ISA level; dispatch.cc
// fills it from scalar upwards, so a level holds the best version of each kernel that runs there.
//
// C types only: ISA-specific files include this header and must not pull in templates or inline functions that the
// linker could share with baseline code.
//
// What every level keeps, whatever its tiles: in f32 each output element of a product is one chain
//   sum = 0; for k ascending: sum += a[k] * w[k]; then + bias, then activation or + residual
// and each row of the other kernels depends on that row alone. So a token's numbers do not depend on its neighbours in
// the batch, on the tile it falls into, or on the thread that computes it. int8 products are exact integers up to the
// epilogue.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernels/block_format.h"

namespace bantam {

// Packed weight matrices (packing.h): panels of 64 output columns, each holding all of K.
//   f32:  [panel][k][64]
//   int8: [panel][k / 4][64][4], what one vpdpbusd step reads; K is padded to 4 with zeros
//   int4: [panel][k / 8][64][4], K padded to 32 with zeros: byte i of a column holds the weight of k = i in its lower
//         four bits and that of k = 4 + i in its upper ones, each -8 to 7 in two's complement
//         scales of int4: [panel][k / 32][64], bfloat16
// Columns past out_features are zero.
const int kPanelColumns = 64, kInt8KGroup = 4, kInt4Group = 32;

enum Activation {
  kActivationNone = 0,
  kActivationGelu = 1,
  kActivationGeluTanh = 2,
  kActivationRelu = 3,
  kActivationSilu = 4
};

// A row of unsigned bytes stands for x[k] = minimum + scale * q[k].
struct RowQuant {
  float scale;
  float minimum;
};

// out[r, n] = act(sum_k x[r, k] * w[n, k] + bias[n]), or without an activation + residual[r, n]; never both,
// for rows [0, num_rows) and the columns of panels [panel_begin, panel_end) below out_features.
// bias and the int8 column arrays have a whole number of panels of entries.
struct GemmF32Args {
  const float* x;  // [num_rows, in_features], rows x_stride apart
  ptrdiff_t x_stride;
  const float* packed;
  const float* bias;
  const float* residual;  // or null, as it is with an activation; rows residual_stride apart
  ptrdiff_t residual_stride;
  float* out;
  ptrdiff_t out_stride;
  int num_rows, in_features, out_features;
  int panel_begin, panel_end;
  enum Activation activation;
};

// w[n, k] = weight_scale[n] * packed; weight_sum[n] = sum over k of the packed integers, exact in f32 up to K =
// 132,104. Activation kGelu is approximated to 2e-4 absolute here: its result is quantised to 8 bits next.
struct GemmInt8Args {
  const uint8_t* x;  // [num_rows, in_features padded to 4], rows x_stride apart
  ptrdiff_t x_stride;
  const struct RowQuant* x_quant;  // [num_rows]
  const int8_t* packed;
  const float* weight_scale;
  const float* weight_sum;
  const float* bias;
  const float* residual;
  ptrdiff_t residual_stride;
  float* out;
  ptrdiff_t out_stride;
  int num_rows, in_features, out_features;
  int panel_begin, panel_end;
  enum Activation activation;
};

// w[n, k] = group_scale[n, k / 32] * packed; weight_sum[n] = sum over k of w[n, k]. Sums of one group are exact
// integers; groups are added in f32 in ascending order.
struct GemmInt4Args {
  const uint8_t* x;  // [num_rows, in_features padded to 32: what lies there is read and counts for nothing]
  ptrdiff_t x_stride;
  const struct RowQuant* x_quant;  // [num_rows]
  const uint8_t* packed;
  const uint16_t* group_scale;
  const float* weight_sum;
  const float* bias;
  const float* residual;
  ptrdiff_t residual_stride;
  float* out;
  ptrdiff_t out_stride;
  int num_rows, in_features, out_features;
  int panel_begin, panel_end;
  enum Activation activation;
};

// A row of activations for gemm_blocks, `in_features` = K, a multiple of 32, with G = K / 32; finite. In this order:
//   int8 q[K]          x[k] stands for scale[k / 32] * q[k]: scale = max |x| / 127 over the group, q = round to nearest
//                      even of x * (127 / max |x|)
//   f32 scale[G]
//   i32 sum[G]         of q over each group
//   i32 half_sum[2 G]  over each 16 of k
//   f32 scaled_sum[G], scaled_half_sum[2 G]: scale * sum, scale * half_sum
// Every level gives the same bytes.
struct QuantizeBlocksArgs {
  const float* x;
  ptrdiff_t x_stride;
  uint8_t* out;          // 4-byte aligned
  ptrdiff_t out_stride;  // in bytes, at least BlockRowBytes(columns)
  int num_rows, columns;
};

// w[n, k] as its block format has it (block_panels.h). Integer sums of 32 k, or of 16 where a format has a scale for
// each 16, are exact; then, in f32 and ascending k: y = fma(sum * weight_scale, x_scale, y), the two halves of such a
// format added before, and with minima y = fma(minimum, scaled_sum, y).
struct GemmBlocksArgs {
  enum BlockFormat format;
  const uint8_t* x;  // [num_rows], rows x_stride bytes apart
  ptrdiff_t x_stride;
  const uint8_t* packed;
  const float* bias;  // or null
  const float* residual;
  ptrdiff_t residual_stride;
  float* out;
  ptrdiff_t out_stride;
  int num_rows, in_features, out_features;
  int panel_begin, panel_end;  // of 32 columns
  enum Activation activation;
};

// The bytes of one row, whose range must be finite: scale = (max - min) / 255, q = round to nearest even of (x - min) *
// (255 / (max - min)). Every level gives the same bytes and the same RowQuant.
struct QuantizeArgs {
  const float* x;
  ptrdiff_t x_stride;
  uint8_t* out;  // bytes [columns, out_stride) of each row are left alone
  ptrdiff_t out_stride;
  struct RowQuant* out_quant;
  int num_rows, columns;
};

// out = (x - mean) / sqrt(variance + epsilon) * gamma + beta, row by row; out may be x. With `quantized`, the result's
// bytes as QuantizeArgs writes them.
struct LayerNormArgs {
  const float* x;
  ptrdiff_t x_stride;
  const float* gamma;
  const float* beta;
  float epsilon;
  float* out;
  ptrdiff_t out_stride;
  uint8_t* quantized;  // or null
  ptrdiff_t quantized_stride;
  struct RowQuant* quantized_rows;
  int num_rows, columns;
};

// One head of one sequence: out = softmax(scale * q k^T + bias) v for the given queries. Query i stands at position
// query_position + i among the keys; `causal` hides the keys after it and `window` those further away than that. What a
// query does not see costs nothing beyond the tile it falls into.
struct AttentionArgs {
  const float* q;  // [num_queries, head_dim], rows q_stride apart; k and v alike
  const float* k;
  const float* v;
  ptrdiff_t qkv_stride;
  float* out;
  ptrdiff_t out_stride;
  int num_queries, num_keys, head_dim;
  float scale;
  float* scratch;            // AttentionScratch(num_keys, head_dim) floats, 64-byte aligned
  const float* bias = NULL;  // [num_queries, num_keys], or null; finite
  ptrdiff_t bias_stride = 0;
  int causal = 0;          // 0 or 1
  int window = 0;          // 0 for none
  int query_position = 0;  // with causal or window
};

// Tokens in one block of a KV cache; elements of a head that share a scale in kKvQ8.
const int kKvBlockTokens = 32, kKvGroup = 32;

enum KvType {
  kKvF32 = 0,
  kKvF16 = 1,
  kKvBf16 = 2,  // in pairs, as products of pairs want them: of keys two elements of the head, of values two tokens
  kKvQ8 = 3     // a signed byte times the f32 scale of its token and its group of the head's elements: max |x| / 127
};

// One head's keys and values in the blocks of a cache. Token t of a sequence lies in block block_table[t / 32], as
// column t % 32 of its keys [head_dim, 32] and row t % 32 of its values [32, value_stride]. With kKvBf16 keys are
// [head_dim / 2 rounded up, 32, 2] and values [16, value_stride, 2]; with kKvQ8 the scales of keys are [groups, 32],
// those of values [32, groups], groups = head_dim / 32 rounded up.
struct KvHead {
  enum KvType type;
  uint8_t* keys;  // in block 0, as all four are; block b lies b * block_stride bytes further
  uint8_t* values;
  float* key_scales;  // of kKvQ8
  float* value_scales;
  ptrdiff_t block_stride;  // in bytes
  ptrdiff_t value_stride;  // in elements: head_dim rounded up to 16, what lies there is finite
  int head_dim;
};

// Puts one token's key and value of a head into its place in block `block`. What f16 cannot hold becomes the largest it
// can; with kKvQ8 k and v are finite. Every level gives the same bytes.
struct StoreKvArgs {
  struct KvHead head;
  int block, slot;
  const float* k;  // [head_dim]
  const float* v;
};

// Queries over one head's keys and values. Row r stands at `position + r * position_step` and sees the keys up to
// there: with a step of 1 the rows are tokens, with 0 the heads of one token that share these keys. out =
// softmax(cap(scale * q k^T)) v, cap(x) = softcap * tanh(x / softcap) or nothing. With kKvBf16 a level may round
// queries and weights to bfloat16 as well.
struct PagedAttentionArgs {
  const float* q;  // [num_rows, head_dim], rows q_stride apart
  ptrdiff_t q_stride;
  struct KvHead head;
  const int32_t* block_table;
  float* out;
  ptrdiff_t out_stride;
  int num_rows;
  int position, position_step;
  int window;  // how many keys a row sees, itself included; 0: all
  float scale, softcap;
  float* scratch;  // PagedAttentionScratch(the last row's position + 1, head_dim) floats, 64-byte aligned
};

// out[r] = words[word_ids[r]] + positions[position r] + types[type_ids[r] or 0]. Word rows are f32, or bytes with one
// scale each when words_int8 is set, or nibbles with one bfloat16 scale for each 32 when words_int4 is: 16 bytes for
// each 32, the weight of an even column in the lower half of its byte.
struct EmbeddingArgs {
  const float* words;
  const int8_t* words_int8;
  const float* word_scales;
  const uint8_t* words_int4 = nullptr;
  const uint16_t* word_group_scales = nullptr;
  const float* positions;  // row r of the output uses positions[position_ids[r]]
  const float* types;
  const int32_t* word_ids;
  const int32_t* position_ids;
  const int32_t* type_ids;  // or null for all zero
  float* out;
  ptrdiff_t out_stride;
  int num_rows, columns;
};

// In place, for each head of each row: the first rotary_dim values as pairs (x[i], x[i + rotary_dim / 2]) turned by the
// angle whose cosine and sine stand at [position_ids[row], i].
struct RopeArgs {
  float* x;  // [num_rows, num_heads * head_dim], rows x_stride apart
  ptrdiff_t x_stride;
  const float* cosines;  // [positions, rotary_dim / 2]
  const float* sines;
  const int32_t* position_ids;
  int num_rows, num_heads, head_dim, rotary_dim;
};

// out = act(gate) * up, row by row; out may be gate or up.
struct GateArgs {
  const float* gate;
  ptrdiff_t gate_stride;
  const float* up;
  ptrdiff_t up_stride;
  float* out;
  ptrdiff_t out_stride;
  int num_rows, columns;
  enum Activation activation;
};

struct KernelTable {
  void (*gemm_f32)(const struct GemmF32Args* args);
  void (*gemm_int8)(const struct GemmInt8Args* args);
  void (*gemm_int4)(const struct GemmInt4Args* args);
  void (*quantize)(const struct QuantizeArgs* args);
  void (*layer_norm)(const struct LayerNormArgs* args);
  void (*attention)(const struct AttentionArgs* args);
  // The same to bfloat16's precision, where that is faster: for weights of 8 bits.
  void (*attention_approximate)(const struct AttentionArgs* args);
  void (*embedding)(const struct EmbeddingArgs* args);
  void (*activate)(const float* x, float* out, int count, enum Activation activation);
  // out[i] = exp(x[i] - max x); returns their sum
  float (*softmax)(const float* x, float* out, int count, float scale);
  // LayerNorm without mean and beta: x / sqrt(mean(x^2) + epsilon) * gamma. `beta` is not read.
  void (*rms_norm)(const struct LayerNormArgs* args);
  void (*rope)(const struct RopeArgs* args);
  void (*gate)(const struct GateArgs* args);
  void (*paged_attention)(const struct PagedAttentionArgs* args);
  void (*store_kv)(const struct StoreKvArgs* args);
  void (*quantize_blocks)(const struct QuantizeBlocksArgs* args);
  void (*gemm_blocks)(const struct GemmBlocksArgs* args);
};

// Floats of scratch for one attention call: the transposed keys, padded values, and the scores of one tile of queries.
// Linear in num_keys.
size_t AttentionScratch(int num_keys, int head_dim);
size_t PagedAttentionScratch(int num_keys, int head_dim);

}  // namespace bantam
