#include "files/gguf_head.h"

#include <fmt/format.h>

#include "base/text_util.h"
#include "files/gguf_names.h"

namespace bantam {
namespace {

constexpr std::string_view kDense = "cls.weight", kOutput = "cls.output.weight";
constexpr std::string_view kLabels = "classifier.output_labels";
constexpr size_t kMostLabels = 100'000;  // as many rows as the head of any model may have

}  // namespace

bool HasGgufHead(const GgufFile& file, const GgufArchitecture& architecture) {
  return !architecture.head_class.empty() && (file.Find(kDense) != nullptr || file.Find(kOutput) != nullptr);
}

Status ReadGgufHead(const GgufMetadata& keys, const GgufArchitecture& architecture, json::object& config) {
  config["architectures"] = json::array{architecture.head_class};
  if (!keys.Has(kLabels)) return Ok();
  BANTAM_TRY(const std::vector<std::string_view> labels, keys.Strings(kLabels));
  if (labels.size() > kMostLabels) {
    return keys.Wrong(kLabels, fmt::format("has {} labels, at most {} are read", labels.size(), kMostLabels));
  }
  json::object names;
  for (size_t i = 0; i < labels.size(); ++i) {
    if (FirstInvalidUtf8(labels[i])) {
      return keys.Wrong(kLabels, fmt::format("element {} is not well-formed UTF-8", i));
    }
    names[std::to_string(i)] = labels[i];
  }
  config["id2label"] = std::move(names);
  return Ok();
}

Status CheckGgufHead(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  const GgufTensor *dense = file.Find(kDense), *output = file.Find(kOutput);
  if (output == nullptr) {
    return Err(ErrorCode::kCorrupt, "{}: tensor '{}' is missing: '{}' {} alone is a head that gives no labels",
               metadata.file(), kOutput, kDense, dense == nullptr ? "" : ShapeString(dense->view.shape));
  }
  // Not computed without it: the order would often be right, and no score would be.
  if (dense == nullptr) {
    return Err(ErrorCode::kUnsupported,
               "{}: tensor '{}' is missing: '{}' reads what that layer makes of the first token. llama.cpp's converter "
               "leaves a BERT's pooler out, so its scores cannot be the model's: use the original folder, or write "
               "bert.pooler.dense into the file as 'cls'",
               metadata.file(), kDense, kOutput);
  }
  BANTAM_TRY(const std::string_view architecture, metadata.String("general.architecture"));
  const GgufMetadata keys = metadata.Below(std::string(architecture) + ".");
  if (!keys.Has(kLabels)) return Ok();
  const Shape& shape = output->view.shape;
  const int64_t rows = shape.size() == 1 ? 1 : shape.front();
  if (const uint64_t labels = keys.Find(kLabels)->count; labels != static_cast<uint64_t>(rows)) {
    return keys.Wrong(kLabels,
                      fmt::format("names {} labels, tensor '{}' {} has {}", labels, kOutput, ShapeString(shape), rows));
  }
  return Ok();
}

}  // namespace bantam
