#include "route/head_intent_model.h"

#include "base/log.h"
#include "base/sha256.h"
#include "route/example_index.h"
#include "route/training_examples.h"

namespace bantam {
namespace {

class HeadIntentModel : public IntentModel {
 public:
  HeadIntentModel(std::shared_ptr<Embedder> embedder, Head head, ExampleIndex index)
      : embedder_(std::move(embedder)), head_(std::move(head)), index_(std::move(index)), identity_(head_.Sha256()) {}

  Result<Understanding> Understand(std::string_view text, MonotonicTime deadline) override {
    BANTAM_TRY(const Embedding embedding, embedder_->Embed(text, deadline));
    const Prediction prediction = head_.Predict(embedding.vector);
    Understanding understanding;
    understanding.num_tokens = embedding.num_tokens;
    understanding.out_of_scope = prediction.out_of_scope;
    understanding.confidence = prediction.confidence;
    if (prediction.label >= 0) understanding.route = head_.labels()[static_cast<size_t>(prediction.label)];
    for (const ScoredLabel& scored : prediction.ranking) {
      understanding.ranking.push_back({head_.labels()[static_cast<size_t>(scored.label)], scored.probability});
    }
    index_.FindNearest(embedding.vector, understanding);
    return understanding;
  }

  const std::string& identity() const override { return identity_; }
  double threshold() const override { return head_.metadata().threshold; }
  const Head* head() const override { return &head_; }
  Embedder* embedder() override { return embedder_.get(); }

 private:
  const std::shared_ptr<Embedder> embedder_;
  const Head head_;
  const ExampleIndex index_;
  const std::string identity_;
};

// Nothing when there is no head, or one for other examples or another encoder.
std::optional<Head> StoredHead(const Path& path, const EncoderIdentity& encoder, const std::string& examples_sha256) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  Result<Head> head = Head::Load(path);
  if (!head) {
    Log(LogLevel::kWarning, "{}; a new head is trained", head.error().message);
    return std::nullopt;
  }
  if (!head->CheckEncoder(encoder) || head->metadata().examples_sha256 != examples_sha256) return std::nullopt;
  return *std::move(head);
}

}  // namespace

Result<std::unique_ptr<IntentModel>> LoadIntentModel(const RouteFile& file, std::shared_ptr<Embedder> embedder,
                                                     const IntentOptions& options) {
  std::vector<LabelledText> examples = TrainingExamples(file);
  const std::optional<StateFiles> files =
      options.state_folder ? std::optional<StateFiles>(*options.state_folder) : std::nullopt;
  const auto report = [&](std::string_view stage, double fraction) {
    if (options.progress) options.progress(stage, fraction);
  };
  BANTAM_TRY(EmbeddingMatrix embeddings,
             EmbedExamples(examples, *embedder, files ? files->examples : Path(), options.may_write,
                           [&](double fraction) { report("reading the examples", fraction); }));
  const EncoderIdentity encoder = IdentityOf(*embedder);
  std::optional<Head> head = files ? StoredHead(files->head, encoder, ExamplesSha256(examples)) : std::nullopt;
  if (!head) {
    BANTAM_TRY(TrainedHead trained,
               TrainHead(examples, embeddings, encoder, {.num_threads = options.num_threads, .progress = report}));
    if (files && options.may_write) {
      // Without a stored head the next start trains again; that is slow, not wrong.
      if (const Status saved = trained.head.Save(files->head); !saved) {
        Log(LogLevel::kWarning, "the trained head is not kept: {}", saved.error().message);
      }
    }
    head = std::move(trained.head);
  }
  return std::make_unique<HeadIntentModel>(std::move(embedder), *std::move(head),
                                           ExampleIndex(std::move(examples), std::move(embeddings)));
}

}  // namespace bantam
