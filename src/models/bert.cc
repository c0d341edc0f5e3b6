#include "models/bert.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "base/text_util.h"
#include "layers/attention.h"
#include "models/bert_workspace.h"
#include "models/packed_file.h"

namespace bantam {
namespace {

constexpr int kMinRowsPerThread = 4;

int RowParts(int num_rows, int num_threads) {
  const int parts = (num_rows + kBlockRows - 1) / kBlockRows;
  return std::min(num_rows, (parts + num_threads - 1) / num_threads * num_threads);
}

}  // namespace

Bert::Bert(const BertConfig& config, const WeightPlan& plan, const std::string& prefix, const Kernels* kernels,
           WeightMemory memory, uint64_t num_parameters)
    : config_(config),
      type_(plan.type),
      quantized_(plan.AnyQuantized()),
      kernels_(kernels),
      memory_(std::move(memory)),
      weights_(LayOutBert(config, plan, prefix, memory_.bytes().data()).weights),
      num_parameters_(num_parameters) {}

std::unique_ptr<EncoderWorkspace> Bert::NewWorkspace() const { return std::make_unique<BertWorkspace>(); }

Result<std::unique_ptr<Encoder>> Bert::Load(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  const std::string name = EscapeForTerminal((model.path / "config.json").string(), 400);
  BANTAM_TRY(const BertConfig config, ParseBertConfig(model.config, name));
  BANTAM_TRY(const WeightPlan plan, ReadWeightPlan(model.config, name, options.weight_type));
  const std::string prefix = BertPrefix(*model.weights);
  const size_t size = LayOutBert(config, plan, prefix, nullptr).total_bytes;

  // f32 weights are the file's own, in another order: a second copy on disk would save little.
  const bool packed = options.use_packed_files && plan.AnyQuantized() && !model.packed_folder.empty();
  const PackedFile file{.folder = model.packed_folder,
                        .weights_sha256 = model.weights_sha256,
                        .contents = config.Fingerprint() + " " + plan.Fingerprint(),
                        .size_bytes = size};
  if (packed) {
    if (auto opened = OpenPackedFile(file)) {
      return std::unique_ptr<Encoder>(
          new Bert(config, plan, prefix, kernels, std::move(opened->memory), opened->num_parameters));
    }
  }
  BANTAM_TRY(WeightMemory memory, WeightMemory::Allocate(size));
  BANTAM_TRY(const uint64_t num_parameters, ReadBertWeights(*model.weights, config, plan, memory.writable()));
  if (packed) {
    // Disposable: without it the next start is slower, nothing else.
    if (Status written = WritePackedFile(file, memory.bytes(), num_parameters); !written) {
      Log(LogLevel::kWarning, "packed weights are not kept: {}", written.error().message);
    }
  }
  return std::unique_ptr<Encoder>(new Bert(config, plan, prefix, kernels, std::move(memory), num_parameters));
}

void Bert::Forward(const EncoderBatch& batch, EncoderWorkspace& workspace, ThreadPool& pool,
                   std::span<float> hidden) const {
  if (batch.num_tokens() == 0) return;
  BANTAM_CHECK(batch.cu_seqlens.front() == 0 && batch.cu_seqlens.back() == batch.num_tokens());
  BANTAM_CHECK(hidden.size() == static_cast<size_t>(batch.num_tokens()) * config_.hidden_size);
  auto& ws = static_cast<BertWorkspace&>(workspace);
  ws.Plan(batch, kGroupTokens, pool.num_threads());
  BANTAM_CHECK(ws.longest_sequence() <= config_.max_position_embeddings, "a sequence of {} tokens",
               ws.longest_sequence());
  ws.Reserve({.config = &config_, .int8 = quantized_, .block_rows = kBlockRows, .num_threads = pool.num_threads()});

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
  const auto cu_seqlens = batch.cu_seqlens.subspan(group.begin, group.size() + 1);
  const int first = cu_seqlens.front(), num_rows = cu_seqlens.back() - first;
  if (num_rows == 0) return;
  const Activations x = ws.Bytes(lane, hidden.From(first)), qkv = ws.Qkv(lane), context = ws.Context(lane);
  const AttentionShape shape{config_.num_attention_heads, config_.head_dim(), quantized_};
  const int row_parts = RowParts(num_rows, parallel.num_threads());
  // With so few rows for each thread it would read all weights for little work: then the threads share the columns of
  // each product, at the price of a barrier after each.
  const bool share_columns =
      parallel.num_threads() > 1 && num_rows <= kBlockRows && num_rows < kMinRowsPerThread * parallel.num_threads();

  parallel.Run(row_parts, [&](int part, int) {
    const Range rows = ShareOf(num_rows, part, row_parts);
    const auto types = batch.token_type_ids.empty() ? batch.token_type_ids
                                                    : batch.token_type_ids.subspan(first + rows.begin, rows.size());
    const Activations part_x = x.From(rows.begin);
    ApplyEmbedding(*kernels_, weights_.embedding, batch.token_ids.subspan(first + rows.begin, rows.size()),
                   ws.position_ids().subspan(first + rows.begin, rows.size()), types, part_x);
    ApplyLayerNorm(*kernels_, weights_.embedding_norm, part_x, part_x, rows.size());
  });

  for (const BertLayerWeights& layer : weights_.layers) {
    ApplyLinear(*kernels_, layer.qkv, x, qkv, num_rows, parallel);
    ApplyAttention(*kernels_, shape, qkv, cu_seqlens, context, parallel,
                   [&](int worker) { return ws.AttentionScratch(worker); });
    // The last layer's output is read by nobody as bytes.
    Activations out = x;
    if (&layer == &weights_.layers.back()) out.bytes = nullptr;
    if (share_columns) {
      FinishLayer(layer, context, out, num_rows, ws, 0, parallel);
      continue;
    }
    parallel.Run(row_parts, [&](int part, int worker) {
      const Range rows = ShareOf(num_rows, part, row_parts);
      FinishLayer(layer, context.From(rows.begin), out.From(rows.begin), rows.size(), ws, worker,
                  Parallel::Alone(worker));
    });
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
