#include "layers/embedding.h"

namespace bantam {
namespace {

void ApplyBlocks(const Embedding& embedding, std::span<const int32_t> token_ids, std::span<const int32_t> position_ids,
                 std::span<const int32_t> token_type_ids, const Activations& out) {
  const auto columns = static_cast<size_t>(embedding.hidden_size);
  for (size_t row = 0; row < token_ids.size(); ++row) {
    float* to = out.values + static_cast<ptrdiff_t>(row) * out.stride;
    embedding.words_blocks.ReadRow(token_ids[row], {to, columns});
    const float* position = embedding.positions + static_cast<size_t>(position_ids[row]) * columns;
    const size_t type_id = token_type_ids.empty() ? 0 : static_cast<size_t>(token_type_ids[row]);
    const float* type = embedding.types + type_id * columns;
    for (size_t i = 0; i < columns; ++i) to[i] = to[i] + type[i] + position[i];
  }
}

}  // namespace

void ApplyEmbedding(const Kernels& kernels, const Embedding& embedding, std::span<const int32_t> token_ids,
                    std::span<const int32_t> position_ids, std::span<const int32_t> token_type_ids,
                    const Activations& out) {
  if (embedding.words_blocks.packed != nullptr) {
    return ApplyBlocks(embedding, token_ids, position_ids, token_type_ids, out);
  }
  const EmbeddingArgs args{.words = embedding.words,
                           .words_int8 = embedding.words_int8,
                           .word_scales = embedding.word_scales,
                           .words_int4 = embedding.words_int4,
                           .word_group_scales = embedding.word_group_scales,
                           .positions = embedding.positions,
                           .types = embedding.types,
                           .word_ids = token_ids.data(),
                           .position_ids = position_ids.data(),
                           .type_ids = token_type_ids.empty() ? nullptr : token_type_ids.data(),
                           .out = out.values,
                           .out_stride = out.stride,
                           .num_rows = static_cast<int>(token_ids.size()),
                           .columns = embedding.hidden_size};
  kernels.table.embedding(&args);
}

}  // namespace bantam
