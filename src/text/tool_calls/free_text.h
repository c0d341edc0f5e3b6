// Grammar of text that is free up to a marker: any bytes, so that what a model says before a call is as without it.
#pragma once

#include <string_view>

#include "text/grammar/grammar.h"

namespace bantam::tools {

// Any text without `marker` ends in `end`, one that ends with the first `marker` in `behind`. kForever as `end`: it
// must come.
void AddTextUpTo(grammar::Nfa& nfa, uint32_t from, std::string_view marker, uint32_t end, uint32_t behind);
// Any text that does not begin with one of `start`, an automaton whose texts are whole beginnings.
void AddTextNotBeginning(grammar::Nfa& nfa, uint32_t from, const grammar::Dfa& start, uint32_t end);

}  // namespace bantam::tools
