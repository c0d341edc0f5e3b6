// "\p{Letter}" of a pattern: characters by what Unicode says of them.
#pragma once

#include <string>
#include <string_view>

#include "text/grammar/code_points.h"

namespace bantam::grammar {

// The characters of "L", "Letter", "gc=L", "General_Category=Letter", "Any" and "ASCII" as ECMA-262 names them; null
// for what is not in the list. The sets are made at the first call, in some milliseconds. Any thread.
const CodePointSet* FindProperty(std::string_view name);

// "L, Letter, Lu, ...", for messages.
std::string KnownProperties();

}  // namespace bantam::grammar
