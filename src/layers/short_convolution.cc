#include "layers/short_convolution.h"

#include <algorithm>

namespace bantam {
namespace {

// Floats that a layer holds of a token.
int TokenFloats(const KvCacheShape& shape) { return 2 * shape.num_kv_heads * shape.head_dim; }

}  // namespace

int ShortConvolution::CacheLayers(const KvCacheShape& shape) const {
  const int each = TokenFloats(shape);
  return (channels + each - 1) / each;
}

void StoreConvolutionInputs(const Kernels& kernels, const ShortConvolution& convolution, const KvCacheView& cache,
                            int layer, const int32_t* block_table, int position, const float* x,
                            ConvolutionScratch& scratch) {
  const int each = TokenFloats(cache.shape);
  for (int begin = 0; begin < convolution.channels; begin += each, ++layer) {
    const float* part = x + begin;
    if (const int there = convolution.channels - begin; there < each) {
      scratch.assign(static_cast<size_t>(each), 0.0f);
      std::copy_n(part, there, scratch.begin());
      part = scratch.data();
    }
    StoreKeyValue(kernels, cache, layer, block_table, position, part, part + each / 2);
  }
}

void ApplyShortConvolution(const ShortConvolution& convolution, const KvCacheView& cache, int layer,
                           std::span<const int32_t* const> block_tables, std::span<const int32_t> positions,
                           const Activations& out, ConvolutionScratch& scratch) {
  const int channels = convolution.channels, width = convolution.width, each = TokenFloats(cache.shape);
  const int num_layers = convolution.CacheLayers(cache.shape);
  const auto stride = static_cast<size_t>(num_layers * each);
  scratch.resize(stride * static_cast<size_t>(width));
  // The inputs of the last tokens, that of position p in row p % width.
  const auto inputs = [&](int position) { return scratch.data() + static_cast<size_t>(position % width) * stride; };
  for (size_t row = 0; row < positions.size(); ++row) {
    const int position = positions[row], first = std::max(0, position - width + 1);
    const bool goes_on = row > 0 && block_tables[row] == block_tables[row - 1] && position == positions[row - 1] + 1;
    // What was rounded on its way into the cache is read back even in the step that wrote it: a token's bits do not
    // depend on where a prompt was cut.
    for (int read = goes_on ? position : first; read <= position; ++read) {
      float* to = inputs(read);
      for (int part = 0; part < num_layers; ++part, to += each) {
        LoadKeyValue(cache, layer + part, block_tables[row], read, to, to + each / 2);
      }
    }
    float* y = out.values + static_cast<ptrdiff_t>(row) * out.stride;
    if (convolution.bias != nullptr) {
      std::copy_n(convolution.bias, channels, y);
    } else {
      std::fill_n(y, channels, 0.0f);
    }
    for (int seen = first; seen <= position; ++seen) {
      const float* x = inputs(seen);
      const float* weights = convolution.weights + static_cast<ptrdiff_t>(width - 1 - (position - seen)) * channels;
      for (int i = 0; i < channels; ++i) y[i] += weights[i] * x[i];
    }
  }
}

}  // namespace bantam
