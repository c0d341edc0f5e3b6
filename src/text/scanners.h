// The patterns by which real tokenizers cut text into words, as hand-written scanners: linear in the text whatever the
// text, which a backtracking engine is not. A pattern is recognised by its exact string; scanners.cc has the list.
#pragma once

#include <cstddef>
#include <string_view>

namespace bantam::text {

struct Found {
  size_t begin = 0;
  size_t end = 0;  // begin == end: nothing
};

// The first match from `from` on; the text is well-formed UTF-8.
using Scanner = Found (*)(std::string_view text, size_t from);

// Null for a pattern that is not in the list.
Scanner FindScanner(std::string_view pattern);

// The pattern of the pre-tokenizer ByteLevel, which is GPT-2's.
Scanner Gpt2Scanner();
// The pattern of a tiktoken encoding ("cl100k_base"), with the character classes of tiktoken; null when unknown.
Scanner TiktokenScanner(std::string_view encoding);

}  // namespace bantam::text
