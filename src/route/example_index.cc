#include "route/example_index.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/log.h"
#include "base/sha256.h"
#include "files/safetensors.h"

namespace bantam {
namespace {

constexpr std::string_view kFormat = "bantam-examples-2";
constexpr size_t kMostNearest = 5, kMostRoutes = 3;

// Eight sums side by side, so that the compiler may use vector registers without reordering anything.
float Dot(const float* a, const float* b, size_t n) {
  float sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (size_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
  }
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

std::string TextsSha256(std::span<const LabelledText> examples) {
  Sha256 hash;
  for (const LabelledText& example : examples)
    hash.Update(fmt::format("{} ", example.text.size())).Update(example.text);
  return HexOf(hash.Finish());
}

std::string_view BytesOf(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::map<std::string, std::string> MetadataFor(std::span<const LabelledText> examples, const EncoderIdentity& encoder) {
  return {{"format", std::string(kFormat)},
          {"texts_sha256", TextsSha256(examples)},
          {"encoder", encoder.model},
          {"weights_sha256", encoder.weights_sha256},
          {"weight_type", encoder.weight_type}};
}

TensorView ViewOf(const EmbeddingMatrix& matrix) {
  return {DType::kF32,
          {static_cast<int64_t>(matrix.rows), static_cast<int64_t>(matrix.columns)},
          std::as_bytes(std::span(matrix.values))};
}

void AddHashes(const HeadVectors& vectors, std::map<std::string, std::string>& metadata) {
  metadata["values_sha256"] = Sha256Hex(BytesOf(vectors.vectors.values));
  for (const LayerVectors& layer : vectors.layers) {
    metadata[fmt::format("layer.{}_sha256", layer.layer)] = Sha256Hex(BytesOf(layer.vectors.values));
  }
}

std::string TensorName(int layer) { return fmt::format("layer.{}", layer); }

// Nothing when the file is of other examples or another encoder, damaged, or without a wanted layer: it is made anew
// then.
std::optional<HeadVectors> ReadVectors(const Path& path, std::map<std::string, std::string> expected, size_t rows,
                                       const Embedder& embedder, std::span<const int> layers) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  const auto file = SafetensorsFile::Open(path);
  if (!file) {
    Log(LogLevel::kWarning, "{}; the examples are embedded again", file.error().message);
    return std::nullopt;
  }
  const auto width = static_cast<size_t>(embedder.dimensions());
  const auto read = [&](const std::string& name, size_t columns) -> std::optional<EmbeddingMatrix> {
    const TensorView* tensor = (*file)->Find(name);
    const Shape shape = {static_cast<int64_t>(rows), static_cast<int64_t>(columns)};
    if (tensor == nullptr || tensor->dtype != DType::kF32 || tensor->shape != shape) return std::nullopt;
    EmbeddingMatrix matrix{rows, columns, std::vector<float>(rows * columns)};
    std::memcpy(matrix.values.data(), tensor->bytes.data(), matrix.values.size() * sizeof(float));
    return matrix;
  };
  HeadVectors vectors;
  auto embeddings = read("embeddings", embedder.middle_layer() > 0 ? 2 * width : width);
  if (!embeddings) return std::nullopt;
  vectors.vectors = *std::move(embeddings);
  for (const int layer : layers) {
    auto matrix = read(TensorName(layer), width);
    if (!matrix) return std::nullopt;
    vectors.layers.push_back({layer, *std::move(matrix)});
  }
  // More layers than asked for may lie there.
  AddHashes(vectors, expected);
  for (const auto& [key, value] : expected) {
    const auto found = (*file)->metadata().find(key);
    if (found == (*file)->metadata().end() || found->second != value) return std::nullopt;
  }
  return vectors;
}

Result<HeadVectors> Embed(std::span<const LabelledText> examples, Embedder& embedder, std::span<const int> layers,
                          const std::function<void(double fraction)>& progress) {
  std::vector<std::string> texts;
  for (const LabelledText& example : examples) texts.push_back(example.text);
  const auto report = [&](size_t done) {
    if (progress) progress(static_cast<double>(done) / static_cast<double>(std::max<size_t>(1, texts.size())));
  };
  return EmbedForHead(embedder, texts, layers, report);
}

}  // namespace

Result<HeadVectors> EmbedExamples(std::span<const LabelledText> examples, Embedder& embedder,
                                  std::span<const int> layers, const Path& file, bool may_write,
                                  const std::function<void(double fraction)>& progress) {
  std::map<std::string, std::string> metadata = MetadataFor(examples, IdentityOf(embedder));
  if (!file.empty()) {
    if (auto vectors = ReadVectors(file, metadata, examples.size(), embedder, layers)) return *std::move(vectors);
  }
  BANTAM_TRY(HeadVectors vectors, Embed(examples, embedder, layers, progress));
  if (!file.empty() && may_write) {
    AddHashes(vectors, metadata);
    std::map<std::string, TensorView> tensors = {{"embeddings", ViewOf(vectors.vectors)}};
    for (const LayerVectors& layer : vectors.layers) tensors[TensorName(layer.layer)] = ViewOf(layer.vectors);
    if (const Status written = WriteFileAtomic(file, SerializeSafetensors(tensors, metadata)); !written) {
      Log(LogLevel::kWarning, "the vectors of the examples are not kept: {}", written.error().message);
    }
  }
  return vectors;
}

ExampleIndex::ExampleIndex(std::vector<LabelledText> examples, const EmbeddingMatrix& embeddings, size_t dimensions)
    : vectors_{0, dimensions, {}} {
  BANTAM_CHECK(examples.size() == embeddings.rows);
  for (size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].hint) continue;  // nobody said that
    const std::span<const float> last = embeddings.row(i).last(dimensions);
    vectors_.values.insert(vectors_.values.end(), last.begin(), last.end());
    ++vectors_.rows;
    examples_.push_back(std::move(examples[i]));
  }
  for (size_t i = 0; i < vectors_.rows; ++i) {
    float* row = vectors_.values.data() + i * vectors_.columns;
    const float length = std::sqrt(Dot(row, row, vectors_.columns));
    if (length > 0) {
      for (size_t j = 0; j < vectors_.columns; ++j) row[j] /= length;
    }
  }
}

void ExampleIndex::FindNearest(std::span<const float> embedding, Understanding& understanding) const {
  BANTAM_CHECK(embedding.size() == vectors_.columns || examples_.empty());
  const float length = std::sqrt(Dot(embedding.data(), embedding.data(), embedding.size()));
  std::vector<float> similarity(examples_.size());
  std::vector<uint32_t> order;
  for (size_t i = 0; i < examples_.size(); ++i) {
    const float cosine = length > 0 ? Dot(embedding.data(), vectors_.row(i).data(), embedding.size()) / length : 0;
    similarity[i] = std::clamp(cosine, -1.0f, 1.0f);
    if (examples_[i].label == kOutOfScopeLabel) {
      understanding.nearest_out_of_scope = std::max(understanding.nearest_out_of_scope, similarity[i]);
    } else {
      order.push_back(static_cast<uint32_t>(i));
    }
  }
  // Enough of the best to see three routes in nearly every case; the rest is sorted only when it is needed.
  const auto better = [&](uint32_t a, uint32_t b) {
    return similarity[a] != similarity[b] ? similarity[a] > similarity[b] : a < b;
  };
  const auto add_route = [&](const std::string& route) {
    auto& routes = understanding.nearest_routes;
    if (routes.size() < kMostRoutes && std::find(routes.begin(), routes.end(), route) == routes.end())
      routes.push_back(route);
  };
  for (size_t sorted = 0, take = 64; sorted < order.size() && understanding.nearest_routes.size() < kMostRoutes;
       take *= 8) {
    const size_t end = std::min(order.size(), sorted + take);
    std::partial_sort(order.begin() + static_cast<ptrdiff_t>(sorted), order.begin() + static_cast<ptrdiff_t>(end),
                      order.end(), better);
    for (; sorted < end; ++sorted) {
      const LabelledText& example = examples_[order[sorted]];
      if (understanding.nearest.size() < kMostNearest) {
        understanding.nearest.push_back({example.text, example.label, similarity[order[sorted]]});
      }
      add_route(example.label);
    }
  }
}

void ExampleIndex::FindNearestOfRoute(std::span<const float> embedding, Understanding& understanding) const {
  BANTAM_CHECK(embedding.size() == vectors_.columns || examples_.empty());
  const float length = std::sqrt(Dot(embedding.data(), embedding.data(), embedding.size()));
  for (size_t i = 0; i < examples_.size(); ++i) {
    if (examples_[i].label != understanding.route) continue;
    const float cosine = length > 0 ? Dot(embedding.data(), vectors_.row(i).data(), embedding.size()) / length : 0;
    understanding.nearest.push_back({examples_[i].text, examples_[i].label, std::clamp(cosine, -1.0f, 1.0f)});
  }
  std::stable_sort(understanding.nearest.begin(), understanding.nearest.end(),
                   [](const NearestExample& a, const NearestExample& b) { return a.similarity > b.similarity; });
  if (understanding.nearest.size() > kMostNearest) understanding.nearest.resize(kMostNearest);
  if (!understanding.nearest.empty()) understanding.nearest_routes = {understanding.route};
}

}  // namespace bantam
