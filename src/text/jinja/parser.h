// Jinja's grammar, as far as chat templates use it. What is left out (include, import, extends, block, ...) is refused
// by name.
#pragma once

#include <memory>

#include "text/jinja/ast.h"

namespace bantam::jinja {

struct ParserLimits {
  static constexpr size_t kSourceBytes = size_t{1} << 20;
  static constexpr int kNesting = 200;     // of tags, brackets, operators before an operand
  static constexpr size_t kChain = 2'000;  // operands of one chain of operators, filters and subscripts of one operand
  static constexpr size_t kNodes = 50'000;
};

// `name` begins the errors; safe to print.
Result<std::unique_ptr<const Ast>> Parse(std::string_view source, std::string_view name);

}  // namespace bantam::jinja
