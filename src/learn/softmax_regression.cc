// The products run on the encoder's own f32 kernel, which computes X W^T against a packed right-hand side. Both
// products of an evaluation can take the examples as that side, so that they are packed once for all evaluations:
//
//   logits   [labels, rows]       = W        [labels, dimensions] * X^T, X packed in panels of 64 rows
//   gradient [labels, dimensions] = residual [labels, rows]       * X,   X packed in panels of 64 dimensions
//
// and the first product's output has the layout that the second one reads. A chunk of rows goes through both while its
// logits are in the cache.
#include "learn/softmax_regression.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/aligned_buffer.h"
#include "base/check.h"
#include "kernels/packing.h"
#include "learn/lbfgs.h"
#include "learn/vector_math.h"

namespace bantam {
namespace {

constexpr int kChunkRows = 256;  // logits of 150 labels: 150 KiB
// More lanes than this machine may have threads cost only memory: labels * dimensions floats each.
constexpr int kLanes = 16;

}  // namespace

struct SoftmaxLoss::State {
  int num_rows, num_labels, dimensions, padded_dimensions, num_chunks;
  double penalty;  // 1 / (C n)
  std::vector<int> labels;
  AlignedBuffer<float> by_row;        // [chunk][panel of 64 rows][dimension][64]
  AlignedBuffer<float> by_dimension;  // [chunk][panel of 64 dimensions][row][64]
  AlignedBuffer<float> zeros;         // the kernel's bias
  const Kernels* kernels;
  ThreadPool* pool;

  struct Lane {
    AlignedBuffer<float> logits;    // [labels, kChunkRows]
    AlignedBuffer<float> gradient;  // [labels, padded_dimensions]
    std::vector<double> bias;       // [labels]
    double loss = 0;
  };
  std::vector<Lane> lanes;
  AlignedBuffer<float> weights, bias;  // the current parameters in f32

  void Pack(const EmbeddingMatrix& embeddings, std::span<const int> rows);
  void RunLane(int lane_index);
  void RunChunk(int chunk, Lane& lane);
  void Residuals(int chunk, Lane& lane);
};

void SoftmaxLoss::State::Pack(const EmbeddingMatrix& embeddings, std::span<const int> rows) {
  const size_t chunk_by_row = size_t{kChunkRows} * dimensions,
               chunk_by_dimension = size_t{kChunkRows} * padded_dimensions;
  by_row = AlignedBuffer<float>(chunk_by_row * num_chunks);
  by_dimension = AlignedBuffer<float>(chunk_by_dimension * num_chunks);
  pool->Run(num_chunks, [&](int chunk, int) {
    std::vector<float> copy(chunk_by_row);
    for (int r = 0; r < kChunkRows && chunk * kChunkRows + r < num_rows; ++r) {
      const std::span<const float> x = embeddings.row(rows[chunk * kChunkRows + r]);
      std::copy(x.begin(), x.end(), copy.begin() + size_t(r) * dimensions);
      float* out = by_dimension.data() + chunk_by_dimension * chunk + size_t(r) * kPanelColumns;
      for (int d = 0; d < dimensions; ++d) {
        out[size_t(d / kPanelColumns) * kPanelColumns * kChunkRows + d % kPanelColumns] = x[d];
      }
    }
    PackF32(copy, kChunkRows, dimensions, {by_row.data() + chunk_by_row * chunk, chunk_by_row});
  });
}

// lane.logits holds W x; makes softmax(W x + b) - onehot of it, and adds up the loss.
void SoftmaxLoss::State::Residuals(int chunk, Lane& lane) {
  alignas(64) float largest[kChunkRows], sum[kChunkRows], own[kChunkRows];
  std::fill(std::begin(largest), std::end(largest), -INFINITY);
  std::fill(std::begin(sum), std::end(sum), 0.0f);
  float* logits = lane.logits.data();
  for (int k = 0; k < num_labels; ++k) {
    float* z = logits + size_t(k) * kChunkRows;
    const float b = bias[k];
    for (int r = 0; r < kChunkRows; ++r) {
      z[r] += b;
      largest[r] = z[r] > largest[r] ? z[r] : largest[r];
    }
  }
  const int valid = std::min(kChunkRows, num_rows - chunk * kChunkRows);
  const int* label = labels.data() + size_t(chunk) * kChunkRows;
  for (int r = 0; r < valid; ++r) own[r] = logits[size_t(label[r]) * kChunkRows + r];
  for (int k = 0; k < num_labels; ++k) {
    float* z = logits + size_t(k) * kChunkRows;
    for (int r = 0; r < kChunkRows; ++r) {
      z[r] = ExpF(z[r] - largest[r]);
      sum[r] += z[r];
    }
  }
  double loss = 0;
  for (int r = 0; r < valid; ++r) loss += std::log(static_cast<double>(sum[r])) + largest[r] - own[r];
  lane.loss += loss;
  for (int r = 0; r < kChunkRows; ++r)
    sum[r] = r < valid ? 1 / sum[r] : 0;  // rows that pad the last chunk count nothing
  for (int k = 0; k < num_labels; ++k) {
    float* z = logits + size_t(k) * kChunkRows;
    for (int r = 0; r < kChunkRows; ++r) z[r] *= sum[r];
  }
  for (int r = 0; r < valid; ++r) logits[size_t(label[r]) * kChunkRows + r] -= 1;
  for (int k = 0; k < num_labels; ++k) {
    const float* z = logits + size_t(k) * kChunkRows;
    double total = 0;
    for (int r = 0; r < kChunkRows; ++r) total += z[r];
    lane.bias[k] += total;
  }
}

void SoftmaxLoss::State::RunChunk(int chunk, Lane& lane) {
  GemmF32Args forward{};
  forward.x = weights.data();
  forward.x_stride = dimensions;
  forward.packed = by_row.data() + size_t{kChunkRows} * dimensions * chunk;
  forward.bias = zeros.data();
  forward.out = lane.logits.data();
  forward.out_stride = kChunkRows;
  forward.num_rows = num_labels;
  forward.in_features = dimensions;
  forward.out_features = kChunkRows;
  forward.panel_end = kChunkRows / kPanelColumns;
  kernels->table.gemm_f32(&forward);

  Residuals(chunk, lane);

  GemmF32Args backward{};
  backward.x = lane.logits.data();
  backward.x_stride = kChunkRows;
  backward.packed = by_dimension.data() + size_t{kChunkRows} * padded_dimensions * chunk;
  backward.bias = zeros.data();
  backward.residual = lane.gradient.data();  // adds to what the lane has
  backward.residual_stride = padded_dimensions;
  backward.out = lane.gradient.data();
  backward.out_stride = padded_dimensions;
  backward.num_rows = num_labels;
  backward.in_features = kChunkRows;
  backward.out_features = padded_dimensions;
  backward.panel_end = padded_dimensions / kPanelColumns;
  kernels->table.gemm_f32(&backward);
}

void SoftmaxLoss::State::RunLane(int lane_index) {
  Lane& lane = lanes[lane_index];
  lane.loss = 0;
  std::fill(lane.bias.begin(), lane.bias.end(), 0.0);
  std::memset(lane.gradient.data(), 0, lane.gradient.size() * sizeof(float));
  for (int chunk = lane_index; chunk < num_chunks; chunk += kLanes) RunChunk(chunk, lane);
}

SoftmaxLoss::SoftmaxLoss(const EmbeddingMatrix& embeddings, std::span<const int> rows, std::span<const int> labels,
                         int num_labels, double inverse_regularization, const Kernels& kernels, ThreadPool& pool)
    : state_(std::make_unique<State>()) {
  BANTAM_CHECK(!rows.empty() && rows.size() == labels.size() && num_labels > 0 && embeddings.columns > 0);
  State& s = *state_;
  s.num_rows = static_cast<int>(rows.size());
  s.num_labels = num_labels;
  s.dimensions = static_cast<int>(embeddings.columns);
  s.padded_dimensions = PaddedColumns(s.dimensions);
  s.num_chunks = (s.num_rows + kChunkRows - 1) / kChunkRows;
  s.penalty = 1 / (inverse_regularization * static_cast<double>(rows.size()));
  s.labels.assign(labels.begin(), labels.end());
  s.kernels = &kernels;
  s.pool = &pool;
  s.zeros = AlignedBuffer<float>(std::max(s.padded_dimensions, kChunkRows));
  s.weights = AlignedBuffer<float>(size_t(num_labels) * s.dimensions);
  s.bias = AlignedBuffer<float>(num_labels);
  s.lanes.resize(std::min(kLanes, s.num_chunks));
  for (State::Lane& lane : s.lanes) {
    lane.logits = AlignedBuffer<float>(size_t(num_labels) * kChunkRows);
    lane.gradient = AlignedBuffer<float>(size_t(num_labels) * s.padded_dimensions);
    lane.bias.resize(num_labels);
  }
  s.Pack(embeddings, rows);
}

SoftmaxLoss::~SoftmaxLoss() = default;

size_t SoftmaxLoss::num_parameters() const { return size_t(state_->num_labels) * (state_->dimensions + 1); }

double SoftmaxLoss::Evaluate(std::span<const double> parameters, std::span<double> gradient) {
  State& s = *state_;
  BANTAM_CHECK(parameters.size() == num_parameters() && gradient.size() == num_parameters());
  const size_t d = s.dimensions, row = d + 1;
  for (int k = 0; k < s.num_labels; ++k) {
    for (size_t i = 0; i < d; ++i) s.weights[k * d + i] = static_cast<float>(parameters[k * row + i]);
    s.bias[k] = static_cast<float>(parameters[k * row + d]);
  }
  s.pool->Run(static_cast<int>(s.lanes.size()), [&](int lane, int) { s.RunLane(lane); });

  const double scale = 1.0 / s.num_rows;
  std::vector<double> penalty(s.num_labels);
  s.pool->Run(s.num_labels, [&](int k, int) {
    double squares = 0;
    for (size_t i = 0; i < d; ++i) {
      double sum = 0;
      for (const State::Lane& lane : s.lanes) sum += lane.gradient[size_t(k) * s.padded_dimensions + i];
      const double w = parameters[k * row + i];
      squares += w * w;
      gradient[k * row + i] = sum * scale + s.penalty * w;
    }
    double sum = 0;
    for (const State::Lane& lane : s.lanes) sum += lane.bias[k];
    gradient[k * row + d] = sum * scale;
    penalty[k] = 0.5 * s.penalty * squares;
  });
  double value = 0;
  for (const State::Lane& lane : s.lanes) value += lane.loss;
  value *= scale;
  for (double p : penalty) value += p;
  return value;
}

SoftmaxFit FitSoftmax(const EmbeddingMatrix& embeddings, std::span<const int> rows, std::span<const int> labels,
                      int num_labels, const SoftmaxOptions& options, const Kernels& kernels, ThreadPool& pool) {
  SoftmaxLoss loss(embeddings, rows, labels, num_labels, options.inverse_regularization, kernels, pool);
  const size_t d = embeddings.columns, row = d + 1;
  std::vector<double> parameters(loss.num_parameters());
  if (options.start != nullptr) {
    BANTAM_CHECK(options.start->num_labels == num_labels && static_cast<size_t>(options.start->dimensions) == d);
    for (int k = 0; k < num_labels; ++k) {
      for (size_t i = 0; i < d; ++i) parameters[k * row + i] = options.start->weights[k * d + i];
      parameters[k * row + d] = options.start->bias[k];
    }
  }
  const LbfgsResult minimum = MinimizeLbfgs(
      [&](std::span<const double> x, std::span<double> gradient) { return loss.Evaluate(x, gradient); }, parameters,
      {.max_iterations = options.max_iterations,
       .tolerance = options.tolerance,
       .value_noise = 1e-7,  // sums of products in single precision
       .progress = options.progress});

  SoftmaxFit fit;
  fit.loss = minimum.value;
  fit.iterations = minimum.iterations;
  fit.evaluations = minimum.evaluations;
  fit.converged = minimum.converged;
  fit.model.num_labels = num_labels;
  fit.model.dimensions = static_cast<int>(d);
  fit.model.weights.resize(num_labels * d);
  fit.model.bias.resize(num_labels);
  for (int k = 0; k < num_labels; ++k) {
    for (size_t i = 0; i < d; ++i) fit.model.weights[k * d + i] = static_cast<float>(parameters[k * row + i]);
    fit.model.bias[k] = static_cast<float>(parameters[k * row + d]);
  }
  return fit;
}

void Logits(const SoftmaxModel& model, std::span<const float> x, std::span<float> logits) {
  BANTAM_DCHECK(x.size() == size_t(model.dimensions) && logits.size() == size_t(model.num_labels));
  for (int k = 0; k < model.num_labels; ++k) {
    logits[k] = model.bias[k] + DotF(x, {model.weights.data() + size_t(k) * model.dimensions, x.size()});
  }
}

}  // namespace bantam
