#include "models/bert.h"

#include <algorithm>

#include "base/check.h"
#include "base/text_util.h"
#include "models/bert_workspace.h"
#include "models/config_reader.h"

namespace bantam {
namespace {

constexpr int kMinRowsPerThread = 4;

int RowParts(int num_rows, int num_threads) {
  const int parts = (num_rows + kBlockRows - 1) / kBlockRows;
  return std::min(num_rows, (parts + num_threads - 1) / num_threads * num_threads);
}

}  // namespace

Bert::Bert(const EncoderFacts& facts, PackedWeights packed, const WeightPlan& plan, const BertFamily& family)
    : PackedEncoder(facts, std::move(packed)), config_(family.config), kernels_(facts.kernels) {
  WeightBinder bind(plan, family.names.prefix, block());
  BindBert(family, bind, weights_);
}

std::unique_ptr<EncoderWorkspace> Bert::NewWorkspace() const { return std::make_unique<BertWorkspace>(); }

Result<std::unique_ptr<Encoder>> Bert::Load(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BertFamily family;
  BANTAM_TRY(family.config, ParseBertConfig(config));
  BANTAM_TRY(family.config.type_vocab_size, ReadSize(config, "type_vocab_size", SizeLimits::kTypes));
  family.names = BertWeightNames(*model.weights);
  return LoadFamily(model, options, family);
}

Result<std::unique_ptr<Encoder>> Bert::LoadFamily(ModelFolder& model, const EncoderOptions& options,
                                                  const BertFamily& family) {
  BANTAM_TRY(const Kernels* kernels, KernelsOf(options));
  const std::string name = EscapeForTerminal(model.config_path().string(), 400);
  BANTAM_TRY(const WeightPlan plan, ReadWeightPlan(model.config, name, options.weight_type));
  const BertConfig& config = family.config;
  BANTAM_TRY(PackedWeights packed,
             LoadPackedWeights(model, options, plan, config.Fingerprint(), family.names, [&](WeightBinder& bind) {
               BertWeights scratch;
               BindBert(family, bind, scratch);
             }));
  const EncoderFacts facts{.hidden_size = config.hidden_size,
                           .max_positions = config.max_sequence(),
                           .vocab_size = config.vocab_size,
                           .type_vocab_size = config.type_vocab_size,
                           .type = plan.type,
                           .quantized = plan.AnyQuantized(),
                           .kernels = kernels};
  return std::unique_ptr<Encoder>(new Bert(facts, std::move(packed), plan, family));
}

AttentionShape Bert::Shape() const {
  return {.num_heads = config_.num_attention_heads,
          .head_dim = config_.head_dim(),
          .approximate = quantized(),
          .scale = config_.attention_scale,
          .bias = weights_.layers.front().bias};
}

void Bert::Forward(const EncoderBatch& batch, EncoderWorkspace& workspace, ThreadPool& pool,
                   std::span<float> hidden) const {
  if (batch.num_tokens() == 0) return;
  BANTAM_CHECK(batch.cu_seqlens.front() == 0 && batch.cu_seqlens.back() == batch.num_tokens());
  BANTAM_CHECK(hidden.size() == static_cast<size_t>(batch.num_tokens()) * config_.hidden_size);
  auto& ws = static_cast<BertWorkspace&>(workspace);
  ws.Plan(batch, kGroupTokens, pool.num_threads());
  BANTAM_CHECK(ws.longest_sequence() <= config_.max_sequence(), "a sequence of {} tokens", ws.longest_sequence());
  ws.Reserve({.config = &config_,
              .int8 = quantized(),
              .attention_scratch = AttentionScratchSize(Shape(), ws.longest_sequence()),
              .block_rows = kBlockRows,
              .num_threads = pool.num_threads()});

  const Activations x{.values = hidden.data(), .stride = config_.hidden_size};
  if (ws.side_by_side()) {
    pool.Run(static_cast<int>(ws.groups().size()), [&](int group, int worker) {
      ForwardGroup(batch, ws.groups()[group], x, ws, worker, Parallel::Alone(worker));
    });
  } else {
    for (const Range& group : ws.groups()) ForwardGroup(batch, group, x, ws, 0, Parallel::Over(pool));
  }
}

// The sequences of `group` through the whole encoder; hidden's rows of these sequences are the residual stream all the
// way.
void Bert::ForwardGroup(const EncoderBatch& batch, Range group, const Activations& hidden, BertWorkspace& ws, int lane,
                        const Parallel& parallel) const {
  auto cu_seqlens = batch.cu_seqlens.subspan(group.begin, group.size() + 1);
  const int first = cu_seqlens.front();
  int num_rows = cu_seqlens.back() - first;
  if (num_rows == 0) return;
  const Activations x = ws.Bytes(lane, hidden.From(first)), qkv = ws.Qkv(lane), context = ws.Context(lane);
  AttentionShape shape = Shape();
  int row_parts = RowParts(num_rows, parallel.num_threads());
  // With so few rows for each thread it would read all weights for little work: then the threads share the columns of
  // each product, at the price of a barrier after each.
  const auto few_rows = [&] {
    return parallel.num_threads() > 1 && num_rows <= kBlockRows &&
           num_rows < kMinRowsPerThread * parallel.num_threads();
  };
  bool share_columns = few_rows();

  parallel.Run(row_parts, [&](int part, int worker) {
    const Range rows = ShareOf(num_rows, part, row_parts);
    const bool has_types = config_.type_vocab_size > 1 && !batch.token_type_ids.empty();
    const auto types =
        has_types ? batch.token_type_ids.subspan(first + rows.begin, rows.size()) : std::span<const int32_t>();
    const Linear& projection = weights_.embedding_projection;
    const Activations part_x = x.From(rows.begin);
    const Activations embedded = projection.out_features > 0 ? ws.BlockEmbedding(worker) : part_x;
    ApplyEmbedding(*kernels_, weights_.embedding, batch.token_ids.subspan(first + rows.begin, rows.size()),
                   ws.position_ids().subspan(first + rows.begin, rows.size()), types, embedded);
    ApplyLayerNorm(*kernels_, weights_.embedding_norm, embedded, embedded, rows.size());
    if (projection.out_features == 0) return;
    ApplyLinear(*kernels_, projection, embedded, part_x, rows.size());
    if (part_x.bytes != nullptr) QuantizeRows(*kernels_, part_x, rows.size(), config_.hidden_size);
  });

  RunningSequences& running = ws.Running(lane);
  if (batch.observer != nullptr) running.Start(cu_seqlens, group.begin);
  for (int number = 1; const BertLayerWeights& layer : weights_.layers) {
    ApplyLinear(*kernels_, layer.qkv, x, qkv, num_rows, parallel);
    shape.bias = layer.bias;
    ApplyAttention(
        *kernels_, shape, qkv, cu_seqlens, context, parallel, [&](int worker) { return ws.AttentionScratch(worker); },
        batch.KeysOf(group.begin, group.size()));
    // The last layer's output is read by nobody as bytes.
    Activations out = x;
    if (&layer == &weights_.layers.back()) out.bytes = nullptr;
    if (share_columns) {
      FinishLayer(layer, context, out, num_rows, ws, 0, parallel);
    } else {
      parallel.Run(row_parts, [&](int part, int worker) {
        const Range rows = ShareOf(num_rows, part, row_parts);
        FinishLayer(layer, context.From(rows.begin), out.From(rows.begin), rows.size(), ws, worker,
                    Parallel::Alone(worker));
      });
    }
    const bool shown = batch.observer != nullptr && (number == num_layers() || batch.observer->Wants(number));
    if (shown && running.Show(*batch.observer, number, x)) {
      cu_seqlens = running.borders();
      num_rows = running.num_rows();
      if (num_rows == 0) return;
      row_parts = RowParts(num_rows, parallel.num_threads());
      share_columns = few_rows();
    }
    ++number;
  }
}

// Everything after attention, which each row does for itself: x becomes the layer's output. At most kBlockRows rows, in
// the block buffers of `worker`.
void Bert::FinishLayer(const BertLayerWeights& layer, const Activations& context, const Activations& x, int num_rows,
                       BertWorkspace& ws, int worker, const Parallel& parallel) const {
  const Activations attended = ws.BlockContext(worker, context), h = ws.BlockHidden(worker),
                    intermediate = ws.BlockIntermediate(worker);
  if (layer.attention_output.reads_bytes()) QuantizeRows(*kernels_, attended, num_rows, config_.hidden_size);
  ApplyLinear(*kernels_, layer.attention_output, attended, h, num_rows, parallel, {.residual = &x});
  ApplyLayerNorm(*kernels_, layer.attention_norm, h, h, num_rows);
  ApplyLinear(*kernels_, layer.intermediate, h, intermediate, num_rows, parallel, {.activation = config_.hidden_act});
  if (layer.output.reads_bytes()) QuantizeRows(*kernels_, intermediate, num_rows, config_.intermediate_size);
  ApplyLinear(*kernels_, layer.output, intermediate, x, num_rows, parallel, {.residual = &h});
  ApplyLayerNorm(*kernels_, layer.output_norm, x, x, num_rows);
}

}  // namespace bantam
