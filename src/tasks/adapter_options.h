// LoRA adapters as people name them, beside the generator whose model they belong to.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "models/lora_use.h"

namespace bantam {

// A folder of peft, or a GGUF file.
struct AdapterOptions {
  std::string name = {};  // none: it has only a number
  std::filesystem::path path;
  float scale = 1;  // of what it adds to calls that do not name their adapters; 0: nothing
};

struct NamedAdapter {
  std::string name;
  std::shared_ptr<const LoraAdapter> adapter;
  float scale = 1;
};

constexpr float kMostAdapterScale = 100;

// "PATH", "NAME=PATH", either with ":SCALE" behind it. Where a file of the whole text is there, it is the path.
Result<AdapterOptions> ParseAdapter(std::string_view text);

}  // namespace bantam
