#include "models/weight_layout.h"

#include "kernels/packing.h"

namespace bantam {

Linear WeightLayout::TakeLinear(WeightType type, int in_features, int out_features) {
  Linear linear{.in_features = in_features, .out_features = out_features};
  const auto columns = static_cast<size_t>(PaddedColumns(out_features));
  linear.bias = Take<float>(columns);
  if (type == WeightType::kF32) {
    linear.packed_f32 = Take<float>(PackedF32Size(out_features, in_features));
  } else if (type == WeightType::kInt4) {
    linear.weight_sum = Take<float>(columns);
    linear.group_scale = Take<uint16_t>(PackedInt4ScaleCount(out_features, in_features));
    linear.packed_int4 = Take<uint8_t>(PackedInt4Size(out_features, in_features));
  } else {
    linear.weight_scale = Take<float>(columns);
    linear.weight_sum = Take<float>(columns);
    linear.packed_int8 = Take<int8_t>(PackedInt8Size(out_features, in_features));
  }
  linear.type = type;
  return linear;
}

BlockMatrix WeightLayout::TakeBlocks(BlockFormat format, int in_features, int out_features) {
  BlockMatrix matrix{.format = format, .in_features = in_features, .out_features = out_features};
  matrix.packed = Take<uint8_t>(matrix.size_bytes());
  return matrix;
}

LayerNorm WeightLayout::TakeNorm(int size, float epsilon) {
  LayerNorm norm{.size = size, .epsilon = epsilon};
  norm.gamma = Take<float>(static_cast<size_t>(size));
  norm.beta = Take<float>(static_cast<size_t>(size));
  return norm;
}

void WeightLayout::TakeWords(WeightType type, int vocab_size, Embedding& embedding) {
  const auto rows = static_cast<size_t>(vocab_size), width = static_cast<size_t>(embedding.hidden_size);
  if (type == WeightType::kF32) {
    embedding.words = Take<float>(rows * width);
  } else if (type == WeightType::kInt4) {
    embedding.word_group_scales = Take<uint16_t>(rows * static_cast<size_t>(Int4Groups(embedding.hidden_size)));
    embedding.words_int4 = Take<uint8_t>(rows * Int4RowBytes(embedding.hidden_size));
  } else {
    embedding.word_scales = Take<float>(rows);
    embedding.words_int8 = Take<int8_t>(rows * width);
  }
}

}  // namespace bantam
