#include "route/head_intent_model.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/log.h"
#include "base/sha256.h"
#include "learn/head_judge.h"
#include "learn/train_exits.h"
#include "route/actions/action.h"
#include "route/example_index.h"
#include "route/route_tree.h"
#include "route/scripts.h"
#include "route/training_examples.h"

namespace bantam {
namespace {

// What early exits need beside the head.
struct Exits {
  std::optional<double> certainty;    // none: every text is read to the end
  std::vector<bool> may_accept;       // [labels]
  std::vector<ExampleIndex> nearest;  // [exits], standardised vectors
};

class HeadIntentModel : public IntentModel {
 public:
  HeadIntentModel(std::shared_ptr<Embedder> embedder, Head head, RouteTree tree, KnownScripts scripts,
                  ExampleIndex index, Exits exits, Calibration calibration, bool keep_read)
      : embedder_(std::move(embedder)),
        head_(std::move(head)),
        tree_(std::move(tree)),
        index_(std::move(index)),
        scripts_(scripts),
        exits_(std::move(exits)),
        calibration_(std::move(calibration)),
        keep_read_(keep_read),
        identity_(Identity()) {}

  Result<Understanding> Understand(std::string_view text, MonotonicTime deadline) override {
    HeadJudge judge(head_, exits_.certainty, exits_.may_accept);
    const EmbedCall call = CallForHead(deadline);
    BANTAM_TRY(const Embedding embedding,
               exits_.certainty ? embedder_->EmbedUntil(text, call, judge) : embedder_->Embed(text, call));
    const bool early = judge.exit_layer() > 0;
    Understanding understanding =
        Read(text, early ? judge.prediction() : head_.Predict(embedding.vector), embedding.num_tokens);
    understanding.exit_layer = judge.exit_layer();
    if (early) {
      FindNearestAtExit(judge.exit_layer(), LastOf(embedding), understanding);
    } else {
      index_.FindNearest(LastOf(embedding), understanding);
      FindAncestors(embedding.vector, understanding);
      KeepVector(embedding, understanding);
    }
    return understanding;
  }

  Result<std::vector<Understanding>> UnderstandAll(std::span<const std::string> texts, EmbedCall call) override {
    call.middle = true;
    BANTAM_TRY(const std::vector<Embedding> embeddings, embedder_->EmbedBatch(texts, call));
    std::vector<Understanding> all;
    for (size_t i = 0; i < texts.size(); ++i) {
      all.push_back(Read(texts[i], head_.Predict(embeddings[i].vector), embeddings[i].num_tokens));
      index_.FindNearest(LastOf(embeddings[i]), all.back());
      FindAncestors(embeddings[i].vector, all.back());
      KeepVector(embeddings[i], all.back());
    }
    return all;
  }

  Understanding UnderstandVector(std::string_view text, std::span<const float> vector) override {
    Understanding understanding = Read(text, head_.Predict(vector), 0);
    FindAncestors(vector, understanding);
    return understanding;
  }

  const std::string& identity() const override { return identity_; }
  double threshold() const override { return head_.metadata().threshold; }
  const Calibration& calibration() const override { return calibration_; }
  const Head* head() const override { return &head_; }
  Embedder* embedder() override { return embedder_.get(); }

 private:
  // Exits change scores, so they are part of what decided: from which certainty on, and for which labels, which the
  // thresholds of the file say.
  std::string Identity() const {
    const std::string head = head_.Sha256();
    if (!exits_.certainty) return head;
    std::string labels;
    for (const bool may : exits_.may_accept) labels += may ? '1' : '0';
    return Sha256Hex(fmt::format("{} exits from {} for {}", head, *exits_.certainty, labels));
  }

  void KeepVector(const Embedding& embedding, Understanding& understanding) const {
    const std::span<const float> last = LastOf(embedding);
    understanding.vector.assign(last.begin(), last.end());
    if (keep_read_) understanding.read = embedding.vector;
  }

  // The vector of the last layer, or of the exit.
  std::span<const float> LastOf(const Embedding& embedding) const {
    return std::span(embedding.vector).last(static_cast<size_t>(embedder_->dimensions()));
  }

  Understanding Read(std::string_view text, const Prediction& prediction, size_t num_tokens) const {
    const auto name = [&](int label) { return head_.labels()[static_cast<size_t>(label)]; };
    Understanding understanding;
    understanding.num_tokens = num_tokens;
    understanding.num_layers = embedder_->encoder().num_layers();
    understanding.out_of_scope = prediction.out_of_scope;
    understanding.confidence = prediction.confidence;
    if (prediction.label >= 0) understanding.route = name(prediction.label);
    for (const ScoredLabel& scored : prediction.ranking)
      understanding.ranking.push_back({name(scored.label), scored.probability});
    for (const int label : prediction.prediction_set) understanding.prediction_set.push_back(name(label));
    understanding.foreign_script = scripts_.ForeignScript(text, embedder_->tokenizer());
    if (!understanding.foreign_script.empty()) {
      understanding.confidence = 0;
      understanding.out_of_scope = 1;
      understanding.prediction_set.clear();
    }
    return understanding;
  }

  void FindAncestors(std::span<const float> vector, Understanding& understanding) const {
    if (tree_.AncestorsOf(understanding.route).empty() || !understanding.foreign_script.empty()) return;
    understanding.ancestors = tree_.Rank(understanding.route, head_.Probabilities(vector), understanding.out_of_scope);
  }

  void FindNearestAtExit(int layer, std::span<const float> pooled, Understanding& understanding) const {
    const auto& heads = head_.exits().heads;
    for (size_t i = 0; i < heads.size() && i < exits_.nearest.size(); ++i) {
      if (heads[i].layer != layer) continue;
      std::vector<float> x(pooled.size());
      Standardize(heads[i].scale, pooled, x);
      exits_.nearest[i].FindNearestOfRoute(x, understanding);
    }
  }

  const std::shared_ptr<Embedder> embedder_;
  const Head head_;
  const RouteTree tree_;
  const ExampleIndex index_;
  const KnownScripts scripts_;
  const Exits exits_;
  const Calibration calibration_;
  const bool keep_read_;
  const std::string identity_;
};

// An exit agrees with an acceptance at the head's own threshold. Where the file asks for more, only the last layer can
// tell whether there is more. Nor where the large model answers, and what it said to a similar question is looked for:
// that takes the vector of the last layer.
std::vector<bool> MayAccept(const RouteFile& file, const Head& head) {
  const DecisionPolicy policy(file, head.metadata().threshold, {});
  std::vector<bool> may_accept;
  for (const std::string& label : head.labels()) {
    const Route* route = file.FindRoute(label);
    const bool wants_vector =
        file.semantic_cache && route != nullptr && route->action->kind() == DecisionKind::kEscalate;
    may_accept.push_back(policy.BarOf(label).threshold <= head.metadata().threshold && !wants_vector);
  }
  return may_accept;
}

// The file's held-out lines and audited messages as the head sees them, or what the head itself was calibrated on.
Result<Calibration> CalibrationFor(const RouteFile& file, const Head& head, const RouteTree& tree, Embedder& embedder,
                                   const std::optional<StateFiles>& files, const IntentOptions& options) {
  std::vector<LabelledText> messages = file.calibration;
  messages.insert(messages.end(), file.audited.begin(), file.audited.end());
  if (messages.empty()) return Calibration{head.calibration(), head.labels()};
  const auto report = [&](double fraction) {
    if (options.progress) options.progress("reading the calibration messages", fraction);
  };
  BANTAM_TRY(const HeadVectors vectors,
             EmbedExamples(messages, embedder, {}, files ? files->calibration : Path(), options.may_write, report));
  Calibration calibration{CalibrationOf(head, messages, vectors.vectors), head.labels()};
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::span<const float> vector = vectors.vectors.row(i);
    const Prediction prediction = head.Predict(vector);
    const std::string& likeliest = head.labels()[static_cast<size_t>(prediction.label)];
    if (tree.AncestorsOf(likeliest).empty()) continue;
    for (const RankedRoute& ancestor : tree.Rank(likeliest, head.Probabilities(vector), prediction.out_of_scope)) {
      calibration.of_parents[ancestor.route].push_back(
          {prediction.label, ancestor.probability, file.IsWithin(messages[i].label, ancestor.route)});
    }
  }
  return calibration;
}

Exits MakeExits(const RouteFile& file, const Head& head, double max_disagreement,
                std::span<const LabelledText> examples, std::vector<LayerVectors> layers) {
  Exits exits;
  if (max_disagreement > 0) exits.certainty = head.exits().CertaintyFor(max_disagreement);
  if (!exits.certainty) return exits;
  exits.may_accept = MayAccept(file, head);
  for (const ExitHead& exit : head.exits().heads) {
    const auto of_layer = [&](const LayerVectors& layer) { return layer.layer == exit.layer; };
    const auto found = std::find_if(layers.begin(), layers.end(), of_layer);
    BANTAM_CHECK(found != layers.end(), "no vectors of layer {}", exit.layer);
    EmbeddingMatrix x = std::move(found->vectors);
    for (size_t row = 0; row < x.rows; ++row) {
      const auto values = std::span(x.values).subspan(row * x.columns, x.columns);
      Standardize(exit.scale, std::vector<float>(values.begin(), values.end()), values);
    }
    exits.nearest.emplace_back(std::vector<LabelledText>(examples.begin(), examples.end()), x, x.columns);
  }
  return exits;
}

// As others may read them: what somebody said is near to a question, but not shown to whoever asked that.
std::vector<LabelledText> Shown(std::vector<LabelledText> examples, std::span<const LabelledText> learned) {
  std::set<std::string_view> said;
  for (const LabelledText& message : learned) said.insert(message.text);
  for (LabelledText& example : examples) {
    if (said.contains(example.text)) example.text = kLearnedMessage;
  }
  return examples;
}

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
  const double max_disagreement = options.max_disagreement.value_or(file.max_disagreement);
  const auto in_scope = std::count_if(examples.begin(), examples.end(),
                                      [](const LabelledText& example) { return example.label != kOutOfScopeLabel; });
  // An error budget is certified for what all layers say.
  if (file.budget && options.max_disagreement.value_or(0) > 0)
    Log(LogLevel::kWarning, "there are no early exits with an error budget: it is certified for what all layers say");
  const bool exits_wanted = !file.budget && max_disagreement > 0 && EnoughForExits(in_scope, max_disagreement);
  const int num_layers = embedder->encoder().num_layers();
  const std::vector<int> layers = exits_wanted ? ExitLayers(num_layers) : std::vector<int>();
  BANTAM_TRY(HeadVectors vectors,
             EmbedExamples(examples, *embedder, layers, files ? files->examples : Path(), options.may_write,
                           [&](double fraction) { report("reading the examples", fraction); }));
  const EncoderIdentity encoder = IdentityOf(*embedder);
  std::optional<Head> head = files ? StoredHead(files->head, encoder, ExamplesSha256(examples)) : std::nullopt;
  // One that was trained without exits, or for fewer disagreements than its examples could show.
  if (head && !layers.empty() && head->exits().heads.empty() && head->metadata().max_disagreement < max_disagreement)
    head.reset();
  if (!head) {
    TrainOptions train{.num_threads = options.num_threads, .progress = report};
    if (exits_wanted) train.max_disagreement = max_disagreement;
    BANTAM_TRY(TrainedHead trained, TrainHead(examples, vectors.vectors, encoder, train, vectors.layers, num_layers));
    if (files && options.may_write) {
      // Without a stored head the next start trains again; that is slow, not wrong.
      if (const Status saved = trained.head.Save(files->head); !saved) {
        Log(LogLevel::kWarning, "the trained head is not kept: {}", saved.error().message);
      }
    }
    head = std::move(trained.head);
  }
  const auto dimensions = static_cast<size_t>(embedder->dimensions());
  const KnownScripts scripts(examples);
  std::vector<LabelledText> shown = Shown(std::move(examples), file.learned);
  Exits exits = exits_wanted ? MakeExits(file, *head, max_disagreement, shown, std::move(vectors.layers)) : Exits();
  RouteTree tree(file, head->labels());
  BANTAM_TRY(Calibration calibration, CalibrationFor(file, *head, tree, *embedder, files, options));
  return std::make_unique<HeadIntentModel>(std::move(embedder), *std::move(head), std::move(tree), scripts,
                                           ExampleIndex(std::move(shown), vectors.vectors, dimensions),
                                           std::move(exits), std::move(calibration), options.keep_read);
}

}  // namespace bantam
