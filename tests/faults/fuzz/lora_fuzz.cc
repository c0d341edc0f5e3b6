// adapter_config.json of a LoRA adapter. What is accepted has a rank and a finite scale for any module.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "files/lora_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bantam;
  const auto document = ParseJson({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!document) return 0;
  const auto config = ReadLoraConfig(*document, "fuzz");
  if (!config) {
    BANTAM_CHECK(config.error().message.find("fuzz") != std::string::npos);
    return 0;
  }
  for (const char* module : {"model.layers.0.self_attn.q_proj", "q_proj", "lm_head", ""}) {
    BANTAM_CHECK(config->RankOf(module) >= 1 && std::isfinite(config->ScaleOf(module)));
  }
  return 0;
}
