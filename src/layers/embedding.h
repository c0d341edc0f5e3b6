// The sum of word, position and token-type embeddings. Word rows are f32, int8 with one scale for each row, int4 with
// one for each 32, or a packed matrix in a block format, which an output head may share: the table is half of a small
// encoder's parameters.
#pragma once

#include <span>

#include "kernels/isa.h"
#include "layers/activations.h"
#include "layers/block_matrix.h"

namespace bantam {

struct Embedding {
  int hidden_size = 0;
  const float* words = nullptr;  // [vocab_size, hidden_size]; or, in an int8 model:
  const int8_t* words_int8 = nullptr;
  const float* word_scales = nullptr;           // [vocab_size]
  const uint8_t* words_int4 = nullptr;          // or, in an int4 model: [vocab_size, groups of 32, 16]
  const uint16_t* word_group_scales = nullptr;  // [vocab_size, groups], bfloat16
  BlockMatrix words_blocks = {};                // or, where its `packed` is set: [vocab_size, hidden_size]
  const float* positions = nullptr;             // [max_positions, hidden_size]
  const float* types = nullptr;                 // [type_vocab_size, hidden_size]
};

// token_type_ids may be empty for all zero. Writes out.values.
void ApplyEmbedding(const Kernels& kernels, const Embedding& embedding, std::span<const int32_t> token_ids,
                    std::span<const int32_t> position_ids, std::span<const int32_t> token_type_ids,
                    const Activations& out);

}  // namespace bantam
