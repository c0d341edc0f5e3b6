// The patterns of JSON Schema: ECMA-262 regular expressions with the u flag, of which what has no automaton
// (look-around, back references, word boundaries) and what needs Unicode's tables (\p) is refused by name.
#pragma once

#include "text/grammar/expr.h"

namespace bantam::grammar {

// `name` begins errors: `NAME: at 3: nothing to repeat before "*"`; must be safe to print.
Result<uint32_t> ParseRegex(std::string_view pattern, std::string_view name, ExprPool& pool);

}  // namespace bantam::grammar
