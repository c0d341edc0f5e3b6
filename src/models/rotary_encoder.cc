#include "models/rotary_encoder.h"

#include <algorithm>

#include "base/check.h"
#include "base/text_util.h"
#include "layers/attention.h"
#include "models/batch_plan.h"
#include "models/gated_rows.h"
#include "models/row_buffer.h"

namespace bantam {
namespace {

class RotaryWorkspace final : public EncoderWorkspace {
 public:
  // Of one group in flight.
  struct Lane {
    RowBuffer x_bytes, qkv, context;
  };
  // Of one worker's block of rows.
  struct Worker {
    RowBuffer hidden, gate_up, context_bytes;
    AlignedBuffer<float> attention;
  };

  void Reserve(const RotaryConfig& config, bool quantized, int num_threads, size_t attention_scratch) {
    lanes.resize(std::max<size_t>(lanes.size(), plan.side_by_side() ? num_threads : 1));
    workers.resize(std::max<size_t>(workers.size(), num_threads));
    for (Lane& lane : lanes) {
      lane.x_bytes.Reserve(plan.largest_group(), config.hidden_size, quantized, false);
      lane.qkv.Reserve(plan.largest_group(), config.qkv_size(), false);
      lane.context.Reserve(plan.largest_group(), config.context_size(), false);
    }
    for (Worker& worker : workers) {
      worker.hidden.Reserve(kBlockRows, config.hidden_size, quantized);
      worker.gate_up.Reserve(kBlockRows, 2 * config.intermediate_size, quantized);
      worker.context_bytes.Reserve(kBlockRows, config.context_size(), quantized, false);
      if (worker.attention.size() < attention_scratch) worker.attention = AlignedBuffer<float>(attention_scratch);
    }
    zeros.resize(std::max<size_t>(zeros.size(), plan.position_ids().size()), 0);
  }

  // One for each theta.
  const RopeTable& Rope(double theta) const {
    return *std::ranges::find_if(ropes, [&](const RopeTable& rope) { return rope.options().theta == theta; });
  }

  BatchPlan plan;
  std::vector<Lane> lanes;
  std::vector<Worker> workers;
  std::vector<RopeTable> ropes;
  std::vector<int32_t> zeros;  // the row of the position table that there is
};

class RotaryEncoder final : public PackedEncoder {
 public:
  RotaryEncoder(const EncoderFacts& facts, PackedWeights packed, const RotaryConfig& config)
      : PackedEncoder(facts, std::move(packed)), config_(config) {}

  void Bind(const WeightPlan& plan, const WeightNames& names, const BindRotary& bind) {
    WeightBinder binder(plan, names.prefix, block());
    bind(binder, weights_);
  }

  std::unique_ptr<EncoderWorkspace> NewWorkspace() const override {
    auto workspace = std::make_unique<RotaryWorkspace>();
    for (const RotaryConfig::Layer& layer : config_.layers) {
      const RopeOptions options{.theta = layer.rope_theta, .rotary_dim = config_.head_dim};
      auto same = [&](const RopeTable& rope) { return rope.options() == options; };
      if (std::ranges::none_of(workspace->ropes, same)) workspace->ropes.emplace_back(options);
    }
    return workspace;
  }

  void Forward(const EncoderBatch& batch, EncoderWorkspace& workspace, ThreadPool& pool,
               std::span<float> hidden) const override {
    if (batch.num_tokens() == 0) return;
    BANTAM_CHECK(batch.cu_seqlens.front() == 0 && batch.cu_seqlens.back() == batch.num_tokens());
    BANTAM_CHECK(hidden.size() == static_cast<size_t>(batch.num_tokens()) * config_.hidden_size);
    auto& ws = static_cast<RotaryWorkspace&>(workspace);
    ws.plan.Make(batch, kGroupTokens, pool.num_threads());
    BANTAM_CHECK(ws.plan.longest_sequence() <= config_.max_position_embeddings, "a sequence of {} tokens",
                 ws.plan.longest_sequence());
    ws.Reserve(config_, quantized(), pool.num_threads(),
               AttentionScratchSize(Shape(config_.layers.front()), ws.plan.longest_sequence()));
    for (RopeTable& rope : ws.ropes) rope.Reserve(ws.plan.longest_sequence());
    const Activations x{.values = hidden.data(), .stride = config_.hidden_size};
    ws.plan.ForGroups(pool, [&](Range group, int lane, const Parallel& parallel) {
      ForwardGroup(batch, group, x, ws, lane, parallel);
    });
  }

 private:
  AttentionShape Shape(const RotaryConfig::Layer& layer) const {
    return {.num_heads = config_.num_attention_heads,
            .head_dim = config_.head_dim,
            .approximate = quantized(),
            .num_kv_heads = config_.num_key_value_heads,
            .causal = config_.causal,
            .window = layer.window};
  }

  // hidden's rows of the group's sequences are the residual stream all the way.
  void ForwardGroup(const EncoderBatch& batch, Range group, const Activations& hidden, RotaryWorkspace& ws,
                    int lane_index, const Parallel& parallel) const {
    const auto cu_seqlens = batch.cu_seqlens.subspan(group.begin, group.size() + 1);
    const int first = cu_seqlens.front(), num_rows = cu_seqlens.back() - first;
    if (num_rows == 0) return;
    RotaryWorkspace::Lane& lane = ws.lanes[lane_index];
    const Activations x = lane.x_bytes.With(hidden.From(first)), qkv = lane.qkv.rows(), context = lane.context.rows();
    const auto positions = ws.plan.position_ids().subspan(first, num_rows);

    ForRows(parallel, num_rows, [&](Range rows, int, const Parallel&) {
      const auto part = [&](std::span<const int32_t> ids) {
        return ids.empty() ? ids : ids.subspan(first + rows.begin, rows.size());
      };
      const Activations here = x.From(rows.begin);
      ApplyEmbedding(kernels(), weights_.embedding, part(batch.token_ids), std::span(ws.zeros).first(rows.size()),
                     part(TypeIds(batch)), here);
      if (weights_.embedding_norm.size > 0) {
        ApplyLayerNorm(kernels(), weights_.embedding_norm, here, here, rows.size());
      }
    });
    for (size_t i = 0; i < weights_.layers.size(); ++i) {
      const RotaryLayerWeights& layer = weights_.layers[i];
      ForRows(parallel, num_rows, [&](Range rows, int worker, const Parallel& inner) {
        Project(layer, ws.Rope(config_.layers[i].rope_theta), x.From(rows.begin), qkv.From(rows.begin),
                positions.subspan(rows.begin, rows.size()), ws.workers[worker], inner);
      });
      ApplyAttention(
          kernels(), Shape(config_.layers[i]), qkv, cu_seqlens, context, parallel,
          [&](int worker) { return ws.workers[worker].attention.data(); }, batch.KeysOf(group.begin, group.size()));
      ForRows(parallel, num_rows, [&](Range rows, int worker, const Parallel& inner) {
        FinishLayer(layer, context.From(rows.begin), x.From(rows.begin), rows.size(), ws.workers[worker], inner);
      });
    }
    if (weights_.final_norm.size == 0) return;
    Activations last = x;
    last.bytes = nullptr;
    ForRows(parallel, num_rows, [&](Range rows, int, const Parallel&) {
      ApplyLayerNorm(kernels(), weights_.final_norm, last.From(rows.begin), last.From(rows.begin), rows.size());
    });
  }

  std::span<const int32_t> TypeIds(const EncoderBatch& batch) const {
    return weights_.has_types ? batch.token_type_ids : std::span<const int32_t>();
  }

  // x -> queries, keys and values, with their positions.
  void Project(const RotaryLayerWeights& layer, const RopeTable& rope, const Activations& x, const Activations& qkv,
               std::span<const int32_t> positions, RotaryWorkspace::Worker& worker, const Parallel& parallel) const {
    const int num_rows = static_cast<int>(positions.size()), dim = config_.head_dim;
    Activations h = x;
    if (config_.norm_first && layer.attention_norm.size > 0) {
      h = worker.hidden.rows();
      ApplyLayerNorm(kernels(), layer.attention_norm, x, h, num_rows);
    }
    ApplyLinear(kernels(), layer.qkv, h, qkv, num_rows, parallel);
    const int num_normed = config_.num_attention_heads + config_.num_key_value_heads;
    for (int head = 0; layer.q_norm.size > 0 && head < num_normed; ++head) {
      const Activations one{.values = qkv.values + static_cast<ptrdiff_t>(head) * dim, .stride = qkv.stride};
      const bool query = head < config_.num_attention_heads;
      ApplyLayerNorm(kernels(), query ? layer.q_norm : layer.k_norm, one, one, num_rows);
    }
    ApplyRope(kernels(), rope, qkv, positions, num_normed, dim);
  }

  // Everything after attention: x becomes the layer's output.
  void FinishLayer(const RotaryLayerWeights& layer, const Activations& context, const Activations& x, int num_rows,
                   RotaryWorkspace::Worker& worker, const Parallel& parallel) const {
    const Activations attended = worker.context_bytes.With(context), h = worker.hidden.rows();
    if (layer.attention_output.reads_bytes()) QuantizeRows(kernels(), attended, num_rows, config_.context_size());
    if (config_.norm_first) {
      ApplyLinear(kernels(), layer.attention_output, attended, x, num_rows, parallel, {.residual = &x});
      ApplyLayerNorm(kernels(), layer.mlp_norm, x, h, num_rows);
      Mlp(layer, h, x, x, num_rows, worker, parallel);
    } else {
      ApplyLinear(kernels(), layer.attention_output, attended, h, num_rows, parallel, {.residual = &x});
      ApplyLayerNorm(kernels(), layer.attention_norm, h, h, num_rows);
      Mlp(layer, h, h, x, num_rows, worker, parallel);
      ApplyLayerNorm(kernels(), layer.mlp_norm, x, x, num_rows);
    }
  }

  // out = residual + down(act(gate(h)) * up(h))
  void Mlp(const RotaryLayerWeights& layer, const Activations& h, const Activations& residual, const Activations& out,
           int num_rows, RotaryWorkspace::Worker& worker, const Parallel& parallel) const {
    const Activations gate_up = worker.gate_up.rows();
    ApplyLinear(kernels(), layer.gate_up, h, gate_up, num_rows, parallel);
    GateRows(kernels(), gate_up, num_rows, config_.intermediate_size, config_.hidden_act);
    if (layer.down.reads_bytes()) QuantizeRows(kernels(), gate_up, num_rows, config_.intermediate_size);
    ApplyLinear(kernels(), layer.down, gate_up, out, num_rows, parallel, {.residual = &residual});
  }

  RotaryConfig config_;
  RotaryWeights weights_;
};

}  // namespace

Result<std::unique_ptr<Encoder>> LoadRotaryEncoder(ModelFolder& model, const EncoderOptions& options,
                                                   const RotaryConfig& config, const WeightNames& names,
                                                   const std::string& fingerprint, const BindRotary& bind) {
  BANTAM_TRY(const Kernels* kernels, KernelsOf(options));
  const std::string name = EscapeForTerminal(model.config_path().string(), 400);
  BANTAM_TRY(const WeightPlan plan, ReadWeightPlan(model.config, name, options.weight_type));
  const std::string line =
      fmt::format("{} vocab={} hidden={} layers={} heads={} kv={} dim={} intermediate={}", fingerprint,
                  config.vocab_size, config.hidden_size, config.layers.size(), config.num_attention_heads,
                  config.num_key_value_heads, config.head_dim, config.intermediate_size);
  BANTAM_TRY(PackedWeights packed, LoadPackedWeights(model, options, plan, line, names, [&](WeightBinder& binder) {
               RotaryWeights scratch;
               bind(binder, scratch);
             }));
  const EncoderFacts facts{.hidden_size = config.hidden_size,
                           .max_positions = config.max_position_embeddings,
                           .vocab_size = config.vocab_size,
                           .type_vocab_size = config.type_vocab_size,
                           .type = plan.type,
                           .quantized = plan.AnyQuantized(),
                           .kernels = kernels};
  auto encoder = std::make_unique<RotaryEncoder>(facts, std::move(packed), config);
  encoder->Bind(plan, names, bind);
  return std::unique_ptr<Encoder>(std::move(encoder));
}

}  // namespace bantam
