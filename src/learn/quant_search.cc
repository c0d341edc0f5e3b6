#include "learn/quant_search.h"

#include <algorithm>
#include <numeric>

#include "base/clock.h"
#include "learn/quant_probe.h"

namespace bantam {
namespace {

// Texts that a layer's own loss is measured on: the order of layers is the same from 128 on.
constexpr size_t kRankingTexts = 128;
// A model that keeps more of its layers' weights higher than this is not what was asked for.
constexpr double kMostKept = 0.5;

// Texts whose inputs int4 weights are rounded for. More are better until the memory for them ends (input_moments.cc).
constexpr size_t kCalibrationTexts = 512;

std::vector<std::vector<int32_t>> Evenly(std::span<const std::vector<int32_t>> all, size_t count) {
  std::vector<std::vector<int32_t>> picked;
  count = std::min(count, all.size());
  for (size_t i = 0; i < count; ++i) picked.push_back(all[i * all.size() / count]);
  return picked;
}

struct Trial {
  std::vector<WeightType> types;
  std::unique_ptr<EncoderEngine> engine;
  EmbeddingMatrix embeddings;
  std::optional<double> metric;
};

class QuantSearch {
 public:
  QuantSearch(QuantModel& model, const QuantOptions& options) : model_(model), options_(options) {}
  Result<QuantResult> Run(QuantData data);

 private:
  double Drop(const Trial& trial) const { return *original_.metric - *trial.metric; }
  bool Fits(const Trial& trial) const { return !options_.max_drop || Drop(trial) <= *options_.max_drop + 1e-9; }
  void Progress(std::string_view stage, double within);
  std::unique_ptr<EncoderEngine> EngineOf(std::unique_ptr<Encoder> encoder) const;
  Result<Trial> Measure(std::unique_ptr<Encoder> encoder, std::vector<WeightType> types, std::string_view stage);
  Result<Trial> Try(const std::vector<WeightType>& types, std::string_view stage);
  Status RankLayers();
  Result<Trial> KeepSensitive(Trial all);
  Result<std::optional<Trial>> FewestKept(const std::vector<WeightType>& base, size_t most, WeightType higher);
  Error CannotFit(const Trial& nearest) const;
  QuantReport Report(const Trial& chosen, double seconds);

  QuantModel& model_;
  const QuantOptions& options_;
  std::unique_ptr<QuantProbe> probe_;
  Trial original_;
  std::vector<WeightType> all_;                // everything as asked
  std::vector<std::optional<double>> losses_;  // [units]
  std::vector<size_t> order_;                  // units to keep higher, the most worthwhile first
  size_t most_kept_ = 0;                       // of order_
  std::optional<double> nearest_drop_;
  int trials_ = 0, steps_done_ = 0, steps_planned_ = 2;
};

void QuantSearch::Progress(std::string_view stage, double within) {
  if (options_.progress) options_.progress(stage, (steps_done_ + std::min(within, 1.0)) / (steps_planned_ + 0.2));
}

std::unique_ptr<EncoderEngine> QuantSearch::EngineOf(std::unique_ptr<Encoder> encoder) const {
  return EncoderEngine::Create(std::move(encoder), {.num_threads = options_.num_threads});
}

Result<Trial> QuantSearch::Measure(std::unique_ptr<Encoder> encoder, std::vector<WeightType> types,
                                   std::string_view stage) {
  Trial trial;
  trial.types = std::move(types);
  trial.engine = EngineOf(std::move(encoder));
  BANTAM_TRY(trial.embeddings,
             probe_->Embed(*trial.engine, SIZE_MAX, [&](double done) { Progress(stage, 0.8 * done); }));
  BANTAM_TRY(trial.metric, probe_->Metric(trial.embeddings));
  ++steps_done_;
  Progress(stage, 0);
  return trial;
}

Result<Trial> QuantSearch::Try(const std::vector<WeightType>& types, std::string_view stage) {
  Progress(stage, 0);
  BANTAM_TRY(auto encoder, model_.Load(options_.type, types));
  BANTAM_TRY(Trial trial, Measure(std::move(encoder), types, stage));
  ++trials_;
  if (trial.metric && (!nearest_drop_ || Drop(trial) < *nearest_drop_)) nearest_drop_ = Drop(trial);
  return trial;
}

// Each layer alone at its asked type, everything else in f32.
Status QuantSearch::RankLayers() {
  const std::vector<WeightType> floats(all_.size(), WeightType::kF32);
  BANTAM_TRY(const EmbeddingMatrix original, probe_->Embed(*original_.engine, kRankingTexts, {}));
  losses_.assign(all_.size(), std::nullopt);
  for (size_t i = 0; i < all_.size(); ++i) {
    Progress("ranking layers", static_cast<double>(i) / static_cast<double>(all_.size()));
    std::vector<WeightType> types = floats;
    types[i] = all_[i];
    BANTAM_TRY(auto encoder, model_.Load(options_.type, types));
    const auto engine = EngineOf(std::move(encoder));
    BANTAM_TRY(const EmbeddingMatrix embeddings, probe_->Embed(*engine, kRankingTexts, {}));
    losses_[i] = 1 - CompareRows(embeddings, original).mean;
  }
  ++steps_done_;
  order_.resize(all_.size());
  std::iota(order_.begin(), order_.end(), size_t{0});
  // What is won for each byte that it costs to keep a layer higher.
  const auto worth = [&](size_t unit) { return *losses_[unit] / static_cast<double>(model_.NumWeights(unit)); };
  std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) { return worth(a) > worth(b); });
  double total = 0, kept = 0;
  for (size_t i = 0; i < all_.size(); ++i) {
    if (!model_.units()[i].table) total += static_cast<double>(model_.NumWeights(i));
  }
  most_kept_ = 0;
  for (const size_t unit : order_) {
    if (!model_.units()[unit].table) kept += static_cast<double>(model_.NumWeights(unit));
    if (kept > kMostKept * total) break;
    ++most_kept_;
  }
  return Ok();
}

// The smallest number k in [1, most] such that the first k of order_ at `higher`, and `base` elsewhere, fit; by
// bisection, as if more kept layers were never worse. Whatever is returned was measured to fit.
Result<std::optional<Trial>> QuantSearch::FewestKept(const std::vector<WeightType>& base, size_t most,
                                                     WeightType higher) {
  const auto keep = [&](size_t count) {
    std::vector<WeightType> types = base;
    for (size_t i = 0; i < count; ++i) types[order_[i]] = higher;
    return types;
  };
  if (most == 0) return std::optional<Trial>();
  BANTAM_TRY(Trial best, Try(keep(most), "keeping layers"));
  if (!Fits(best)) return std::optional<Trial>();
  size_t fails = 0, fits = most;
  while (fits - fails > 1) {
    const size_t middle = (fails + fits) / 2;
    BANTAM_TRY(Trial trial, Try(keep(middle), "keeping layers"));
    if (Fits(trial)) {
      best = std::move(trial);
      fits = middle;
    } else {
      fails = middle;
    }
  }
  return std::optional<Trial>(std::move(best));
}

Error QuantSearch::CannotFit(const Trial& all) const {
  return Err(
      ErrorCode::kUnsupported,
      "nothing written: {} falls from {:.2f} to {:.2f} with everything in {}, and with up to half of the layers' "
      "weights kept higher still by {:.2f} points, --max-drop is {:g}; {}",
      probe_->metric_name(), *original_.metric, *all.metric, WeightTypeName(options_.type), *nearest_drop_,
      *options_.max_drop,
      options_.type == WeightType::kInt8 ? "allow more, or keep the original" : "allow more, or take --type int8");
}

Result<Trial> QuantSearch::KeepSensitive(Trial all) {
  all.engine.reset();
  steps_planned_ += 6;
  BANTAM_RETURN_IF_ERROR(RankLayers());
  std::vector<WeightType> base = all_;
  if (options_.type != WeightType::kInt8) {
    BANTAM_TRY(std::optional<Trial> found, FewestKept(base, most_kept_, WeightType::kInt8));
    if (found) return *std::move(found);
    for (size_t i = 0; i < most_kept_; ++i) base[order_[i]] = WeightType::kInt8;
  }
  BANTAM_TRY(std::optional<Trial> found, FewestKept(base, most_kept_, WeightType::kF32));
  if (found) return *std::move(found);
  return CannotFit(all);
}

QuantReport QuantSearch::Report(const Trial& chosen, double seconds) {
  QuantReport report;
  report.model = model_.folder().name;
  report.type = options_.type;
  report.task = probe_->data().task;
  report.data_sha256 = probe_->data().sha256;
  report.metric = probe_->metric_name();
  report.num_texts = probe_->data().texts.size();
  report.max_drop = options_.max_drop;
  const Encoder &before = original_.engine->encoder(), &after = chosen.engine->encoder();
  const std::vector<QuantSpeed> speeds = MeasureSpeed({&before, &after}, options_.num_threads);
  const auto figures = [&](const Trial& trial, const QuantSpeed& speed) {
    return QuantFigures{.metric = trial.metric,
                        .ms_16 = speed.ms_16,
                        .ms_128 = speed.ms_128,
                        .file_bytes = model_.StoredBytes(trial.types),
                        .memory_bytes = trial.engine->encoder().weight_bytes()};
  };
  report.before = figures(original_, speeds[0]);
  report.after = figures(chosen, speeds[1]);
  const CosineFigures cosines = CompareRows(original_.embeddings, chosen.embeddings);
  report.cosine_mean = cosines.mean;
  report.cosine_min = cosines.minimum;
  if (chosen.metric) report.drop = Drop(chosen);
  for (size_t i = 0; i < chosen.types.size(); ++i) {
    const WeightUnit& unit = model_.units()[i];
    QuantLayer layer{
        .name = unit.parts[0].name, .type = chosen.types[i], .num_weights = model_.NumWeights(i), .loss = {}};
    for (size_t n = 1; n < unit.parts.size(); ++n) {
      const std::string& name = unit.parts[n].name;
      layer.name += "," + name.substr(name.rfind('.') + 1);
    }
    if (!losses_.empty()) layer.loss = losses_[i];
    report.layers.push_back(std::move(layer));
  }
  report.isa = after.isa();
  report.threads = options_.num_threads;
  report.trials = trials_;
  report.seconds = seconds;
  return report;
}

Result<QuantResult> QuantSearch::Run(QuantData data) {
  const MonotonicTime start = MonotonicNow();
  if (options_.max_drop && data.task == QuantTask::kSentences) {
    return Err(ErrorCode::kInvalidArgument, "--max-drop needs --data: without lines of yours there is no metric");
  }
  BANTAM_TRY(auto encoder, model_.LoadOriginal());
  BANTAM_TRY(probe_,
             QuantProbe::Create(model_.folder(), std::move(data), encoder->max_positions(), options_.num_threads));
  all_.assign(model_.units().size(), options_.type);
  BANTAM_TRY(original_, Measure(std::move(encoder), std::vector(all_.size(), WeightType::kF32), "original"));
  if (options_.type == WeightType::kInt4) {
    Progress("looking at inputs", 0);
    BANTAM_RETURN_IF_ERROR(model_.Calibrate(Evenly(probe_->token_ids(), kCalibrationTexts)));
    Progress("rounding", 0.2);
  }
  BANTAM_TRY(Trial chosen, Try(all_, WeightTypeName(options_.type)));
  if (!Fits(chosen)) {
    BANTAM_TRY(chosen, KeepSensitive(std::move(chosen)));
  }
  Progress("timing", 0);
  QuantReport report = Report(chosen, 0);
  BANTAM_TRY(report.weights_sha256, model_.folder().identity.Sha256());
  report.seconds = MillisecondsSince(start) / 1000;
  return QuantResult{std::move(chosen.types), std::move(report)};
}

}  // namespace

Result<QuantResult> SearchQuantization(QuantModel& model, QuantData data, const QuantOptions& options) {
  return QuantSearch(model, options).Run(std::move(data));
}

}  // namespace bantam
