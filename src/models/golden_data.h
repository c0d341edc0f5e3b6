// For tests: reference.safetensors of a golden folder.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

#include "files/safetensors.h"
#include "models/encoder.h"

namespace bantam::testing {

struct GoldenReference {
  std::vector<int32_t> token_ids, cu_seqlens, token_type_ids;
  std::vector<float> hidden, embeddings;  // one of them
  EncoderBatch batch() const { return {token_ids, cu_seqlens, token_type_ids}; }
};

template <typename T>
std::vector<T> TensorValues(const SafetensorsFile& file, std::string_view name) {
  const TensorView* view = file.Find(name);
  if (view == nullptr) return {};
  std::vector<T> values(view->bytes.size() / sizeof(T));
  std::memcpy(values.data(), view->bytes.data(), view->bytes.size());
  return values;
}

inline Result<GoldenReference> ReadGoldenReference(const Path& path) {
  BANTAM_TRY(const auto file, SafetensorsFile::Open(path));
  return GoldenReference{TensorValues<int32_t>(*file, "token_ids"), TensorValues<int32_t>(*file, "cu_seqlens"),
                         TensorValues<int32_t>(*file, "token_type_ids"), TensorValues<float>(*file, "hidden"),
                         TensorValues<float>(*file, "embeddings")};
}

// The golden folders whose reference has such a tensor: a new one needs no new code.
inline std::vector<std::string> GoldenFoldersWith(std::string_view tensor) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("src/models/golden")) {
    const auto file = SafetensorsFile::Open(entry.path() / "reference.safetensors");
    if (file && (*file)->Find(tensor) != nullptr) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

inline double Cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

inline double MaxAbsDifference(std::span<const float> a, std::span<const float> b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(difference <= largest)) largest = difference;  // a NaN sticks
  }
  return largest;
}

}  // namespace bantam::testing
