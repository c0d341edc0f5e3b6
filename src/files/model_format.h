// How a model's weights are written down, in the words of those who look for one: "gguf" and "Q4_K_M".
#pragma once

#include <string>

#include "files/model_folder.h"

namespace bantam {

struct ModelFormat {
  std::string format;        // "gguf", "safetensors"
  std::string quantization;  // "Q4_K_M", "F32", "BF16": what the file says, else the type of most of its bytes
};

ModelFormat FormatOf(const ModelFolder& model);

// Elements of every float tensor, and of the integers that have a scale beside them, two to a byte of int4: indices and
// masks that some files carry are no parameters, nor are the scales.
uint64_t CountParameters(const ModelFolder& model);

}  // namespace bantam
