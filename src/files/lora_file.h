// A LoRA adapter as people have it: a folder of peft (adapter_config.json, adapter_model.safetensors), or a GGUF file
// of type "adapter". Which modules it changes, and how; nothing about the model that it is for but their names.
//
//   BANTAM_TRY(const LoraFile file, OpenLoraFile("my-adapter"));
//   for (const LoraPair& pair : file.pairs) Add(pair.module, pair.a, pair.b, pair.scale);
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "tensor/tensor.h"

namespace bantam {

struct LoraPair {
  // As checkpoints call it, perhaps without what these have before it: "model.layers.0.self_attn.q_proj".
  std::string module;
  bool words = false;  // of a table of words: A has a column for each
  TensorView a = {};   // [rank, in], or with a_by_input [in, rank]
  bool a_by_input = false;
  TensorView b = {};    // [out, rank]
  double scale = 1;     // of B A
  bool turned = false;  // rows of B are in the order of GGUF's pairs (gguf_names.h)

  int rank() const { return static_cast<int>(b.shape[1]); }
};

struct LoraFile {
  std::string name = {};  // for messages: the folder or file, safe to print
  bool gguf = false;      // then rows of fused matrices are in the order of GGUF files, else in that of the checkpoint
  std::vector<LoraPair> pairs = {};  // by module; each has both halves, of one rank from 1, and shapes that fit it
  std::shared_ptr<const void> memory = nullptr;  // what the views point into
};

// kNotFound where there is no adapter, kUnsupported for other kinds of adapters, kCorrupt for half of a pair and the
// like; each names file, key or tensor.
Result<LoraFile> OpenLoraFile(const Path& path);

}  // namespace bantam
