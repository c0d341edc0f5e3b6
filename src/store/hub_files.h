// Which files of a hub's repository make the model: one GGUF model, or the allow-listed files of a folder of
// safetensors. Pickles and code are never among them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bantam {

struct FileChoice {
  std::vector<std::string> paths;  // of the repository
  bool gguf = false;
  std::string label;  // the quantization or the file that was picked: "Q4_K_M"; empty for safetensors
};

// `variant`: "" for the best that there is, a quantization ("Q4_K_M", any case), a file's name, or "safetensors".
// `repository` begins messages. kNotFound lists what there is; kUnsupported for repositories of pickles only.
Result<FileChoice> ChooseFiles(const std::vector<std::string>& paths, std::string_view variant,
                               std::string_view repository);

// "Q4_K_M" of "model-Q4_K_M.gguf", of "model.q4_k_m-00001-of-00003.gguf" and of "UD-Q4_K_M/model.gguf" ("UD-Q4_K_M");
// empty when nothing in the name says.
std::string QuantOfName(std::string_view path);

}  // namespace bantam
