#include "engine/pooling.h"

#include <algorithm>
#include <cmath>

namespace bantam {
namespace {

// Sums rows in order, so that the bits depend on this sequence alone.
void SumRows(std::span<const float> hidden, std::span<float> out) {
  std::copy_n(hidden.begin(), out.size(), out.begin());
  for (size_t row = out.size(); row < hidden.size(); row += out.size()) {
    const float* __restrict x = hidden.data() + row;
    float* __restrict sum = out.data();
    for (size_t i = 0; i < out.size(); ++i) sum[i] += x[i];
  }
}

}  // namespace

Status Pool(std::span<const float> hidden, PoolingMode pooling, bool normalize, std::span<float> out) {
  const size_t num_tokens = hidden.size() / out.size();
  BANTAM_CHECK(num_tokens > 0 && hidden.size() == num_tokens * out.size(), "{} values for {} columns", hidden.size(), out.size());
  switch (pooling) {
    case PoolingMode::kMean:
    case PoolingMode::kMeanSqrtLen: {
      SumRows(hidden, out);
      const auto count = static_cast<float>(num_tokens);
      const float divisor = pooling == PoolingMode::kMean ? count : std::sqrt(count);
      for (float& x : out) x /= divisor;
      break;
    }
    case PoolingMode::kCls: std::copy_n(hidden.begin(), out.size(), out.begin()); break;
    case PoolingMode::kLastToken: std::copy_n(hidden.end() - static_cast<ptrdiff_t>(out.size()), out.size(), out.begin()); break;
    case PoolingMode::kMax:
      std::copy_n(hidden.begin(), out.size(), out.begin());
      for (size_t i = out.size(); i < hidden.size(); ++i) out[i % out.size()] = std::max(out[i % out.size()], hidden[i]);
      break;
  }
  double square = 0;
  for (const float x : out) square += static_cast<double>(x) * x;
  if (!std::isfinite(square)) {
    return Err(ErrorCode::kCorrupt, "the model's numbers are not finite: its weights are damaged");
  }
  if (normalize) {
    const auto norm = static_cast<float>(std::max(std::sqrt(square), 1e-12));
    for (float& x : out) x /= norm;
  }
  return Ok();
}

}  // namespace bantam
