// Numbers and strings of a JSON Schema as automata.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "text/grammar/dfa.h"

namespace bantam::grammar {

// A number as it is written out, without an exponent.
struct Decimal {
  bool negative = false;
  std::string whole = "0";  // no leading zeros
  std::string fraction;     // no trailing zeros
  bool IsZero() const { return whole == "0" && fraction.empty(); }
  static std::optional<Decimal> From(const json::value& number);
};

struct NumberBound {
  Decimal at;
  bool strict = false, is_maximum = false;
};

struct NumberRules {
  std::vector<NumberBound> bounds;
  std::vector<uint32_t> multiples;
  std::vector<Decimal> excluded;
  bool integers = true, fractions = true, exponents = true;  // which of them there are
  bool any() const { return bounds.empty() && multiples.empty() && excluded.empty() && integers; }
  bool Allow(const json::value& number) const;
};

struct StringRules {
  uint64_t min_length = 0, max_length = UINT64_MAX;
  std::vector<std::pair<std::string, std::string>> patterns;  // (pattern, name for errors)
  std::vector<std::string> formats;                           // known ones
  std::vector<std::string> excluded = {};                     // texts
  std::vector<std::pair<std::string, std::string>> excluded_patterns = {};
  bool any() const {
    return min_length == 0 && max_length == UINT64_MAX && patterns.empty() && formats.empty() && !excludes();
  }
  bool excludes() const { return !excluded.empty() || !excluded_patterns.empty(); }
};

// Digits, with a sign where it is allowed.
Status AddNumber(const NumberRules& rules, Nfa& nfa, uint32_t from, uint32_t to, Budget& budget);
// What stands between the quotes, where one repetition or one pattern says all of it; nothing where an automaton for
// several together is needed.
Result<std::optional<uint32_t>> StringExpr(const StringRules& rules, ExprPool& pool);
// What stands between the quotes: every text of the language, or its encoding within JSON.
Result<Dfa> StringDfa(const StringRules& rules, Spelling spelling, Budget& budget);

}  // namespace bantam::grammar
