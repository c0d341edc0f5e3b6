// T5 (Raffel et al., 2020): the encoder reads a prompt once, and leaves keys and values for each layer of the decoder
// in the cache, at the places of the prompt's tokens. Those of the text come behind them, so that a sequence needs no
// other memory than that of a decoder alone, and gives it back and gets it in the same blocks.
#include <cstring>

#include "base/check.h"
#include "base/text_util.h"
#include "layers/relative_bias.h"
#include "models/gated_rows.h"
#include "models/t5_workspace.h"

namespace bantam {
namespace {

using Worker = T5Workspace::Worker;

// Distances have no end, the table of an encoder's biases has.
constexpr int kMostPositions = 16'384;

class T5 final : public Decoder {
 public:
  T5(const T5Config& config, const Kernels& kernels, const WeightPlan& plan, PackedWeights packed)
      : config_(config),
        kernels_(kernels),
        type_(plan.blocks.empty() ? plan.type : WeightType::kBlocks),
        form_(!plan.blocks.empty()  ? RowForm::kBlocks
              : plan.AnyQuantized() ? RowForm::kBytes
                                    : RowForm::kValues),
        packed_(std::move(packed)) {
    WeightBinder binder(plan, "", packed_.memory.bytes().data());
    BindT5(config_, binder, weights_);
    const auto table = [&](const float* biases) {
      return std::span(biases, static_cast<size_t>(config_.num_buckets * config_.num_heads));
    };
    encoder_bias_ = std::make_unique<RelativeBias>(table(weights_.encoder_bias), config_.num_buckets, config_.num_heads,
                                                   config_.max_distance, kMostPositions);
    // All further away than max_distance share a bucket.
    const auto distances = static_cast<size_t>(config_.max_distance) + 1;
    decoder_bias_.resize(distances * static_cast<size_t>(config_.num_heads));
    for (size_t d = 0; d < distances; ++d) {
      const auto bucket =
          static_cast<size_t>(LengthBucket(static_cast<int>(d), config_.num_buckets, config_.max_distance));
      for (size_t head = 0; head < static_cast<size_t>(config_.num_heads); ++head) {
        decoder_bias_[head * distances + d] =
            weights_.decoder_bias[bucket * static_cast<size_t>(config_.num_heads) + head];
      }
    }
  }

  int vocab_size() const override { return config_.vocab_size; }
  int max_positions() const override { return kMostPositions; }
  KvCacheShape kv_shape() const override { return {config_.decoder_layers, config_.num_heads, config_.head_dim}; }
  WeightType weight_type() const override { return type_; }
  std::string_view isa() const override { return IsaName(kernels_.isa); }
  uint64_t num_parameters() const override { return packed_.num_parameters; }
  uint64_t weight_bytes() const override { return packed_.memory.bytes().size(); }
  std::optional<int32_t> start_token() const override { return config_.start_token; }
  std::unique_ptr<DecoderWorkspace> NewWorkspace() const override { return std::make_unique<T5Workspace>(); }

  void Forward(const DecoderBatch& batch, DecoderWorkspace& workspace, ThreadPool& pool,
               std::span<float> logits) const override {
    auto& ws = static_cast<T5Workspace&>(workspace);
    BANTAM_CHECK(batch.cache.shape.SameSizes(kv_shape()) && batch.num_tokens() > 0);
    BANTAM_CHECK(batch.adapters.empty() &&
                 logits.size() == batch.logits_rows.size() * static_cast<size_t>(config_.vocab_size));
    ws.Prepare(config_, *encoder_bias_, batch, form_, pool.num_threads());
    const Parallel parallel = Parallel::Over(pool);
    if (!ws.encoder_rows.empty()) Encode(batch.cache, ws, parallel);
    if (!ws.decoder_rows.empty()) Decode(batch, ws, parallel, logits);
  }

 private:
  // body(first, num_rows, worker, parallel) over blocks of rows.
  template <typename Body>
  static void ForBlocks(T5Workspace& ws, size_t num_rows, const Parallel& parallel, const Body& body) {
    ForRows(parallel, static_cast<int>(num_rows), [&](Range rows, int worker, const Parallel& inner) {
      body(rows.begin, rows.size(), ws.workers[static_cast<size_t>(worker)], inner);
    });
  }

  // The prompts' keys and values for the decoder's attention to them.
  void Encode(const KvCacheView& cache, T5Workspace& ws, const Parallel& parallel) const {
    const size_t num_rows = ws.encoder_rows.size();
    const Activations x = ws.x.rows(), qkv = ws.qkv.rows(), context = ws.context.rows();
    Embed(ws.encoder_rows, ws, parallel);
    const AttentionShape shape{
        .num_heads = config_.num_heads, .head_dim = config_.head_dim, .scale = 1, .bias = encoder_bias_.get()};
    for (const T5LayerWeights& layer : weights_.encoder) {
      ForBlocks(ws, num_rows, parallel, [&](int first, int count, Worker& worker, const Parallel& inner) {
        ApplyLinear(kernels_, layer.qkv, Normed(layer.attention_norm, x.From(first), count, worker), qkv.From(first),
                    count, inner);
      });
      ApplyAttention(kernels_, shape, qkv, ws.encoder_borders, context, parallel,
                     [&](int worker) { return ws.workers[static_cast<size_t>(worker)].attention.data(); });
      ForBlocks(ws, num_rows, parallel, [&](int first, int count, Worker& worker, const Parallel& inner) {
        AddAttended(layer.attention_output, context.From(first), x.From(first), count, worker, inner);
        AddMlp(layer, x.From(first), count, worker, inner);
      });
    }
    ForBlocks(ws, num_rows, parallel, [&](int first, int count, Worker& worker, const Parallel& inner) {
      const Activations h = Normed(weights_.encoder_norm, x.From(first), count, worker), to = worker.key_value.rows();
      for (size_t i = 0; i < weights_.decoder.size(); ++i) {
        ApplyLinear(kernels_, weights_.decoder[i].cross_key_value, h, to, count, inner);
        for (int row = 0; row < count; ++row)
          Store(cache, i, ws.encoder_rows[static_cast<size_t>(first + row)], to.From(row));
      }
    });
  }

  void Decode(const DecoderBatch& batch, T5Workspace& ws, const Parallel& parallel, std::span<float> logits) const {
    const size_t num_rows = ws.decoder_rows.size();
    const Activations x = ws.x.rows(), qkv = ws.qkv.rows(), context = ws.context.rows();
    Embed(ws.decoder_rows, ws, parallel);
    for (size_t i = 0; i < weights_.decoder.size(); ++i) {
      const T5LayerWeights& layer = weights_.decoder[i];
      ForBlocks(ws, num_rows, parallel, [&](int first, int count, Worker& worker, const Parallel& inner) {
        ApplyLinear(kernels_, layer.qkv, Normed(layer.attention_norm, x.From(first), count, worker), qkv.From(first),
                    count, inner);
        for (int row = first; row < first + count; ++row) {
          Activations key_value = qkv.From(row);
          key_value.values += config_.inner_size();
          Store(batch.cache, i, ws.decoder_rows[static_cast<size_t>(row)], key_value);
        }
      });
      AttendToText(batch.cache, i, ws, parallel);
      ForBlocks(ws, num_rows, parallel, [&](int first, int count, Worker& worker, const Parallel& inner) {
        AddAttended(layer.attention_output, context.From(first), x.From(first), count, worker, inner);
        ApplyLinear(kernels_, layer.cross_query, Normed(layer.cross_norm, x.From(first), count, worker),
                    qkv.From(first), count, inner);
      });
      const PagedAttentionShape shape{.num_heads = config_.num_heads, .scale = 1};
      parallel.Run(ws.cross.num_tasks(), [&](int task, int worker) {
        ws.cross.Run(kernels_, shape, batch.cache, static_cast<int>(i), qkv, context, task,
                     ws.workers[static_cast<size_t>(worker)].attention.data());
      });
      ForBlocks(ws, num_rows, parallel, [&](int first, int count, Worker& worker, const Parallel& inner) {
        AddAttended(layer.cross_output, context.From(first), x.From(first), count, worker, inner);
        AddMlp(layer, x.From(first), count, worker, inner);
      });
    }
    Logits(batch.logits_rows, ws, parallel, logits);
  }

  void Embed(std::span<const T5Workspace::Row> rows, T5Workspace& ws, const Parallel& parallel) const {
    std::ranges::transform(rows, ws.ids.begin(), &T5Workspace::Row::token);
    const Activations x = ws.x.rows();
    ForBlocks(ws, rows.size(), parallel, [&](int first, int count, Worker&, const Parallel&) {
      const auto part = [&](const std::vector<int32_t>& all) {
        return std::span(all).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
      };
      ApplyEmbedding(kernels_, weights_.embedding, part(ws.ids), part(ws.zeros), {}, x.From(first));
    });
  }

  void Store(const KvCacheView& cache, size_t layer, const T5Workspace::Row& row, const Activations& key_value) const {
    StoreKeyValue(kernels_, cache, static_cast<int>(layer), row.table, row.position, key_value.values,
                  key_value.values + config_.inner_size());
  }

  // Attention of each token of a text to the text before it.
  void AttendToText(const KvCacheView& cache, size_t layer, T5Workspace& ws, const Parallel& parallel) const {
    const Activations qkv = ws.qkv.rows(), context = ws.context.rows();
    const int heads = config_.num_heads, dim = config_.head_dim;
    parallel.Run(static_cast<int>(ws.decoder_rows.size()) * heads, [&](int task, int worker) {
      const int index = task / heads, head = task % heads;
      const T5Workspace::Row& row = ws.decoder_rows[static_cast<size_t>(index)];
      const auto distances = static_cast<size_t>(config_.max_distance) + 1;
      const BiasedQuery query{
          .q = qkv.From(index).values + head * dim,
          .block_table = row.table,
          .first = row.encoded,
          .end = row.position + 1,
          .biases = std::span(decoder_bias_).subspan(static_cast<size_t>(head) * distances, distances)};
      AttendWithBias(kernels_, cache.Head(static_cast<int>(layer), head), query,
                     context.From(index).values + head * dim, ws.workers[static_cast<size_t>(worker)].attention.data());
    });
  }

  Activations Normed(const LayerNorm& norm, const Activations& x, int num_rows, Worker& worker) const {
    const Activations h = worker.hidden.rows();
    ApplyLayerNorm(kernels_, norm, x, h, num_rows);
    return h;
  }

  // x += output(context)
  void AddAttended(const Linear& output, const Activations& context, const Activations& x, int num_rows, Worker& worker,
                   const Parallel& parallel) const {
    const Activations attended = worker.context_bytes.With(context);
    if (output.reads_bytes()) QuantizeRows(kernels_, attended, num_rows, config_.inner_size());
    ApplyLinear(kernels_, output, attended, x, num_rows, parallel, {.residual = &x});
  }

  void AddMlp(const T5LayerWeights& layer, const Activations& x, int num_rows, Worker& worker,
              const Parallel& parallel) const {
    const Activations h = Normed(layer.mlp_norm, x, num_rows, worker), up = worker.up.rows();
    if (config_.gated) {
      ApplyLinear(kernels_, layer.up, h, up, num_rows, parallel);
      GateRows(kernels_, up, num_rows, config_.intermediate_size, config_.hidden_act);
    } else {
      ApplyLinear(kernels_, layer.up, h, up, num_rows, parallel, {.activation = config_.hidden_act});
    }
    if (layer.down.reads_bytes()) QuantizeRows(kernels_, up, num_rows, config_.intermediate_size);
    ApplyLinear(kernels_, layer.down, up, x, num_rows, parallel, {.residual = &x});
  }

  void Logits(std::span<const int32_t> rows, T5Workspace& ws, const Parallel& parallel, std::span<float> out) const {
    if (rows.empty()) return;
    const int num_rows = static_cast<int>(rows.size());
    const Activations x = ws.x.rows(), last = ws.last.rows();
    for (int i = 0; i < num_rows; ++i) {
      BANTAM_DCHECK(ws.IsText(rows[static_cast<size_t>(i)]));
      const float* from = x.From(ws.row_in_half[static_cast<size_t>(rows[static_cast<size_t>(i)])]).values;
      std::memcpy(last.From(i).values, from, sizeof(float) * static_cast<size_t>(config_.hidden_size));
    }
    // Scaled before it is quantised, where it is.
    const Activations plain{.values = last.values, .stride = last.stride};
    ApplyLayerNorm(kernels_, weights_.decoder_norm, plain, plain, num_rows);
    for (int i = 0; i < num_rows && config_.logits_scale != 1; ++i) {
      float* values = last.From(i).values;
      for (int k = 0; k < config_.hidden_size; ++k) values[k] *= config_.logits_scale;
    }
    if (weights_.logits.reads_bytes()) QuantizeRows(kernels_, last, num_rows, config_.hidden_size);
    const Activations logits{.values = out.data(), .stride = config_.vocab_size};
    ApplyLinear(kernels_, weights_.logits, last, logits, num_rows, parallel);
  }

  T5Config config_;
  const Kernels& kernels_;
  WeightType type_;
  RowForm form_;
  PackedWeights packed_;
  T5Weights weights_;
  std::unique_ptr<RelativeBias> encoder_bias_;
  std::vector<float> decoder_bias_;  // [num_heads, max_distance + 1]
};

}  // namespace

Result<std::unique_ptr<Decoder>> LoadT5(ModelFolder& model, const DecoderOptions& options) {
  BANTAM_TRY(const T5Config config, ReadT5Config(model));
  BANTAM_TRY(const Kernels* kernels, KernelsOf(options));
  const std::string name = EscapeForTerminal(model.config_path().string(), 400);
  BANTAM_TRY(WeightPlan plan, ReadWeightPlan(model.config, name, options.weight_type));
  if (options.weight_type == WeightType::kBlocks && !plan.stored) plan = PlanForBlocks(*model.weights);
  const std::string line = fmt::format(
      "t5 vocab={} hidden={} layers={}+{} heads={} dim={} intermediate={} buckets={} gated={} tied={} up={}",
      config.vocab_size, config.hidden_size, config.encoder_layers, config.decoder_layers, config.num_heads,
      config.head_dim, config.intermediate_size, config.num_buckets, config.gated ? 1 : 0, config.tied ? 1 : 0,
      config.up);
  BANTAM_TRY(PackedWeights packed, LoadPackedWeights(model, options, plan, line, T5Names(), [&](WeightBinder& bind) {
               T5Weights scratch;
               BindT5(config, bind, scratch);
             }));
  return std::unique_ptr<Decoder>(std::make_unique<T5>(config, *kernels, plan, std::move(packed)));
}

}  // namespace bantam
