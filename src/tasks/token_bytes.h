// What a token stands for, byte by byte, where Decode would give U+FFFD for half a character, or drop the space before
// the first word: for log probabilities, which tell each token by itself.
//
//   const TokenBytes bytes(tokenizer);
//   std::string park = bytes.Of(id);   // " park"
#pragma once

#include <string>

#include "text/tokenizer.h"

namespace bantam {

// Immutable: any thread. The tokenizer must outlive it.
class TokenBytes {
 public:
  explicit TokenBytes(const Tokenizer& tokenizer);
  // As in the middle of a text; special tokens as they are spelled. "" for an id without a token.
  std::string Of(int32_t id) const;

 private:
  const Tokenizer& tokenizer_;
  int32_t before_ = -1;  // a token of one plain letter, which is decoded in front; -1: the vocabulary has none
  std::string before_text_;
};

}  // namespace bantam
