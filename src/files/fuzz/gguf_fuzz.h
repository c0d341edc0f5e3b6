#pragma once

#include <cstddef>
#include <cstdint>

namespace bantam {

// Parses the bytes as a GGUF file and, when they are one, does what loaders do with it. 0 when they are.
int RunGgufFuzz(const uint8_t* data, size_t size);

}  // namespace bantam
