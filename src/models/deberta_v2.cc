// The relative positions go through the same matrices in every forward pass. Their products are made once, at load, and
// laid out as the kernels read them: [2 * span, hidden_size] for each layer, for queries and for keys.
#include "models/deberta_v2.h"

#include <cmath>
#include <optional>

#include "base/text_util.h"
#include "kernels/packing.h"
#include "layers/disentangled_bias.h"
#include "models/bert.h"
#include "models/config_reader.h"

namespace bantam {
namespace {

struct DebertaConfig {
  BertConfig bert;
  bool relative_attention = false;
  bool content_to_position = false, position_to_content = false;
  bool share_att_key = false;
  bool norm_positions = false;
  int position_buckets = -1;       // <= 0: every distance has a row of its own
  int max_relative_positions = 0;  // where buckets end
  int span() const { return position_buckets > 0 ? position_buckets : max_relative_positions; }
};

// "pos_att_type": "p2c|c2p", or a list of the two.
Status ReadPositionTypes(const JsonObject& config, DebertaConfig& deberta) {
  constexpr std::string_view kKey = "pos_att_type";
  const json::value* value = config.Find(kKey);
  if (value == nullptr || value->is_null()) return Ok();
  std::vector<std::string> types;
  if (value->is_string()) {
    std::string_view rest = value->as_string();
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('|'), rest.size());
      types.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  } else {
    BANTAM_TRY(const json::array* list, config.Array(kKey));
    for (const json::value& type : *list)
      types.push_back(type.is_string() ? std::string(type.as_string()) : ToJson(type));
  }
  for (const std::string& type : types) {
    if (type == "c2p") {
      deberta.content_to_position = true;
    } else if (type == "p2c") {
      deberta.position_to_content = true;
    } else if (!type.empty()) {
      return Err(ErrorCode::kUnsupported, "{} has \"{}\"; known: c2p, p2c", config.Where(kKey),
                 EscapeForTerminal(type));
    }
  }
  return Ok();
}

Result<DebertaConfig> ParseDebertaConfig(const JsonObject& config) {
  DebertaConfig deberta;
  BertConfig& bert = deberta.bert;
  BANTAM_TRY(bert, ParseBertConfig(config));
  BANTAM_TRY(const int64_t types, config.IntOr("type_vocab_size", 0, 0, SizeLimits::kTypes));
  bert.type_vocab_size = static_cast<int>(types);
  BANTAM_TRY(bert.has_positions, config.BoolOr("position_biased_input", true));
  for (const std::string_view key : {"embedding_size", "attention_head_size"}) {
    const int known = key == "embedding_size" ? bert.hidden_size : bert.head_dim();
    BANTAM_TRY(const int size, ReadSizeOr(config, key, known, SizeLimits::kHidden));
    if (size != known) return Err(ErrorCode::kUnsupported, "{} is {}; known: {}", config.Where(key), size, known);
  }
  BANTAM_TRY(const int64_t convolution, config.IntOr("conv_kernel_size", 0, -1, 1024));
  if (convolution > 0) {
    return Err(ErrorCode::kUnsupported, "{} is {}: the convolution of the xlarge models is not known",
               config.Where("conv_kernel_size"), convolution);
  }
  BANTAM_TRY(deberta.relative_attention, config.BoolOr("relative_attention", false));
  BANTAM_RETURN_IF_ERROR(ReadPositionTypes(config, deberta));
  BANTAM_TRY(deberta.share_att_key, config.BoolOr("share_att_key", false));
  BANTAM_TRY(const std::string norm, config.StringOr("norm_rel_ebd", "none"));
  deberta.norm_positions = norm.find("layer_norm") != std::string::npos;
  BANTAM_TRY(const int64_t buckets, config.IntOr("position_buckets", -1, -1, SizeLimits::kPositions));
  BANTAM_TRY(const int64_t furthest, config.IntOr("max_relative_positions", -1, -1, SizeLimits::kPositions));
  deberta.position_buckets = static_cast<int>(buckets);
  deberta.max_relative_positions = furthest < 1 ? bert.max_position_embeddings : static_cast<int>(furthest);
  // Beyond the half of the buckets that are one distance each there must be some for the logarithm to deal with.
  if (deberta.relative_attention && deberta.position_buckets > 0 &&
      (deberta.position_buckets < 2 || deberta.max_relative_positions - 1 <= deberta.position_buckets / 2)) {
    return Err(ErrorCode::kCorrupt,
               "{} is {} with \"max_relative_positions\" {}: expected 2 or more, and less than twice that",
               config.Where("position_buckets"), deberta.position_buckets, deberta.max_relative_positions);
  }
  // Each kind of position adds to the scores' variance.
  const int kinds = 1 + (deberta.content_to_position ? 1 : 0) + (deberta.position_to_content ? 1 : 0);
  bert.attention_scale = 1 / std::sqrt(static_cast<float>(bert.head_dim()) * static_cast<float>(kinds));
  bert.more = fmt::format(" span={} {}{}{}{}{}", deberta.span(), deberta.relative_attention ? "relative" : "",
                          deberta.content_to_position ? " c2p" : "", deberta.position_to_content ? " p2c" : "",
                          deberta.share_att_key ? " shared" : "", deberta.norm_positions ? " normed" : "");
  return deberta;
}

// positions W^T + b: [2 * span, hidden]
Result<std::vector<float>> ProjectPositions(std::vector<float> positions, std::span<const float> weight,
                                            std::span<const float> bias, int hidden) {
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  std::vector<float> packed(PackedF32Size(hidden, hidden)), padded_bias(static_cast<size_t>(PaddedColumns(hidden)));
  PackF32(weight, hidden, hidden, packed);
  std::copy(bias.begin(), bias.end(), padded_bias.begin());
  const Linear linear{
      .in_features = hidden, .out_features = hidden, .bias = padded_bias.data(), .packed_f32 = packed.data()};
  std::vector<float> out(positions.size());
  ApplyLinear(*kernels, linear, {.values = positions.data(), .stride = hidden},
              {.values = out.data(), .stride = hidden}, static_cast<int>(positions.size()) / hidden);
  return out;
}

// The relative positions as one layer sees them, after the LayerNorm that v3 has.
Result<std::vector<float>> ReadPositions(WeightReader& reader, const DebertaConfig& config) {
  const int hidden = config.bert.hidden_size, rows = 2 * config.span();
  const auto width = static_cast<size_t>(hidden);
  std::vector<float> positions(static_cast<size_t>(rows) * width);
  BANTAM_RETURN_IF_ERROR(reader.Into("encoder.rel_embeddings.weight", {rows, hidden}, positions));
  if (!config.norm_positions) return positions;
  std::vector<float> gamma(width), beta(width);
  const LayerNorm norm{.size = hidden, .gamma = gamma.data(), .beta = beta.data()};
  BANTAM_RETURN_IF_ERROR(reader.ReadNorm("encoder.LayerNorm", norm));
  for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
    const std::span<float> x = std::span(positions).subspan(row * width, width);
    double mean = 0, variance = 0;
    for (const float value : x) mean += value / static_cast<double>(hidden);
    for (const float value : x) variance += (value - mean) * (value - mean) / hidden;
    const double inverse = 1 / std::sqrt(variance + config.bert.layer_norm_eps);
    for (size_t i = 0; i < width; ++i) x[i] = static_cast<float>((x[i] - mean) * inverse * gamma[i] + beta[i]);
  }
  return positions;
}

// One head's part of the projected positions as a Linear's weights: [2 * span, head_dim].
class PositionLayers {
 public:
  PositionLayers(const DebertaConfig& config, WeightBinder& bind, const std::string& name)
      : heads_(config.bert.num_attention_heads), dim_(config.bert.head_dim()), rows_(2 * config.span()) {
    const size_t head_size = PackedF32Size(rows_, dim_);
    bind.Computed(
        packed_, head_size * static_cast<size_t>(heads_), [&](WeightReader& reader, std::span<float> out) -> Status {
          const int hidden = config.bert.hidden_size;
          BANTAM_TRY(std::vector<float> positions, ReadPositions(reader, config));
          BANTAM_TRY(const std::vector<float> weight, reader.ReadMatrix(name, hidden, hidden));
          std::vector<float> bias(static_cast<size_t>(hidden));
          BANTAM_RETURN_IF_ERROR(reader.Into(name + ".bias", {hidden}, bias));
          BANTAM_TRY(const std::vector<float> projected, ProjectPositions(std::move(positions), weight, bias, hidden));
          Pack(projected, out);
          return Ok();
        });
    bind.Zeros(zeros_, static_cast<size_t>(PaddedColumns(rows_)));
  }

  std::vector<Linear> heads() const {
    std::vector<Linear> linears;
    const size_t head_size = PackedF32Size(rows_, dim_);
    for (int head = 0; head < heads_; ++head) {
      linears.push_back({.in_features = dim_,
                         .out_features = rows_,
                         .bias = zeros_,
                         .packed_f32 = packed_ + static_cast<size_t>(head) * head_size});
    }
    return linears;
  }

 private:
  void Pack(std::span<const float> projected, std::span<float> out) const {
    const size_t head_size = PackedF32Size(rows_, dim_), dim = static_cast<size_t>(dim_);
    std::vector<float> one(static_cast<size_t>(rows_) * dim);
    for (size_t head = 0; head < static_cast<size_t>(heads_); ++head) {
      for (size_t row = 0; row < static_cast<size_t>(rows_); ++row) {
        const auto from = projected.subspan((row * static_cast<size_t>(heads_) + head) * dim, dim);
        std::copy(from.begin(), from.end(), one.begin() + static_cast<ptrdiff_t>(row * dim));
      }
      PackF32(one, rows_, dim_, out.subspan(head * head_size, head_size));
    }
  }

  int heads_, dim_, rows_;
  const float* packed_ = nullptr;
  const float* zeros_ = nullptr;
};

void BindPositions(const DebertaConfig& config, WeightBinder& bind, BertWeights& weights) {
  const auto positions =
      bind.placed() ? std::make_shared<RelativePositions>(config.span(), config.position_buckets,
                                                          config.max_relative_positions, config.bert.max_sequence())
                    : nullptr;
  if (positions != nullptr) weights.owned.push_back(positions);
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    const std::string self = fmt::format("encoder.layer.{}.attention.self.", i);
    std::vector<Linear> keys, queries;
    if (config.content_to_position) {
      keys = PositionLayers(config, bind, self + (config.share_att_key ? "key_proj" : "pos_key_proj")).heads();
    }
    if (config.position_to_content) {
      queries = PositionLayers(config, bind, self + (config.share_att_key ? "query_proj" : "pos_query_proj")).heads();
    }
    if (positions == nullptr) continue;
    const auto bias = std::make_shared<DisentangledBias>(*positions, std::move(keys), std::move(queries),
                                                         config.bert.attention_scale);
    weights.layers[i].bias = bias.get();
    weights.owned.push_back(bias);
  }
}

}  // namespace

Result<std::unique_ptr<Encoder>> LoadDebertaV2(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject object, ConfigOf(model));
  BANTAM_TRY(const DebertaConfig config, ParseDebertaConfig(object));
  BertFamily family;
  family.config = config.bert;
  family.names = {.what = "DeBERTa encoder",
                  .prefix = PrefixOf(*model.weights, {"deberta."}, "embeddings.word_embeddings.weight"),
                  .ignored = {"pooler.", "classifier.", "cls.", "lm_predictions.", "mask_predictions.", "qa_outputs.",
                              "embeddings.position_ids"}};
  family.layers.query = "attention.self.query_proj";
  family.layers.key = "attention.self.key_proj";
  family.layers.value = "attention.self.value_proj";
  if (config.relative_attention) {
    family.bind_more = [&config](WeightBinder& bind, BertWeights& weights) { BindPositions(config, bind, weights); };
  }
  return Bert::LoadFamily(model, options, family);
}

}  // namespace bantam
