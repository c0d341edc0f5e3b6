// People pass all sorts of files as a model. What a file is, when it is not safetensors, in a sentence that says what
// to do.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace bantam {

// From the first bytes; nothing when they are not one of the known kinds.
std::optional<std::string_view> ForeignFormat(std::span<const std::byte> bytes);
// From the file's name (".bin", ".onnx", ...), for folders that hold only such weights.
std::optional<std::string_view> ForeignFileName(std::string_view name);

}  // namespace bantam
