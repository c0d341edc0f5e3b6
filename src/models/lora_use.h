// Which LoRA adapters (lora_adapter.h) a sequence is computed with.
#pragma once

#include <memory>
#include <span>

namespace bantam {

class LoraAdapter;

// One of the adapters of a sequence. `scale` multiplies what it adds.
struct LoraUse {
  std::shared_ptr<const LoraAdapter> adapter;
  float scale = 1;
  bool operator==(const LoraUse&) const = default;
};
using LoraUses = std::span<const LoraUse>;

}  // namespace bantam
