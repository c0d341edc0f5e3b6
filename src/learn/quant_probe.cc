#include "learn/quant_probe.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/text_util.h"
#include "learn/metrics.h"
#include "learn/softmax_regression.h"

namespace bantam {
namespace {

constexpr int kFolds = 5;

double Cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The share of examples that a head trained without them labels right.
double CrossValidatedAccuracy(std::span<const LabelledText> examples, const EmbeddingMatrix& embeddings,
                              const Kernels& kernels, ThreadPool& pool) {
  const LabelIndex index = IndexLabels(examples);
  const std::vector<int> folds = AssignFolds(examples, kFolds);
  const int num_labels = static_cast<int>(index.labels.size());
  // What the metric is compared for is a difference of two encoders: a loss within 3e-5 of its minimum is enough.
  const SoftmaxOptions options{
      .inverse_regularization = 10, .max_iterations = 200, .tolerance = 1e-5, .start = nullptr, .progress = {}};
  int right = 0, held_out = 0;
  std::vector<float> logits(static_cast<size_t>(num_labels));
  for (int fold = 0; fold < kFolds; ++fold) {
    std::vector<int> rows, labels, held;
    for (size_t i = 0; i < examples.size(); ++i) {
      const int row = static_cast<int>(i);
      if (folds[i] == fold) {
        held.push_back(row);
      } else {
        rows.push_back(row);
        labels.push_back(index.label_of[i]);
      }
    }
    if (held.empty() || rows.empty()) continue;
    const SoftmaxModel model = FitSoftmax(embeddings, rows, labels, num_labels, options, kernels, pool).model;
    for (const int row : held) {
      Logits(model, embeddings.row(static_cast<size_t>(row)), logits);
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      right += static_cast<int>(best) == index.label_of[static_cast<size_t>(row)];
      ++held_out;
    }
  }
  return held_out == 0 ? 0 : 100.0 * right / held_out;
}

double PairSpearman(const QuantData& data, const EmbeddingMatrix& embeddings) {
  std::vector<double> cosines;
  for (size_t i = 0; i < data.scores.size(); ++i) {
    cosines.push_back(Cosine(embeddings.row(2 * i), embeddings.row(2 * i + 1)));
  }
  return 100 * Spearman(cosines, data.scores);
}

}  // namespace

Result<std::unique_ptr<QuantProbe>> QuantProbe::Create(const ModelFolder& model, QuantData data, int max_positions,
                                                       int num_threads) {
  if (model.tokenizer_json.empty()) {
    return Err(ErrorCode::kNotFound, "{} has no tokenizer.json, without which nothing can be measured",
               EscapeForTerminal(model.path.string(), 400));
  }
  BANTAM_TRY(const auto tokenizer, Tokenizer::Load(model.tokenizer_json));
  const int told = model.sentence.max_seq_length;
  const auto max_tokens = static_cast<size_t>(told > 0 ? std::min(told, max_positions) : max_positions);
  std::unique_ptr<QuantProbe> probe(new QuantProbe);
  for (const std::string& text : data.texts) {
    probe->token_ids_.push_back(tokenizer->Encode(text, {.max_tokens = max_tokens}).ids);
  }
  probe->data_ = std::move(data);
  probe->sentence_ = model.sentence;
  probe->num_threads_ = num_threads;
  return probe;
}

Result<EmbeddingMatrix> QuantProbe::Embed(EncoderEngine& engine, size_t sample,
                                          const std::function<void(double fraction)>& progress) const {
  std::vector<std::vector<int32_t>> picked;
  const size_t total = token_ids_.size(), count = std::min(sample, total);
  for (size_t i = 0; i < count && count < total; ++i) picked.push_back(token_ids_[i * total / count]);
  const std::vector<std::vector<int32_t>>& ids = count < total ? picked : token_ids_;
  std::unique_ptr<SentenceHead> head;
  if (sentence_.needs_head()) {
    BANTAM_TRY(head, SentenceHead::Load(sentence_, engine.encoder().hidden_size()));
  }
  const int width = head != nullptr ? head->dimensions() : engine.encoder().hidden_size();
  EmbeddingMatrix matrix{ids.size(), static_cast<size_t>(width), {}};
  matrix.values.resize(matrix.rows * matrix.columns);
  EncodeListOptions options{.pooling = sentence_.pooling, .normalize = sentence_.normalize, .head = head.get()};
  if (progress) {
    options.progress = [&](size_t done) { progress(static_cast<double>(done) / static_cast<double>(ids.size())); };
  }
  BANTAM_RETURN_IF_ERROR(engine.EncodeAll(ids, options, matrix.values));
  return matrix;
}

Result<std::optional<double>> QuantProbe::Metric(const EmbeddingMatrix& embeddings) const {
  if (data_.task == QuantTask::kSentences) return std::optional<double>();
  if (data_.task == QuantTask::kSimilarity) return std::optional<double>(PairSpearman(data_, embeddings));
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  ThreadPool pool(num_threads_);
  return std::optional<double>(CrossValidatedAccuracy(data_.examples, embeddings, *kernels, pool));
}

std::string_view QuantProbe::metric_name() const {
  switch (data_.task) {
    case QuantTask::kLabels:
      return "accuracy";
    case QuantTask::kSimilarity:
      return "spearman";
    case QuantTask::kSentences:
      break;
  }
  return "";
}

CosineFigures CompareRows(const EmbeddingMatrix& a, const EmbeddingMatrix& b) {
  CosineFigures figures{.mean = 0, .minimum = 1};
  for (size_t i = 0; i < a.rows; ++i) {
    const double cosine = Cosine(a.row(i), b.row(i));
    figures.mean += cosine / static_cast<double>(a.rows);
    figures.minimum = std::min(figures.minimum, cosine);
  }
  return figures;
}

std::vector<QuantSpeed> MeasureSpeed(const std::vector<const Encoder*>& encoders, int num_threads) {
  constexpr double kBudgetMs = 1500;
  constexpr int kLeastRounds = 7, kMostRounds = 200;
  std::vector<QuantSpeed> speeds(encoders.size());
  ThreadPool pool(num_threads);
  std::vector<std::unique_ptr<EncoderWorkspace>> workspaces;
  for (const Encoder* encoder : encoders) workspaces.push_back(encoder->NewWorkspace());
  for (const int tokens : {16, 128}) {
    std::vector<std::vector<double>> times(encoders.size());
    const MonotonicTime start = MonotonicNow();
    // The first round warms up and is not counted.
    for (int round = 0; round <= kLeastRounds || (round < kMostRounds && MillisecondsSince(start) < kBudgetMs);
         ++round) {
      for (size_t i = 0; i < encoders.size(); ++i) {
        const Encoder& encoder = *encoders[i];
        if (encoder.max_positions() < tokens) continue;
        std::vector<int32_t> ids;
        for (int t = 0; t < tokens; ++t) {
          ids.push_back(static_cast<int32_t>((int64_t{t} * 104'729 + 1) % encoder.vocab_size()));
        }
        const std::vector<int32_t> cu_seqlens = {0, tokens};
        AlignedBuffer<float> hidden(static_cast<size_t>(tokens) * static_cast<size_t>(encoder.hidden_size()));
        const MonotonicTime begin = MonotonicNow();
        encoder.Forward({ids, cu_seqlens, {}}, *workspaces[i], pool, {hidden.data(), hidden.size()});
        if (round > 0) times[i].push_back(MillisecondsSince(begin));
      }
    }
    for (size_t i = 0; i < encoders.size(); ++i) {
      if (times[i].empty()) continue;
      (tokens == 16 ? speeds[i].ms_16 : speeds[i].ms_128) = Median(times[i]);
    }
  }
  return speeds;
}

}  // namespace bantam
