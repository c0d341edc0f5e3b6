#include "models/decoder_frame.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/text_util.h"
#include "models/decoder_workspace.h"
#include "models/gated_rows.h"

namespace bantam {
namespace {

using Worker = FrameWorkspace::Worker;

class FrameDecoder final : public Decoder {
 public:
  FrameDecoder(const DecoderConfig& config, const Kernels& kernels, const WeightPlan& plan, PackedWeights packed)
      : config_(config),
        kernels_(kernels),
        type_(plan.blocks.empty() ? plan.type : WeightType::kBlocks),
        form_(!plan.blocks.empty()  ? RowForm::kBlocks
              : plan.AnyQuantized() ? RowForm::kBytes
                                    : RowForm::kValues),
        packed_(std::move(packed)) {}

  void Bind(const WeightPlan& plan, const WeightNames& names, const BindDecoder& bind) {
    WeightBinder binder(plan, names.prefix, packed_.memory.bytes().data());
    binder.Record(matrices_);
    bind(binder, weights_);
    const KvCacheShape one = {0, config_.num_key_value_heads, config_.head_dim};
    for (size_t i = 0; i < weights_.layers.size(); ++i) {
      first_cached_.push_back(num_cached_);
      num_cached_ += config_.layers[i].convolution > 0 ? weights_.layers[i].convolution.CacheLayers(one) : 1;
    }
    std::string words;
    for (BoundMatrix& matrix : matrices_) {
      if (matrix.matrix == nullptr) words = matrix.name;
      // A head that is tied to the words is a matrix of its own to an adapter.
      if (matrix.matrix == &weights_.logits && matrix.name == words) matrix.name = "lm_head";
      matrix.by_head =
          config_.qkv_by_head && matrix.matrix != nullptr && matrix.rows == config_.qkv_size() && IsQkv(*matrix.matrix);
    }
  }

  int vocab_size() const override { return config_.vocab_size; }
  int max_positions() const override { return config_.max_positions; }
  int original_positions() const override { return config_.original_positions; }
  KvCacheShape kv_shape() const override { return {num_cached_, config_.num_key_value_heads, config_.head_dim}; }
  WeightType weight_type() const override { return type_; }
  std::string_view isa() const override { return IsaName(kernels_.isa); }
  uint64_t num_parameters() const override { return packed_.num_parameters; }
  uint64_t weight_bytes() const override { return packed_.memory.bytes().size(); }
  std::span<const BoundMatrix> adaptable() const override { return matrices_; }
  std::unique_ptr<DecoderWorkspace> NewWorkspace() const override { return std::make_unique<FrameWorkspace>(config_); }

  void Forward(const DecoderBatch& batch, DecoderWorkspace& workspace, ThreadPool& pool,
               std::span<float> logits) const override {
    const int num_rows = batch.num_tokens();
    if (num_rows == 0) return;
    BANTAM_CHECK(batch.cu_seqlens.front() == 0 && batch.cu_seqlens.back() == num_rows);
    BANTAM_CHECK(batch.cache.shape.SameSizes(kv_shape()));
    BANTAM_CHECK(logits.size() == batch.logits_rows.size() * static_cast<size_t>(config_.vocab_size));
    auto& ws = static_cast<FrameWorkspace&>(workspace);
    ws.Prepare(config_, batch, form_, pool.num_threads());
    BANTAM_CHECK(ws.longest_sequence <= config_.max_positions, "a sequence of {} tokens", ws.longest_sequence);
    const Parallel parallel = Parallel::Over(pool);
    const Activations x = ws.x.rows(), context = ws.context.rows();
    ForRows(parallel, num_rows, [&](Range rows, int worker, const Parallel& inner) {
      Embed(batch, rows, ws, x, ws.workers[static_cast<size_t>(worker)], inner);
    });
    for (size_t i = 0; i < weights_.layers.size(); ++i) {
      ForRows(parallel, num_rows, [&](Range rows, int worker, const Parallel& inner) {
        Project(i, batch, rows, ws, ws.workers[static_cast<size_t>(worker)], inner);
      });
      if (config_.layers[i].convolution == 0) Attend(i, batch, ws, parallel);
      ForRows(parallel, num_rows, [&](Range rows, int worker, const Parallel& inner) {
        if (config_.layers[i].convolution > 0) Convolve(i, batch, rows, ws, ws.workers[static_cast<size_t>(worker)]);
        FinishLayer(i, context.From(rows.begin), x.From(rows.begin), rows.size(), PartOf(ws.row_adapters, rows),
                    ws.workers[static_cast<size_t>(worker)], inner);
      });
    }
    Logits(batch.logits_rows, ws, parallel, logits);
  }

 private:
  bool IsQkv(const Linear& matrix) const {
    return std::ranges::any_of(weights_.layers,
                               [&](const DecoderLayerWeights& layer) { return &layer.qkv == &matrix; });
  }

  void Embed(const DecoderBatch& batch, Range rows, FrameWorkspace& ws, const Activations& x, Worker& worker,
             const Parallel& parallel) const {
    const auto part = [&](std::span<const int32_t> ids) { return ids.subspan(rows.begin, rows.size()); };
    const Activations here = x.From(rows.begin);
    ApplyEmbedding(kernels_, weights_.embedding, part(batch.token_ids),
                   part(config_.learned_positions ? ws.positions : ws.zeros), {}, here);
    AddWordAdapters(kernels_, PartOf(ws.row_adapters, rows), part(batch.token_ids), here, worker.low_rank, parallel);
    if (config_.embedding_scale != 1) Scale(here, rows.size(), config_.hidden_size, config_.embedding_scale);
  }

  // x -> queries, keys and values with their positions; keys and values go into the cache.
  void Project(size_t index, const DecoderBatch& batch, Range rows, FrameWorkspace& ws, Worker& worker,
               const Parallel& parallel) const {
    const DecoderLayerWeights& layer = weights_.layers[index];
    const int num_rows = rows.size(), dim = config_.head_dim;
    const Activations qkv = ws.qkv.rows().From(rows.begin);
    const Activations h = Normed(layer.attention_norm, layer.qkv, ws.x.rows().From(rows.begin), num_rows, worker);
    ApplyLinear(kernels_, layer.qkv, h, qkv, num_rows, parallel);
    AddAdapters(kernels_, layer.qkv, PartOf(ws.row_adapters, rows), h, qkv, worker.low_rank, parallel);
    if (config_.layers[index].convolution > 0) return StoreInputs(index, batch, rows, ws, worker);
    NormHeads(layer.q_norm, qkv, config_.num_attention_heads, num_rows);
    const Activations k{.values = qkv.values + config_.q_size(), .stride = qkv.stride};
    NormHeads(layer.k_norm, k, config_.num_key_value_heads, num_rows);
    const std::span<const int32_t> positions = std::span(ws.positions).subspan(rows.begin, num_rows);
    if (const int rope = config_.layers[index].rope; rope >= 0) {
      const int heads = config_.num_attention_heads + config_.num_key_value_heads;
      for (int begin = 0, end = num_rows; begin < num_rows; begin = end, end = num_rows) {
        const std::vector<RopeTable>* tables = &ws.ropes;
        if (!ws.row_is_long.empty()) {
          // As many rows as belong to sequences of one form.
          const auto first = ws.row_is_long.begin() + rows.begin + begin;
          end = begin + static_cast<int>(std::find(first, first + (num_rows - begin), *first == 0) - first);
          if (*first != 0) tables = &ws.long_ropes;
        }
        ApplyRope(kernels_, (*tables)[static_cast<size_t>(rope)], qkv.From(begin),
                  positions.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), heads, dim);
      }
    }
    for (int row = 0; row < num_rows; ++row) {
      const float* keys = k.values + row * k.stride;
      StoreKeyValue(kernels_, batch.cache, first_cached_[index], ws.row_tables[static_cast<size_t>(rows.begin + row)],
                    positions[row], keys, keys + config_.kv_size());
    }
  }

  // Of a convolution: b * x, in place of b and into the cache.
  void StoreInputs(size_t index, const DecoderBatch& batch, Range rows, FrameWorkspace& ws, Worker& worker) const {
    const int hidden = config_.hidden_size;
    for (int row = rows.begin; row < rows.end; ++row) {
      float* b = ws.qkv.rows().values + row * ws.qkv.rows().stride;
      const float* x = b + 2 * hidden;
      for (int i = 0; i < hidden; ++i) b[i] *= x[i];
      StoreConvolutionInputs(kernels_, weights_.layers[index].convolution, batch.cache, first_cached_[index],
                             ws.row_tables[static_cast<size_t>(row)], ws.positions[static_cast<size_t>(row)], b,
                             worker.convolution);
    }
  }

  void Convolve(size_t index, const DecoderBatch& batch, Range rows, FrameWorkspace& ws, Worker& worker) const {
    const int hidden = config_.hidden_size, num_rows = rows.size();
    const auto part = [&](const auto& of_rows) {
      return std::span(of_rows).subspan(static_cast<size_t>(rows.begin), static_cast<size_t>(num_rows));
    };
    const Activations out = ws.context.rows().From(rows.begin);
    ApplyShortConvolution(weights_.layers[index].convolution, batch.cache, first_cached_[index], part(ws.row_tables),
                          part(ws.positions), out, worker.convolution);
    for (int row = 0; row < num_rows; ++row) {
      const float* c = ws.qkv.rows().values + (rows.begin + row) * ws.qkv.rows().stride + hidden;
      float* y = out.values + row * out.stride;
      for (int i = 0; i < hidden; ++i) y[i] *= c[i];
    }
  }

  void Attend(size_t index, const DecoderBatch& batch, FrameWorkspace& ws, const Parallel& parallel) const {
    const PagedAttentionShape shape{.num_heads = config_.num_attention_heads,
                                    .scale = config_.scale(),
                                    .softcap = config_.attention_softcap,
                                    .window = config_.layers[index].window};
    const Activations qkv = ws.qkv.rows(), context = ws.context.rows();
    parallel.Run(ws.attention.num_tasks(), [&](int task, int worker) {
      ws.attention.Run(kernels_, shape, batch.cache, first_cached_[index], qkv, context, task,
                       ws.workers[static_cast<size_t>(worker)].attention.data());
    });
  }

  // Everything after attention: x becomes the layer's output.
  void FinishLayer(size_t index, const Activations& context, const Activations& x, int num_rows, AdapterRows adapters,
                   Worker& worker, const Parallel& parallel) const {
    const DecoderLayerWeights& layer = weights_.layers[index];
    Activations h;
    if (config_.parallel) h = Normed(MlpNorm(layer), layer.up, x, num_rows, worker);  // before attention is added
    const Activations attended = worker.context_bytes.With(context);
    if (layer.attention_output.reads_bytes()) {
      QuantizeRows(kernels_, attended, num_rows, config_.gathered_size(config_.layers[index]));
    }
    AddBranch(layer.attention_output, layer.attention_post_norm, attended, x, num_rows, adapters, worker, parallel);
    if (!config_.parallel) h = Normed(layer.mlp_norm, layer.up, x, num_rows, worker);
    const Activations up = worker.up.rows();
    if (config_.gated) {
      ApplyLinear(kernels_, layer.up, h, up, num_rows, parallel);
      AddAdapters(kernels_, layer.up, adapters, h, up, worker.low_rank, parallel);
      GateRows(kernels_, up, num_rows, config_.intermediate_size, config_.hidden_act);
    } else {
      Activate(layer.up, h, up, num_rows, adapters, worker, parallel);
    }
    if (layer.down.reads_bytes()) QuantizeRows(kernels_, up, num_rows, config_.intermediate_size);
    AddBranch(layer.down, layer.mlp_post_norm, up, x, num_rows, adapters, worker, parallel);
  }

  // act(up(h)). What adapters add goes in before: for their rows the activation is a step of its own.
  void Activate(const Linear& linear, const Activations& h, const Activations& up, int num_rows, AdapterRows adapters,
                Worker& worker, const Parallel& parallel) const {
    ApplyLinear(kernels_, linear, h, up, num_rows, parallel, {.activation = config_.hidden_act});
    ForRuns(adapters, [&](Range run, LoraUses uses) {
      if (std::ranges::all_of(uses, [&](const LoraUse& use) { return use.adapter->Of(linear).empty(); })) return;
      const Activations in = h.From(run.begin), out = up.From(run.begin);
      ApplyLinear(kernels_, linear, in, out, run.size(), parallel);
      AddAdapters(kernels_, linear, PartOf(adapters, run), in, out, worker.low_rank, parallel);
      for (int row = 0; row < run.size(); ++row) {
        float* values = out.values + row * out.stride;
        kernels_.table.activate(values, values, config_.intermediate_size, config_.hidden_act);
      }
    });
  }

  const LayerNorm& MlpNorm(const DecoderLayerWeights& layer) const {
    return layer.mlp_norm.size > 0 ? layer.mlp_norm : layer.attention_norm;
  }

  // What `reader` reads: norm(x), or x itself.
  Activations Normed(const LayerNorm& norm, const Linear& reader, const Activations& x, int num_rows,
                     Worker& worker) const {
    if (norm.size > 0) {
      const Activations h = worker.hidden.rows();
      ApplyLayerNorm(kernels_, norm, x, h, num_rows);
      return h;
    }
    const Activations h = worker.hidden.With(x);
    if (reader.reads_bytes()) QuantizeRows(kernels_, h, num_rows, config_.hidden_size);
    return h;
  }

  // A norm of each head's values, or one over all of them.
  void NormHeads(const LayerNorm& norm, const Activations& x, int num_heads, int num_rows) const {
    for (int column = 0; norm.size > 0 && column < num_heads * config_.head_dim; column += norm.size) {
      const Activations part{.values = x.values + column, .stride = x.stride};
      ApplyLayerNorm(kernels_, norm, part, part, num_rows);
    }
  }

  // x += scale * norm(linear(in))
  void AddBranch(const Linear& linear, const LayerNorm& post_norm, const Activations& in, const Activations& x,
                 int num_rows, AdapterRows adapters, Worker& worker, const Parallel& parallel) const {
    if (post_norm.size == 0 && config_.residual_scale == 1) {
      ApplyLinear(kernels_, linear, in, x, num_rows, parallel, {.residual = &x});
      AddAdapters(kernels_, linear, adapters, in, x, worker.low_rank, parallel);
      return;
    }
    const Activations branch = worker.branch.rows();
    ApplyLinear(kernels_, linear, in, branch, num_rows, parallel);
    AddAdapters(kernels_, linear, adapters, in, branch, worker.low_rank, parallel);
    if (post_norm.size > 0) ApplyLayerNorm(kernels_, post_norm, branch, branch, num_rows);
    for (int row = 0; row < num_rows; ++row) {
      float* to = x.values + row * x.stride;
      const float* add = branch.values + row * branch.stride;
      for (int i = 0; i < config_.hidden_size; ++i) to[i] += config_.residual_scale * add[i];
    }
  }

  void Logits(std::span<const int32_t> wanted, FrameWorkspace& ws, const Parallel& parallel,
              std::span<float> out) const {
    if (wanted.empty()) return;
    const int num_rows = static_cast<int>(wanted.size());
    const Activations x = ws.x.rows(), last = ws.last.rows();
    for (int row = 0; row < num_rows; ++row) {
      std::memcpy(last.values + row * last.stride, x.values + wanted[row] * x.stride,
                  static_cast<size_t>(config_.hidden_size) * sizeof(float));
    }
    ApplyLayerNorm(kernels_, weights_.final_norm, last, last, num_rows);
    const Activations logits{.values = out.data(), .stride = config_.vocab_size};
    ApplyLinear(kernels_, weights_.logits, last, logits, num_rows, parallel);
    if (!ws.row_adapters.empty()) {
      AddAdapters(kernels_, weights_.logits, ws.last_adapters, last, logits, ws.workers.front().low_rank, parallel);
    }
    if (config_.logits_scale != 1) Scale(logits, num_rows, config_.vocab_size, config_.logits_scale);
    if (const float cap = config_.logits_softcap; cap > 0) {
      for (float& logit : out) logit = cap * std::tanh(logit / cap);
    }
  }

  static void Scale(const Activations& x, int num_rows, int columns, float factor) {
    for (int row = 0; row < num_rows; ++row) {
      float* values = x.values + row * x.stride;
      for (int i = 0; i < columns; ++i) values[i] *= factor;
    }
  }

  DecoderConfig config_;
  const Kernels& kernels_;
  WeightType type_;
  RowForm form_;
  PackedWeights packed_;
  DecoderWeights weights_;
  std::vector<BoundMatrix> matrices_;
  std::vector<int> first_cached_;  // of each layer: the first of the cache's that are its own
  int num_cached_ = 0;
};

}  // namespace

float DecoderConfig::scale() const {
  return attention_scale > 0 ? attention_scale : 1.0f / std::sqrt(static_cast<float>(head_dim));
}

Result<std::unique_ptr<Decoder>> LoadDecoderFrame(ModelFolder& model, const DecoderOptions& options,
                                                  const DecoderConfig& config, const WeightNames& names,
                                                  const std::string& fingerprint, const BindDecoder& bind) {
  BANTAM_TRY(const Kernels* kernels, KernelsOf(options));
  const std::string name = EscapeForTerminal(model.config_path().string(), 400);
  BANTAM_TRY(WeightPlan plan, ReadWeightPlan(model.config, name, options.weight_type));
  if (options.weight_type == WeightType::kBlocks && !plan.stored) plan = PlanForBlocks(*model.weights);
  const std::string line =
      fmt::format("decoder {} vocab={} hidden={} layers={} heads={} kv={} dim={} intermediate={}", fingerprint,
                  config.vocab_size, config.hidden_size, config.layers.size(), config.num_attention_heads,
                  config.num_key_value_heads, config.head_dim, config.intermediate_size);
  BANTAM_TRY(PackedWeights packed, LoadPackedWeights(model, options, plan, line, names, [&](WeightBinder& binder) {
               DecoderWeights scratch;
               bind(binder, scratch);
             }));
  packed.memory.Populate();  // the first pass reads it all
  auto decoder = std::make_unique<FrameDecoder>(config, *kernels, plan, std::move(packed));
  decoder->Bind(plan, names, bind);
  return std::unique_ptr<Decoder>(std::move(decoder));
}

}  // namespace bantam
