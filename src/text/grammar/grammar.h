// The one form that JSON Schema, grammar text, patterns and choices are compiled to: a pushdown automaton over bytes.
// Each rule is an automaton with one way to read each byte; beside its bytes a state may call rules.
//
//   GrammarBuilder builder;
//   const uint32_t root = builder.AddRule("root");
//   builder.nfa.AddCall(builder.start(root), builder.final(root), other);
//   BANTAM_TRY(auto grammar, builder.Build(root, "schema"));
#pragma once

#include <bitset>
#include <memory>
#include <string>

#include "text/grammar/dfa.h"

namespace bantam::grammar {

using AsciiSet = std::bitset<128>;
inline constexpr uint8_t kNoLoop = 255;

// Immutable.
class Grammar {
 public:
  struct Call {
    uint32_t start = 0;      // of the rule
    uint32_t to = 0;         // where it goes on afterwards
    Count count = {};        // how often it comes before
    bool free = false;       // any ordinary character, from its start, is a whole text of the rule
    uint8_t loop = kNoLoop;  // bytes of ASCII each of which is a whole text of the rule, as in [a-z]{0,50}
  };

  uint32_t start() const { return start_; }
  size_t num_states() const { return final_.size(); }
  const ByteClasses& classes() const { return classes_; }
  // kDead, or a state from which an end can be reached.
  uint32_t Next(uint32_t state, size_t byte_class) const { return next_[state * classes_.size() + byte_class]; }
  bool IsFinal(uint32_t state) const { return (flags_[state] & kFinal) != 0; }
  bool ReadsBytes(uint32_t state) const { return (flags_[state] & kReads) != 0; }
  // Nothing but the rule's end: a call that goes on there need not be remembered.
  bool IsOnlyEnd(uint32_t state) const { return (flags_[state] & (kFinal | kReads | kCalls)) == kFinal; }
  std::span<const Call> Calls(uint32_t state) const {
    return std::span(calls_).subspan(first_call_[state], first_call_[state + 1] - first_call_[state]);
  }
  // Calls of the whole grammar, by number.
  const Call& call(uint32_t number) const { return calls_[number]; }
  uint32_t FirstCall(uint32_t state) const { return first_call_[state]; }
  // So many ordinary characters of JSON strings (not a quote, a backslash or a control character), whichever they are,
  // can be read from here; at most kManyChars, which means at least that.
  static constexpr uint8_t kManyChars = 254;
  uint8_t FreeChars(uint32_t state) const { return free_chars_[state]; }
  // Bytes of ASCII after each of which the same state goes on, as in [a-z]*: a number in loops(), or kNoLoop.
  uint8_t Loop(uint32_t state) const { return loop_[state]; }
  const std::vector<AsciiSet>& loops() const { return loops_; }

 private:
  friend class GrammarBuilder;
  static constexpr uint8_t kFinal = 1, kReads = 2, kCalls = 4;
  // Nothing is free where that would take more than the budget: masks are found all the same, only slower.
  void FindFreeChars(Budget& budget);
  bool AnyCharEnds(uint32_t start) const;
  void FindLoops(Budget& budget);
  template <typename Goes>
  uint8_t LoopWhere(const Goes& goes);

  uint32_t start_ = 0;
  ByteClasses classes_;
  std::vector<uint32_t> next_;
  std::vector<uint8_t> final_, flags_, free_chars_;
  std::vector<Call> calls_;
  std::vector<uint32_t> first_call_;
  std::vector<uint8_t> loop_;
  std::vector<AsciiSet> loops_;
};

class GrammarBuilder {
 public:
  // `name`: for errors; safe to print.
  Result<uint32_t> AddRule(std::string name);
  uint32_t start(uint32_t rule) const { return rules_[rule].start; }
  uint32_t final(uint32_t rule) const { return rules_[rule].final; }
  size_t num_rules() const { return rules_.size(); }

  // kInvalidArgument for left recursion and for a root without any text, kTooLarge beyond a limit. `name` begins
  // errors.
  Result<std::shared_ptr<const Grammar>> Build(uint32_t root, std::string_view name);

  // Repetitions are counted where that is less than to copy them. -> the state in which the text has been read.
  Result<uint32_t> AddExpr(uint32_t from, const ExprPool& pool, uint32_t expr, Spelling spelling);

  Nfa nfa;
  Budget budget;

 private:
  struct Rule {
    std::string name;
    uint32_t start, final;
  };
  struct Joined;
  Status Join(Joined& all);
  std::vector<uint8_t> Ending(const Joined& all, bool by_bytes) const;
  static void Trim(Joined& all, const std::vector<uint8_t>& alive);
  Status CheckLeftRecursion(const Joined& all) const;
  std::vector<Rule> rules_;
};

}  // namespace bantam::grammar
