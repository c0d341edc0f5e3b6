// For tests: whether a grammar has a text.
#pragma once

#include "text/grammar/sample.h"

namespace bantam::grammar {

inline bool Accepts(const std::shared_ptr<const Constraint>& constraint, std::string_view text) {
  ConstraintState state(constraint);
  return state.AcceptBytes(text).has_value() && state.CanEnd();
}

inline bool Accepts(const std::shared_ptr<const Grammar>& grammar, std::string_view text) {
  return Accepts(Constraint::Create(grammar, ByteTokens()), text);
}

}  // namespace bantam::grammar
