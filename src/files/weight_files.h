// The safetensors files of one model folder behind the WeightSource interface: model.safetensors, or the shards that
// model.safetensors.index.json names.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "files/model_folder.h"

namespace bantam {

struct WeightFiles {
  std::shared_ptr<WeightSource> source;
  std::vector<Path> paths;  // the safetensors files, in name order
};

// kNotFound with a sentence about what lies there instead (pickle, ONNX, nothing).
Result<WeightFiles> OpenWeightFiles(const Path& folder);

// weight_map of an index file: tensor name -> file name. Checked for form and limits; the file names are not resolved.
// `name` begins errors and must be safe to print.
Result<std::map<std::string, std::string>> ParseSafetensorsIndex(std::string_view text, std::string_view name);

// `relative` was written by somebody else into a file of `folder`. The result is a regular file inside `folder`: no
// absolute path, no "..", no sub-folder, no symbolic link that leaves it, no device. The error says which, without
// naming the file that mentioned it.
Result<Path> ResolveInside(const Path& folder, std::string_view relative);

}  // namespace bantam
