#include "tasks/holds_text.h"

#include <algorithm>

namespace bantam {

bool HoldsText(const Tokenizer& tokenizer, std::string_view text) {
  // Nearly every text has an ASCII letter or digit, and then megabytes need no second tokenisation.
  const auto plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (std::any_of(text.begin(), text.end(), plain)) return true;
  return !tokenizer.Encode(text, {.add_special_tokens = false, .max_tokens = 1}).ids.empty();
}

}  // namespace bantam
