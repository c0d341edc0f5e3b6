#include "layers/pooling.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace bantam {
namespace {

void SumRows(std::span<const float> hidden, int hidden_size, std::span<float> out) {
  std::fill(out.begin(), out.end(), 0.0f);
  for (size_t row = 0; row < hidden.size(); row += hidden_size) {
    for (int i = 0; i < hidden_size; ++i) out[i] += hidden[row + i];
  }
}

// Token i of the sequence weighs i + 1 (SGPT, arXiv 2202.08904). hidden: the rows from token `first` on.
void WeightedMean(std::span<const float> hidden, int hidden_size, size_t first, std::span<float> out) {
  std::fill(out.begin(), out.end(), 0.0f);
  float sum = 0, weight = static_cast<float>(first);
  for (size_t row = 0; row < hidden.size(); row += hidden_size) {
    sum += ++weight;
    for (int i = 0; i < hidden_size; ++i) out[i] += weight * hidden[row + i];
  }
  for (float& x : out) x /= sum;
}

}  // namespace

void NormalizeL2(std::span<float> x) {
  // In double: in f32 the rounding of a long sum would show in the last digits of every coordinate.
  double squares = 0;
  for (float value : x) squares += static_cast<double>(value) * value;
  // The floor that PyTorch's normalize has.
  const double inverse = 1.0 / std::max(std::sqrt(squares), 1e-12);
  for (float& value : x) value = static_cast<float>(value * inverse);
}

void Pool(std::span<const float> hidden, int hidden_size, PoolingMode mode, bool normalize, std::span<float> out) {
  BANTAM_CHECK(!hidden.empty() && hidden.size() % hidden_size == 0 && out.size() == static_cast<size_t>(hidden_size));
  const auto num_tokens = static_cast<float>(hidden.size() / hidden_size);
  switch (mode) {
    case PoolingMode::kMean:
      SumRows(hidden, hidden_size, out);
      for (float& x : out) x /= num_tokens;
      break;
    case PoolingMode::kMeanSqrtLen:
      SumRows(hidden, hidden_size, out);
      for (float& x : out) x /= std::sqrt(num_tokens);
      break;
    case PoolingMode::kCls:
      std::copy_n(hidden.begin(), hidden_size, out.begin());
      break;
    case PoolingMode::kLastToken:
      std::copy_n(hidden.end() - hidden_size, hidden_size, out.begin());
      break;
    case PoolingMode::kWeightedMean:
      WeightedMean(hidden, hidden_size, 0, out);
      break;
    case PoolingMode::kMax:
      std::copy_n(hidden.begin(), hidden_size, out.begin());
      for (size_t row = hidden_size; row < hidden.size(); row += hidden_size) {
        for (int i = 0; i < hidden_size; ++i) out[i] = std::max(out[i], hidden[row + i]);
      }
      break;
  }
  if (normalize) NormalizeL2(out);
}

void PoolFrom(size_t first, std::span<const float> hidden, int hidden_size, PoolingMode mode, std::span<float> out) {
  const size_t skipped = first * static_cast<size_t>(hidden_size);
  if (skipped >= hidden.size()) {
    std::fill(out.begin(), out.end(), 0.0f);
  } else if (mode == PoolingMode::kWeightedMean) {
    WeightedMean(hidden.subspan(skipped), hidden_size, first, out);
  } else {
    Pool(hidden.subspan(skipped), hidden_size, mode, false, out);
  }
}

}  // namespace bantam
