#include "models/static_embedding.h"

#include "base/check.h"
#include "base/text_util.h"
#include "models/batch_plan.h"
#include "models/config_reader.h"
#include "models/packed_encoder.h"

namespace bantam {
namespace {

// Nothing in the model ends at any length; memory for the words of one text should.
constexpr int kMaxTokens = 65'536;

struct StaticTable {
  std::string name;  // of the tensor, without ".weight"
  int vocab_size = 0;
  int width = 0;
};

Result<StaticTable> FindTable(const ModelFolder& model) {
  const std::string place = EscapeForTerminal(model.path.string(), 400);
  for (const std::string_view name : {"embeddings", "embedding.weight"}) {
    const TensorView* view = model.weights->Find(name);
    if (view == nullptr) continue;
    const Shape& shape = view->shape;
    if (shape.size() != 2 || shape[0] < 1 || shape[0] > SizeLimits::kVocab || shape[1] < 1 ||
        shape[1] > SizeLimits::kHidden) {
      return Err(ErrorCode::kCorrupt, "{}: weight \"{}\" is {}, expected [up to {} words, up to {}]", place, name,
                 ShapeString(shape), SizeLimits::kVocab, SizeLimits::kHidden);
    }
    return StaticTable{std::string(name.substr(0, name.find('.'))), static_cast<int>(shape[0]),
                       static_cast<int>(shape[1])};
  }
  return Err(ErrorCode::kCorrupt,
             "{}: a static model's weights are \"embeddings\" or \"embedding.weight\"; neither is there", place);
}

class StaticWorkspace final : public EncoderWorkspace {
 public:
  std::vector<int32_t> zeros;  // the row of the position table that there is
};

class StaticEmbedding final : public PackedEncoder {
 public:
  StaticEmbedding(const EncoderFacts& facts, PackedWeights packed, const StaticTable& table, const WeightPlan& plan)
      : PackedEncoder(facts, std::move(packed)) {
    WeightBinder bind(plan, "", block());
    Bind(table, bind, embedding_);
  }

  static void Bind(const StaticTable& table, WeightBinder& bind, Embedding& embedding) {
    embedding.hidden_size = table.width;
    bind.Words(embedding, table.name, table.vocab_size);
    bind.Zeros(embedding.positions, static_cast<size_t>(table.width));
    bind.Zeros(embedding.types, static_cast<size_t>(table.width));
  }

  std::unique_ptr<EncoderWorkspace> NewWorkspace() const override { return std::make_unique<StaticWorkspace>(); }

  void Forward(const EncoderBatch& batch, EncoderWorkspace& workspace, ThreadPool& pool,
               std::span<float> hidden) const override {
    const int num_tokens = batch.num_tokens();
    if (num_tokens == 0) return;
    BANTAM_CHECK(hidden.size() == static_cast<size_t>(num_tokens) * embedding_.hidden_size);
    auto& ws = static_cast<StaticWorkspace&>(workspace);
    ws.zeros.resize(std::max<size_t>(ws.zeros.size(), num_tokens), 0);
    const Activations x{.values = hidden.data(), .stride = embedding_.hidden_size};
    ForRows(Parallel::Over(pool), num_tokens, [&](Range rows, int, const Parallel&) {
      ApplyEmbedding(kernels(), embedding_, batch.token_ids.subspan(rows.begin, rows.size()),
                     std::span(ws.zeros).first(rows.size()), {}, x.From(rows.begin));
    });
  }

 private:
  Embedding embedding_;
};

}  // namespace

Result<std::unique_ptr<Encoder>> LoadStaticEmbedding(ModelFolder& model, const EncoderOptions& options) {
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  BANTAM_TRY(const JsonObject config, ConfigOf(model));
  BANTAM_TRY(const StaticTable table, FindTable(model));
  BANTAM_TRY(const int told, ReadSizeOr(config, "hidden_dim", table.width, SizeLimits::kHidden));
  if (told != table.width) {
    return Err(ErrorCode::kCorrupt, "{} is {}, but \"{}\" is {} wide", config.Where("hidden_dim"), told, table.name,
               table.width);
  }
  BANTAM_TRY(const WeightPlan plan, ReadWeightPlan(model.config, config.name(), options.weight_type));
  const WeightNames names{.what = "static embedding", .prefix = "", .ignored = {}};
  const std::string fingerprint = fmt::format("static vocab={} width={}", table.vocab_size, table.width);
  BANTAM_TRY(PackedWeights packed, LoadPackedWeights(model, options, plan, fingerprint, names, [&](WeightBinder& bind) {
               Embedding scratch;
               StaticEmbedding::Bind(table, bind, scratch);
             }));
  const EncoderFacts facts{.hidden_size = table.width,
                           .max_positions = kMaxTokens,
                           .vocab_size = table.vocab_size,
                           .type = plan.type,
                           .quantized = plan.AnyQuantized(),
                           .kernels = kernels};
  return std::unique_ptr<Encoder>(std::make_unique<StaticEmbedding>(facts, std::move(packed), table, plan));
}

}  // namespace bantam
