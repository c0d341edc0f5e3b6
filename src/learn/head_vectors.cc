#include "learn/head_vectors.h"

#include <algorithm>
#include <cmath>

#include "learn/vector_math.h"

namespace bantam {
namespace {

// Of the middle layer's vector beside the last one's, of length one. From 0.5 to 1 the accuracy on CLINC150 is the same
// within 0.1 points, and at 1 the out-of-scope score is worse by 0.001 of AUROC.
constexpr float kMiddleLength = 0.7f;

EmbeddingMatrix SideBySide(const EmbeddingMatrix& middle, const EmbeddingMatrix& last) {
  EmbeddingMatrix both{last.rows, middle.columns + last.columns, {}};
  both.values.reserve(both.rows * both.columns);
  for (size_t i = 0; i < last.rows; ++i) {
    for (const EmbeddingMatrix* part : {&middle, &last})
      both.values.insert(both.values.end(), part->row(i).begin(), part->row(i).end());
  }
  return both;
}

}  // namespace

Result<HeadVectors> EmbedForHead(Embedder& embedder, std::span<const std::string> texts, std::span<const int> layers,
                                 const std::function<void(size_t done)>& progress) {
  HeadVectors result;
  const int middle = embedder.middle_layer();
  if (middle == 0 && layers.empty()) {
    BANTAM_TRY(result.vectors, embedder.EmbedAll(texts, progress));
    return result;
  }
  std::vector<int> all(layers.begin(), layers.end());
  if (middle > 0 && !std::ranges::binary_search(layers, middle))
    all.insert(std::ranges::lower_bound(all, middle), middle);
  all.push_back(embedder.encoder().num_layers());
  BANTAM_TRY(std::vector<EmbeddingMatrix> matrices, embedder.EmbedLayers(texts, all, progress));
  result.vectors = std::move(matrices.back());
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    if (all[i] == middle) result.vectors = SideBySide(matrices[i], result.vectors);
    if (std::ranges::binary_search(layers, all[i])) result.layers.push_back({all[i], std::move(matrices[i])});
  }
  return result;
}

void HeadInput::Prepare(std::span<const float> raw, std::span<float> out) const {
  std::ranges::copy(raw, out.begin());
  const size_t width = middle.mean.size();
  if (width == 0) return;
  Standardize(middle, raw.first(width), out.first(width));
  for (float& v : out.first(width)) v *= kMiddleLength;
  const std::span<float> last = out.subspan(width);
  const float length = 1 / std::max(std::sqrt(DotF(last, last)), 1e-30f);
  for (float& v : last) v *= length;
}

}  // namespace bantam
