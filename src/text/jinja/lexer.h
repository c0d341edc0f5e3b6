// A template's source to tokens, with Jinja's rules for white space around tags, as transformers sets them (trim_blocks
// and lstrip_blocks): the line end after a block tag goes, and so do blanks before one at the beginning of a line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bantam::jinja {

enum class TokenKind : uint8_t {
  kText,
  kPrintBegin,
  kPrintEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  uint32_t at = 0;
  std::string_view text;  // as in the source; of a string without its quotes, escapes not read
};

// "NAME:LINE:COLUMN: WHAT", columns in bytes from 1.
Error ErrorAt(ErrorCode code, std::string_view name, std::string_view source, size_t at, std::string_view what);

// Line ends to '\n', and without the last one.
std::string NormalizeSource(std::string_view source);

// `source` is normalised, well-formed UTF-8 and outlives the tokens. `name` begins the errors.
Result<std::vector<Token>> Tokenize(std::string_view source, std::string_view name);

}  // namespace bantam::jinja
