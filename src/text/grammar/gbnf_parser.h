// Grammar text in the notation that llama.cpp's users know (GBNF):
//
//   root  ::= "{" ws "}" | [a-z]+ ("," item){0,3}   # a comment
//   item  ::= .
//
// Literals and classes hold code points, with \n \r \t \\ \" \[ \] \xHH \uHHHH \UHHHHHHHH.
#pragma once

#include "text/grammar/grammar.h"

namespace bantam::grammar {

// The rule "root" is the beginning. Errors: `NAME:LINE:COLUMN: WHAT`; `name` must be safe to print.
Result<std::shared_ptr<const Grammar>> ParseGbnf(std::string_view text, std::string_view name);

}  // namespace bantam::grammar
