#include "models/bert_weights.h"

#include <algorithm>

#include "base/check.h"
#include "base/text_util.h"
#include "kernels/packing.h"

namespace bantam {
namespace {

// Hands out 64-byte aligned pieces of the block in order.
class Cursor {
 public:
  explicit Cursor(const std::byte* block) : block_(block) {}
  template <typename T>
  const T* Take(size_t count) {
    const size_t begin = offset_;
    offset_ = (offset_ + count * sizeof(T) + 63) / 64 * 64;
    return block_ == nullptr ? nullptr : reinterpret_cast<const T*>(block_ + begin);
  }
  size_t offset() const { return offset_; }

 private:
  const std::byte* block_;
  size_t offset_ = 0;
};

Linear TakeLinear(Cursor& cursor, WeightType type, int in_features, int out_features) {
  Linear linear{.in_features = in_features, .out_features = out_features};
  const auto columns = static_cast<size_t>(PaddedColumns(out_features));
  linear.bias = cursor.Take<float>(columns);
  if (type == WeightType::kF32) {
    linear.packed_f32 = cursor.Take<float>(PackedF32Size(out_features, in_features));
  } else {
    linear.weight_scale = cursor.Take<float>(columns);
    linear.weight_sum = cursor.Take<float>(columns);
    linear.packed_int8 = cursor.Take<int8_t>(PackedInt8Size(out_features, in_features));
  }
  return linear;
}

LayerNorm TakeNorm(Cursor& cursor, const BertConfig& config) {
  LayerNorm norm{.size = config.hidden_size, .epsilon = config.layer_norm_eps};
  norm.gamma = cursor.Take<float>(config.hidden_size);
  norm.beta = cursor.Take<float>(config.hidden_size);
  return norm;
}

// The views are read-only for everybody but the reader that fills the block they lie in.
template <typename T>
std::span<T> Fill(const T* where, size_t count) {
  return {const_cast<T*>(where), count};
}

// Asks for tensors under the names that BERT checkpoints use.
class Reader {
 public:
  Reader(WeightSource& source, WeightType type) : source_(source), type_(type) {
    // Heads on top of the encoder put its tensors under "bert.".
    if (source.Has("bert.embeddings.word_embeddings.weight")) prefix_ = "bert.";
  }

  uint64_t num_parameters() const { return num_parameters_; }

  Result<TensorView> Get(std::string_view name, const Shape& shape) {
    std::string full = prefix_ + std::string(name);
    // Checkpoints converted from TensorFlow years ago call a LayerNorm's weight and bias gamma and beta.
    if (!source_.Has(full)) {
      for (auto [now, then] :
           {std::pair{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}}) {
        if (!full.ends_with(now)) continue;
        std::string old = full.substr(0, full.size() - std::string_view(now).size()) + then;
        if (source_.Has(old)) full = old;
      }
    }
    BANTAM_TRY(TensorView view, source_.Get(full, shape));
    switch (view.dtype) {
      case DType::kF32:
      case DType::kF16:
      case DType::kBF16:
      case DType::kF64:
        break;
      default:
        return Err(ErrorCode::kUnsupported, "weight \"{}\" is {}, expected F32, F16, BF16 or F64", full,
                   DTypeName(view.dtype));
    }
    num_parameters_ += static_cast<uint64_t>(NumElements(shape));
    return view;
  }

  Status Into(std::string_view name, const Shape& shape, std::span<float> out) {
    BANTAM_TRY(const TensorView view, Get(name, shape));
    CopyToF32(view, out);
    return Ok();
  }

  // One Linear from one or several named parts stacked along the output (q, k, v).
  Status ReadLinear(std::initializer_list<std::string> parts, const Linear& linear) {
    const int rows = linear.out_features / static_cast<int>(parts.size());
    const auto part_size = static_cast<size_t>(rows) * linear.in_features;
    scratch_.resize(part_size * parts.size());
    const std::span<float> weight(scratch_);
    size_t part = 0;
    for (const std::string& name : parts) {
      BANTAM_RETURN_IF_ERROR(
          Into(name + ".weight", {rows, linear.in_features}, weight.subspan(part * part_size, part_size)));
      BANTAM_RETURN_IF_ERROR(Into(name + ".bias", {rows}, Fill(linear.bias + part * rows, rows)));
      ++part;
    }
    const int out = linear.out_features, in = linear.in_features;
    if (type_ == WeightType::kF32) {
      PackF32(weight, out, in, Fill(linear.packed_f32, PackedF32Size(out, in)));
    } else {
      const auto columns = static_cast<size_t>(PaddedColumns(out));
      PackInt8(weight, out, in, Fill(linear.packed_int8, PackedInt8Size(out, in)), Fill(linear.weight_scale, columns),
               Fill(linear.weight_sum, columns));
    }
    return Ok();
  }

  Status ReadNorm(const std::string& name, const LayerNorm& norm) {
    BANTAM_RETURN_IF_ERROR(Into(name + ".weight", {norm.size}, Fill(norm.gamma, norm.size)));
    return Into(name + ".bias", {norm.size}, Fill(norm.beta, norm.size));
  }

  Status ReadWords(const BertConfig& config, const Embedding& embedding) {
    const auto width = static_cast<size_t>(config.hidden_size), rows = static_cast<size_t>(config.vocab_size);
    BANTAM_TRY(const TensorView view,
               Get("embeddings.word_embeddings.weight", {config.vocab_size, config.hidden_size}));
    if (type_ == WeightType::kF32) {
      CopyToF32(view, Fill(embedding.words, rows * width));
      return Ok();
    }
    scratch_.resize(width);
    const size_t row_bytes = width * DTypeBytes(view.dtype);
    for (size_t row = 0; row < rows; ++row) {
      CopyToF32({view.dtype, {config.hidden_size}, view.bytes.subspan(row * row_bytes, row_bytes)}, scratch_);
      Fill(embedding.word_scales + row, 1)[0] =
          QuantizeRowInt8(scratch_, Fill(embedding.words_int8 + row * width, width));
    }
    return Ok();
  }

  // Whatever nobody asked for must be something an encoder can do without.
  Status CheckLeftovers() {
    for (const std::string& name : source_.Leftovers()) {
      std::string_view rest = name;
      if (rest.starts_with(prefix_)) rest.remove_prefix(prefix_.size());
      if (rest == "embeddings.position_ids") continue;  // 0, 1, 2, ...: a buffer that old versions saved
      const bool head = rest.starts_with("pooler.") || rest.starts_with("cls.");
      if (!head) {
        return Err(ErrorCode::kUnsupported,
                   "weight \"{}\" is in the file but no part of a BERT encoder (known besides it: pooler.*, cls.*)",
                   EscapeForTerminal(name));
      }
    }
    return Ok();
  }

 private:
  WeightSource& source_;
  WeightType type_;
  std::string prefix_;
  std::vector<float> scratch_;
  uint64_t num_parameters_ = 0;
};

}  // namespace

BertLayout LayOutBert(const BertConfig& config, WeightType type, const std::byte* block) {
  BertLayout layout;
  Cursor cursor(block);
  const int hidden = config.hidden_size;
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    BertLayerWeights layer;
    layer.qkv = TakeLinear(cursor, type, hidden, 3 * hidden);
    layer.attention_output = TakeLinear(cursor, type, hidden, hidden);
    layer.attention_norm = TakeNorm(cursor, config);
    layer.intermediate = TakeLinear(cursor, type, hidden, config.intermediate_size);
    layer.output = TakeLinear(cursor, type, config.intermediate_size, hidden);
    layer.output_norm = TakeNorm(cursor, config);
    layout.weights.layers.push_back(layer);
  }
  layout.weights.embedding_norm = TakeNorm(cursor, config);
  Embedding& embedding = layout.weights.embedding;
  const auto width = static_cast<size_t>(hidden);
  embedding.hidden_size = hidden;
  embedding.types = cursor.Take<float>(config.type_vocab_size * width);
  embedding.positions = cursor.Take<float>(config.max_position_embeddings * width);
  if (type == WeightType::kF32) {
    embedding.words = cursor.Take<float>(config.vocab_size * width);
  } else {
    embedding.word_scales = cursor.Take<float>(config.vocab_size);
    embedding.words_int8 = cursor.Take<int8_t>(config.vocab_size * width);
  }
  layout.total_bytes = cursor.offset();
  return layout;
}

Result<uint64_t> ReadBertWeights(WeightSource& source, const BertConfig& config, WeightType type,
                                 std::span<std::byte> block) {
  const BertLayout layout = LayOutBert(config, type, block.data());
  BANTAM_CHECK(block.size() == layout.total_bytes);
  const BertWeights& weights = layout.weights;
  Reader reader(source, type);
  const int hidden = config.hidden_size;
  const auto width = static_cast<size_t>(hidden);
  BANTAM_RETURN_IF_ERROR(reader.ReadWords(config, weights.embedding));
  BANTAM_RETURN_IF_ERROR(reader.Into("embeddings.position_embeddings.weight", {config.max_position_embeddings, hidden},
                                     Fill(weights.embedding.positions, config.max_position_embeddings * width)));
  BANTAM_RETURN_IF_ERROR(reader.Into("embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden},
                                     Fill(weights.embedding.types, config.type_vocab_size * width)));
  BANTAM_RETURN_IF_ERROR(reader.ReadNorm("embeddings.LayerNorm", weights.embedding_norm));
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    const BertLayerWeights& layer = weights.layers[i];
    const std::string name = fmt::format("encoder.layer.{}.", i), self = name + "attention.self.";
    BANTAM_RETURN_IF_ERROR(reader.ReadLinear({self + "query", self + "key", self + "value"}, layer.qkv));
    BANTAM_RETURN_IF_ERROR(reader.ReadLinear({name + "attention.output.dense"}, layer.attention_output));
    BANTAM_RETURN_IF_ERROR(reader.ReadNorm(name + "attention.output.LayerNorm", layer.attention_norm));
    BANTAM_RETURN_IF_ERROR(reader.ReadLinear({name + "intermediate.dense"}, layer.intermediate));
    BANTAM_RETURN_IF_ERROR(reader.ReadLinear({name + "output.dense"}, layer.output));
    BANTAM_RETURN_IF_ERROR(reader.ReadNorm(name + "output.LayerNorm", layer.output_norm));
  }
  BANTAM_RETURN_IF_ERROR(reader.CheckLeftovers());
  return reader.num_parameters();
}

}  // namespace bantam
