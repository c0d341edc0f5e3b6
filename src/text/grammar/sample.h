// Texts of a constraint made at random: to try what a schema allows, and to test that all of it is valid.
#pragma once

#include <optional>
#include <random>

#include "text/grammar/constraint.h"

namespace bantam::grammar {

// A table with one token for each byte.
std::shared_ptr<const TokenTable> ByteTokens();

// Any token that is allowed each time, those that close something more often the longer the text. Nothing when it did
// not come to an end within so many tokens.
std::optional<std::string> RandomText(const std::shared_ptr<const Constraint>& constraint, std::mt19937_64& random,
                                      size_t most_tokens);

}  // namespace bantam::grammar
