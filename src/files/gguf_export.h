// A Hugging Face folder of a decoder as a GGUF file has it: the inverse of gguf_model.h, with the same table of names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "files/gguf_writer.h"
#include "files/model_folder.h"

namespace bantam {

struct ExportedTensor {
  std::string name;                                     // in the GGUF file
  std::string original;                                 // in the folder
  TensorView view;                                      // rows in the file's order
  std::shared_ptr<const std::vector<std::byte>> owned;  // what `view` points into, where that is not the folder's file
};

// Puts the architecture's keys into `gguf` and returns the tensors, which live as long as model.weights. kUnsupported,
// with the name, for an architecture or a form of rotary positions that is not written here, and for a tensor that the
// table does not have.
Result<std::vector<ExportedTensor>> ExportToGguf(const ModelFolder& model, GgufWriter& gguf);

}  // namespace bantam
