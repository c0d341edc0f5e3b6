#include "files/model_format.h"

#include <algorithm>
#include <array>
#include <map>

#include "files/gguf.h"

namespace bantam {
namespace {

// llama.cpp's list of file types (include/llama.h); numbers that are missing were given up there.
struct FileType {
  int64_t number;
  std::string_view name;
};
constexpr std::array kFileTypes = {
    FileType{0, "F32"},      FileType{1, "F16"},     FileType{2, "Q4_0"},    FileType{3, "Q4_1"},
    FileType{7, "Q8_0"},     FileType{8, "Q5_0"},    FileType{9, "Q5_1"},    FileType{10, "Q2_K"},
    FileType{11, "Q3_K_S"},  FileType{12, "Q3_K_M"}, FileType{13, "Q3_K_L"}, FileType{14, "Q4_K_S"},
    FileType{15, "Q4_K_M"},  FileType{16, "Q5_K_S"}, FileType{17, "Q5_K_M"}, FileType{18, "Q6_K"},
    FileType{19, "IQ2_XXS"}, FileType{20, "IQ2_XS"}, FileType{21, "Q2_K_S"}, FileType{22, "IQ3_XS"},
    FileType{23, "IQ3_XXS"}, FileType{24, "IQ1_S"},  FileType{25, "IQ4_NL"}, FileType{26, "IQ3_S"},
    FileType{27, "IQ3_M"},   FileType{28, "IQ2_S"},  FileType{29, "IQ2_M"},  FileType{30, "IQ4_XS"},
    FileType{31, "IQ1_M"},   FileType{32, "BF16"},
};

// Of a GGUF file the tensors as they lie there: behind their original names some are turned when looked at.
std::string MostBytes(const ModelFolder& model) {
  std::map<std::string_view, uint64_t> bytes;
  if (model.gguf != nullptr) {
    for (const GgufTensor& tensor : model.gguf->tensors())
      bytes[DTypeName(tensor.view.dtype)] += tensor.view.bytes.size();
  } else if (model.weights != nullptr) {
    for (const std::string& name : model.weights->Names()) {
      const TensorView* view = model.weights->Describe(name);
      bytes[DTypeName(view->dtype)] += view->bytes.size();
    }
  }
  const auto most = std::ranges::max_element(bytes, {}, [](const auto& entry) { return entry.second; });
  return most == bytes.end() ? std::string() : std::string(most->first);
}

}  // namespace

ModelFormat FormatOf(const ModelFolder& model) {
  ModelFormat format{.format = model.gguf != nullptr ? "gguf" : "safetensors", .quantization = {}};
  if (model.gguf != nullptr && model.gguf->metadata().Has("general.file_type")) {
    const auto number = model.gguf->metadata().Int("general.file_type", 0, 1 << 20);
    const auto found = std::ranges::find(kFileTypes, number ? *number : -1, &FileType::number);
    if (found != kFileTypes.end()) format.quantization = found->name;
  }
  if (format.quantization.empty()) format.quantization = MostBytes(model);
  return format;
}

uint64_t CountParameters(const ModelFolder& model) {
  constexpr std::string_view kScale = "_scale";
  uint64_t count = 0;
  if (model.gguf != nullptr) {
    for (const GgufTensor& tensor : model.gguf->tensors()) {
      if (IsReal(tensor.view.dtype)) count += static_cast<uint64_t>(NumElements(tensor.view.shape));
    }
    return count;
  }
  const WeightSource& weights = *model.weights;
  for (const std::string& name : weights.Names()) {
    const TensorView* view = weights.Describe(name);
    const auto elements = static_cast<uint64_t>(NumElements(view->shape));
    if (IsReal(view->dtype)) {
      const TensorView* scaled =
          name.ends_with(kScale) ? weights.Describe(name.substr(0, name.size() - kScale.size())) : nullptr;
      const bool is_scale = scaled != nullptr && (scaled->dtype == DType::kI8 || scaled->dtype == DType::kU8);
      if (!is_scale) count += elements;
    } else if (weights.Has(name + std::string(kScale))) {
      count += view->dtype == DType::kU8 ? 2 * elements : elements;
    }
  }
  return count;
}

}  // namespace bantam
