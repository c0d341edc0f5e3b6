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

constexpr std::string_view kFormat = "bantam-examples-1";
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

// Nothing when the file is of other examples or another encoder, or damaged: it is made anew then.
std::optional<EmbeddingMatrix> ReadVectors(const Path& path, std::map<std::string, std::string> expected, size_t rows,
                                           size_t columns) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  const auto file = SafetensorsFile::Open(path);
  if (!file) {
    Log(LogLevel::kWarning, "{}; the examples are embedded again", file.error().message);
    return std::nullopt;
  }
  const TensorView* tensor = (*file)->Find("embeddings");
  const Shape shape = {static_cast<int64_t>(rows), static_cast<int64_t>(columns)};
  if (tensor == nullptr || tensor->dtype != DType::kF32 || tensor->shape != shape) return std::nullopt;
  EmbeddingMatrix matrix{rows, columns, std::vector<float>(rows * columns)};
  std::memcpy(matrix.values.data(), tensor->bytes.data(), matrix.values.size() * sizeof(float));
  expected["values_sha256"] = Sha256Hex(BytesOf(matrix.values));
  if ((*file)->metadata() != expected) return std::nullopt;
  return matrix;
}

}  // namespace

Result<EmbeddingMatrix> EmbedExamples(std::span<const LabelledText> examples, Embedder& embedder, const Path& file,
                                      bool may_write, const std::function<void(double fraction)>& progress) {
  std::map<std::string, std::string> metadata = MetadataFor(examples, IdentityOf(embedder));
  if (!file.empty()) {
    if (auto vectors = ReadVectors(file, metadata, examples.size(), static_cast<size_t>(embedder.dimensions())))
      return *std::move(vectors);
  }
  std::vector<std::string> texts;
  for (const LabelledText& example : examples) texts.push_back(example.text);
  BANTAM_TRY(EmbeddingMatrix matrix, embedder.EmbedAll(texts, [&](size_t done) {
    if (progress) progress(static_cast<double>(done) / static_cast<double>(std::max<size_t>(1, texts.size())));
  }));
  if (!file.empty() && may_write) {
    metadata["values_sha256"] = Sha256Hex(BytesOf(matrix.values));
    const TensorView view{DType::kF32,
                          {static_cast<int64_t>(matrix.rows), static_cast<int64_t>(matrix.columns)},
                          std::as_bytes(std::span(matrix.values))};
    if (const Status written = WriteFileAtomic(file, SerializeSafetensors({{"embeddings", view}}, metadata));
        !written) {
      Log(LogLevel::kWarning, "the vectors of the examples are not kept: {}", written.error().message);
    }
  }
  return matrix;
}

ExampleIndex::ExampleIndex(std::vector<LabelledText> examples, EmbeddingMatrix embeddings)
    : examples_(std::move(examples)), vectors_(std::move(embeddings)) {
  BANTAM_CHECK(examples_.size() == vectors_.rows);
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

}  // namespace bantam
