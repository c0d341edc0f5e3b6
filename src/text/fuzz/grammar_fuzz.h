// One input of the fuzz target, for the replay test.
#pragma once

#include <string_view>

namespace bantam::text {

// Aborts when a promise is broken.
void FuzzGrammar(std::string_view input);

}  // namespace bantam::text
