// Whether a text says anything to an encoder.
#pragma once

#include <string_view>

#include "text/tokenizer.h"

namespace bantam {

// False for "", for spaces, and for what the tokenizer's normalisation leaves nothing of, such as combining marks and
// format characters alone. The encoder would still turn such a text into a vector: the one of its special tokens, which
// lies near whatever examples are short.
bool HoldsText(const Tokenizer& tokenizer, std::string_view text);

}  // namespace bantam
