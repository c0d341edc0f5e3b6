// The types of tensors in GGUF files, by their numbers there.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tensor/tensor.h"

namespace bantam {

struct GgufTensorType {
  uint32_t id;
  std::string_view name;
  std::optional<DType> dtype;  // nothing: known by name, not read here
};
std::span<const GgufTensorType> GgufTensorTypes();

// Nothing for a type that such a file cannot have.
std::optional<uint32_t> GgufTypeId(DType dtype);

}  // namespace bantam
