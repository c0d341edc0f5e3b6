// An automaton with one way to read each byte, and what is done with those that call no rule: both, the one without the
// other, a text.
#pragma once

#include <functional>

#include "text/grammar/nfa.h"

namespace bantam::grammar {

inline constexpr uint32_t kDead = UINT32_MAX;

struct Dfa {
  struct Call {
    uint32_t from = 0, rule = 0, to = 0;
    Count count = {};
  };
  ByteClasses classes;
  std::vector<uint32_t> next;  // [states, classes]
  std::vector<uint8_t> final;
  std::vector<Call> calls;  // by `from`
  // State 0 is the start.

  size_t num_states() const { return final.size(); }
  uint32_t Next(uint32_t state, uint8_t byte) const { return next[state * classes.size() + classes.of[byte]]; }
  bool Accepts(std::string_view bytes) const;
  bool IsEmpty() const;  // no text at all
};

// Which states were seen, for rule after rule of one NFA: to clear it for each would take longer than the rest.
struct StateMarks {
  std::vector<uint32_t> stamps;
  uint32_t stamp = 0;
};
// From `start` to `final`. An assertion in a rule that another calls means the beginning or end of the rule's text.
Result<Dfa> Determinise(const Nfa& nfa, const ByteClasses& classes, uint32_t start, uint32_t final, Budget& budget,
                        StateMarks& marks);
Result<Dfa> DfaOf(const ExprPool& pool, uint32_t expr, Spelling spelling, Budget& budget);

enum class Combine : uint8_t { kBoth, kFirstOnly };
// Neither calls a rule.
Result<Dfa> Product(const Dfa& a, const Dfa& b, Combine how, Budget& budget);

// A copy between two states of `nfa`.
Status AddDfa(const Dfa& dfa, Nfa& nfa, uint32_t from, uint32_t to);

}  // namespace bantam::grammar
