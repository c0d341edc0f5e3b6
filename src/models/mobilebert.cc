#include "models/mobilebert.h"

#include <algorithm>

#include "base/check.h"
#include "base/text_util.h"
#include "layers/attention.h"
#include "models/batch_plan.h"
#include "models/config_reader.h"
#include "models/mobilebert_weights.h"
#include "models/packed_encoder.h"
#include "models/row_buffer.h"

namespace bantam {
namespace {

class MobileBertWorkspace final : public EncoderWorkspace {
 public:
  // Of one group in flight.
  struct Lane {
    RowBuffer x_bytes, layer_input, qkv, context;
  };
  // Of one worker's block of rows.
  struct Worker {
    RowBuffer words, narrow, intermediate, context_bytes;
    AlignedBuffer<float> attention;
  };

  void Reserve(const MobileBertConfig& config, bool quantized, int num_threads, size_t attention_scratch) {
    lanes.resize(std::max<size_t>(lanes.size(), plan.side_by_side() ? num_threads : 1));
    workers.resize(std::max<size_t>(workers.size(), num_threads));
    const int narrow = config.true_hidden_size;
    for (Lane& lane : lanes) {
      lane.x_bytes.Reserve(plan.largest_group(), config.hidden_size, quantized, false);
      lane.layer_input.Reserve(plan.largest_group(), narrow, quantized);
      lane.qkv.Reserve(plan.largest_group(), 3 * narrow, false);
      lane.context.Reserve(plan.largest_group(), narrow, false);
    }
    for (Worker& worker : workers) {
      worker.words.Reserve(kBlockRows, config.embedding_input(), quantized);
      worker.narrow.Reserve(kBlockRows, narrow, quantized);
      worker.intermediate.Reserve(kBlockRows, config.intermediate_size, quantized);
      worker.context_bytes.Reserve(kBlockRows, narrow, quantized, false);
      if (worker.attention.size() < attention_scratch) worker.attention = AlignedBuffer<float>(attention_scratch);
    }
  }

  BatchPlan plan;
  std::vector<Lane> lanes;
  std::vector<Worker> workers;
  const std::vector<int32_t> zeros = std::vector<int32_t>(kBlockRows, 0);  // rows of tables that there are not
};

class MobileBert final : public PackedEncoder {
 public:
  MobileBert(const EncoderFacts& facts, PackedWeights packed, const MobileBertConfig& config, const WeightPlan& plan,
             const WeightNames& names)
      : PackedEncoder(facts, std::move(packed)), config_(config) {
    WeightBinder bind(plan, names.prefix, block());
    BindMobileBert(config_, bind, weights_);
  }

  std::unique_ptr<EncoderWorkspace> NewWorkspace() const override { return std::make_unique<MobileBertWorkspace>(); }

  void Forward(const EncoderBatch& batch, EncoderWorkspace& workspace, ThreadPool& pool,
               std::span<float> hidden) const override {
    if (batch.num_tokens() == 0) return;
    BANTAM_CHECK(batch.cu_seqlens.front() == 0 && batch.cu_seqlens.back() == batch.num_tokens());
    BANTAM_CHECK(hidden.size() == static_cast<size_t>(batch.num_tokens()) * config_.hidden_size);
    auto& ws = static_cast<MobileBertWorkspace&>(workspace);
    ws.plan.Make(batch, kGroupTokens, pool.num_threads());
    BANTAM_CHECK(ws.plan.longest_sequence() <= config_.max_position_embeddings, "a sequence of {} tokens",
                 ws.plan.longest_sequence());
    ws.Reserve(config_, quantized(), pool.num_threads(), AttentionScratchSize(Shape(), ws.plan.longest_sequence()));
    const Activations x{.values = hidden.data(), .stride = config_.hidden_size};
    ws.plan.ForGroups(pool, [&](Range group, int lane, const Parallel& parallel) {
      ForwardGroup(batch, group, x, ws, lane, parallel);
    });
  }

 private:
  using Layer = MobileBertLayerWeights;
  using Lane = MobileBertWorkspace::Lane;
  using Worker = MobileBertWorkspace::Worker;

  AttentionShape Shape() const {
    return {.num_heads = config_.num_attention_heads, .head_dim = config_.head_dim(), .approximate = quantized()};
  }

  // hidden's rows of the group's sequences are the wide rows between layers all the way.
  void ForwardGroup(const EncoderBatch& batch, Range group, const Activations& hidden, MobileBertWorkspace& ws,
                    int lane_index, const Parallel& parallel) const {
    const auto cu_seqlens = batch.cu_seqlens.subspan(group.begin, group.size() + 1);
    const int first = cu_seqlens.front(), num_rows = cu_seqlens.back() - first;
    if (num_rows == 0) return;
    Lane& lane = ws.lanes[lane_index];
    const Activations x = lane.x_bytes.With(hidden.From(first)), qkv = lane.qkv.rows(), context = lane.context.rows();
    const Activations layer_input = config_.use_bottleneck ? lane.layer_input.rows() : x;
    ForRows(parallel, num_rows, [&](Range rows, int worker, const Parallel& inner) {
      Embed(batch, {first + rows.begin, first + rows.end}, ws, x.From(rows.begin), ws.workers[worker], inner);
    });
    for (const Layer& layer : weights_.layers) {
      ForRows(parallel, num_rows, [&](Range rows, int worker, const Parallel& inner) {
        Project(layer, x.From(rows.begin), layer_input.From(rows.begin), qkv.From(rows.begin), rows.size(),
                ws.workers[worker], inner);
      });
      ApplyAttention(
          kernels(), Shape(), qkv, cu_seqlens, context, parallel,
          [&](int worker) { return ws.workers[worker].attention.data(); }, batch.KeysOf(group.begin, group.size()));
      ForRows(parallel, num_rows, [&](Range rows, int worker, const Parallel& inner) {
        FinishLayer(layer, context.From(rows.begin), layer_input.From(rows.begin), x.From(rows.begin), rows.size(),
                    ws.workers[worker], inner);
      });
    }
  }

  // The words of the rows [tokens) of the batch, each beside those after and before it in its sequence, made as wide as
  // the layers; then position and type.
  void Embed(const EncoderBatch& batch, Range tokens, const MobileBertWorkspace& ws, const Activations& x,
             Worker& worker, const Parallel& parallel) const {
    const auto positions = ws.plan.position_ids();
    const std::span<const int32_t> zeros = ws.zeros;
    const int num_rows = tokens.size(), width = config_.embedding_size;
    const Activations words = worker.words.rows();
    const auto embed = [&](int token, int count, float* out) {
      ApplyEmbedding(kernels(), weights_.embedding, batch.token_ids.subspan(token, count), zeros.first(count), {},
                     {.values = out, .stride = words.stride});
    };
    embed(tokens.begin, num_rows, words.values + (config_.trigram_input ? width : 0));
    for (int row = 0; config_.trigram_input && row < num_rows; ++row) {
      const int token = tokens.begin + row;
      float* out = words.values + row * words.stride;
      const bool last = token + 1 == batch.num_tokens() || positions[token + 1] == 0;
      std::fill_n(out, width, 0.0f);
      std::fill_n(out + 2 * width, width, 0.0f);
      if (!last) embed(token + 1, 1, out);
      if (positions[token] > 0) embed(token - 1, 1, out + 2 * width);
    }
    const auto types =
        batch.token_type_ids.empty() ? batch.token_type_ids : batch.token_type_ids.subspan(tokens.begin, num_rows);
    ApplyEmbedding(kernels(), weights_.places, zeros.first(num_rows), positions.subspan(tokens.begin, num_rows),
                   config_.type_vocab_size > 1 ? types : std::span<const int32_t>(), x);
    if (config_.trigram_input || width != config_.hidden_size) {
      const Linear& transformation = weights_.embedding_transformation;
      if (transformation.reads_bytes()) QuantizeRows(kernels(), words, num_rows, config_.embedding_input());
      ApplyLinear(kernels(), transformation, words, x, num_rows, parallel, {.residual = &x});
    } else {
      for (int row = 0; row < num_rows; ++row) {
        for (int i = 0; i < width; ++i) x.values[row * x.stride + i] += words.values[row * words.stride + i];
      }
    }
    ApplyLayerNorm(kernels(), weights_.embedding_norm, x, x, num_rows);
  }

  void Apply(const Layer::Projection& projection, const Activations& x, const Activations& out, int num_rows,
             const Parallel& parallel, const Activations* residual = nullptr) const {
    ApplyLinear(kernels(), projection.dense, x, out, num_rows, parallel, {.residual = residual});
    ApplyLayerNorm(kernels(), projection.norm, out, out, num_rows);
  }

  // Wide rows -> the narrow ones that attention's output is added to, and queries, keys and values.
  void Project(const Layer& layer, const Activations& x, const Activations& layer_input, const Activations& qkv,
               int num_rows, Worker& worker, const Parallel& parallel) const {
    Activations query_input = x, value_input = x, value = qkv;
    if (config_.use_bottleneck) {
      Apply(layer.input_bottleneck, x, layer_input, num_rows, parallel);
      if (config_.use_bottleneck_attention) {
        query_input = value_input = layer_input;
      } else if (config_.key_query_shared_bottleneck) {
        query_input = worker.narrow.rows();
        Apply(layer.attention_bottleneck, x, query_input, num_rows, parallel);
      }
    }
    value.values += 2 * config_.true_hidden_size;
    ApplyLinear(kernels(), layer.query_key, query_input, qkv, num_rows, parallel);
    ApplyLinear(kernels(), layer.value, value_input, value, num_rows, parallel);
  }

  // Everything after attention: x becomes the layer's output.
  void FinishLayer(const Layer& layer, const Activations& context, const Activations& layer_input, const Activations& x,
                   int num_rows, Worker& worker, const Parallel& parallel) const {
    const Activations attended = worker.context_bytes.With(context), h = worker.narrow.rows(),
                      intermediate = worker.intermediate.rows();
    if (layer.attention_output.dense.reads_bytes()) {
      QuantizeRows(kernels(), attended, num_rows, config_.true_hidden_size);
    }
    Apply(layer.attention_output, attended, h, num_rows, parallel, &layer_input);
    for (const Layer::FeedForward& part : layer.feed_forward) {
      ApplyLinear(kernels(), part.intermediate, h, intermediate, num_rows, parallel,
                  {.activation = config_.hidden_act});
      if (part.output.dense.reads_bytes()) QuantizeRows(kernels(), intermediate, num_rows, config_.intermediate_size);
      const bool is_output = !config_.use_bottleneck && &part == &layer.feed_forward.back();
      Apply(part.output, intermediate, is_output ? x : h, num_rows, parallel, &h);
    }
    if (config_.use_bottleneck) Apply(layer.output_bottleneck, h, x, num_rows, parallel, &x);
  }

  MobileBertConfig config_;
  MobileBertWeights weights_;
};

}  // namespace

Result<std::unique_ptr<Encoder>> LoadMobileBert(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const Kernels* kernels, KernelsOf(options));
  BANTAM_TRY(const JsonObject object, ConfigOf(model));
  BANTAM_TRY(const MobileBertConfig config, ParseMobileBertConfig(object));
  BANTAM_TRY(const WeightPlan plan, ReadWeightPlan(model.config, object.name(), options.weight_type));
  const WeightNames names{.what = "MobileBERT encoder",
                          .prefix = PrefixOf(*model.weights, {"mobilebert."}, "embeddings.word_embeddings.weight"),
                          .ignored = {"pooler.", "cls.", "classifier.", "qa_outputs.", "embeddings.position_ids"}};
  BANTAM_TRY(PackedWeights packed,
             LoadPackedWeights(model, options, plan, config.Fingerprint(), names, [&](WeightBinder& bind) {
               MobileBertWeights scratch;
               BindMobileBert(config, bind, scratch);
             }));
  const EncoderFacts facts{.hidden_size = config.hidden_size,
                           .max_positions = config.max_position_embeddings,
                           .vocab_size = config.vocab_size,
                           .type_vocab_size = config.type_vocab_size,
                           .type = plan.type,
                           .quantized = plan.AnyQuantized(),
                           .kernels = kernels};
  return std::unique_ptr<Encoder>(std::make_unique<MobileBert>(facts, std::move(packed), config, plan, names));
}

}  // namespace bantam
