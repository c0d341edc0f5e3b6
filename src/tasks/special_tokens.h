// The tokens that tasks need by their part: which one is the mask, which stands for the unknown.
#pragma once

#include "tasks/loaded_model.h"

namespace bantam {

struct SpecialTokens {
  int32_t mask = -1, unknown = -1, cls = -1, pad = -1;  // -1: there is none
  std::string mask_text;                                // "[MASK]"
};

// From tokenizer_config.json and special_tokens_map.json beside the model; where they say nothing, the usual names that
// the tokenizer knows.
Result<SpecialTokens> ReadSpecialTokens(const LoadedModel& model);

}  // namespace bantam
