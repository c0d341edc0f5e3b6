// The automata of all rules of a grammar, with choices open: states, edges for ranges of bytes, edges that call a rule.
#pragma once

#include <array>
#include <functional>
#include <string_view>

#include "text/grammar/expr.h"

namespace bantam::grammar {

// What a compilation may still spend; all its parts draw from one.
struct Budget {
  uint64_t work = Limits::kWork;
  size_t dfa_states = Limits::kDfaStates;

  // False: used up.
  bool Spend(uint64_t steps) {
    if (steps > work) return work = 0, false;
    work -= steps;
    return true;
  }
  static Error TooMuchWork();
  static Error TooManyStates();
};

enum class Spelling : uint8_t {
  kPlain,  // UTF-8
  kJson,   // as within a JSON string: escaped where JSON wants it, and only there
};

// How often a called rule comes, one time after the other: a counter that texts carry, not copies in the automaton.
// Only rules without the empty text are called more than once.
struct Count {
  uint32_t least = 1, most = 1;  // kForever: no end
  bool once() const { return most == 1; }
  auto operator<=>(const Count&) const = default;
};

// A rule for what is counted.
struct NewRule {
  uint32_t number = 0, start = 0, final = 0;
};
using RuleMaker = std::function<Result<NewRule>()>;

class Nfa {
 public:
  enum class EdgeKind : uint8_t { kBytes, kEmpty, kBegin, kEnd, kCall };
  struct Edge {
    uint32_t next = 0;  // of the same state; 0: none
    uint32_t to = 0;
    uint32_t rule = 0;  // of a call
    Count count = {};   // of a call
    EdgeKind kind = EdgeKind::kEmpty;
    uint8_t first = 0, last = 0;  // of bytes
  };

  uint32_t AddState() {
    heads_.push_back(0);
    return static_cast<uint32_t>(heads_.size() - 1);
  }
  void AddBytes(uint32_t from, uint32_t to, uint8_t first, uint8_t last) {
    Add(from, {.to = to, .kind = EdgeKind::kBytes, .first = first, .last = last});
  }
  void AddEmpty(uint32_t from, uint32_t to, EdgeKind kind = EdgeKind::kEmpty) { Add(from, {.to = to, .kind = kind}); }
  void AddCall(uint32_t from, uint32_t to, uint32_t rule, Count count = {}) {
    Add(from, {.to = to, .rule = rule, .count = count, .kind = EdgeKind::kCall});
  }
  // These return the state in which the text has been read.
  uint32_t AddText(uint32_t from, std::string_view bytes);
  uint32_t AddByte(uint32_t from, char byte) { return AddText(from, {&byte, 1}); }
  // Without `make_rule` repetitions become copies, however many.
  Result<uint32_t> AddExpr(uint32_t from, const ExprPool& pool, uint32_t expr, Spelling spelling,
                           const RuleMaker* make_rule = nullptr);

  void AddChars(uint32_t from, uint32_t to, const CodePointSet& chars, Spelling spelling);
  // Any character of a JSON string, in any of its spellings: \u with four digits, surrogates in pairs.
  void AddAnyJsonChar(uint32_t from, uint32_t to);

  // Calls found(edge) for each of a state's.
  template <typename Found>
  void EachEdge(uint32_t state, const Found& found) const {
    for (uint32_t i = heads_[state]; i != 0; i = edges_[i].next) found(edges_[i]);
  }
  size_t num_states() const { return heads_.size(); }
  size_t num_edges() const { return edges_.size(); }
  Status Check() const;

 private:
  void Add(uint32_t from, Edge edge) {
    edge.next = heads_[from];
    heads_[from] = static_cast<uint32_t>(edges_.size());
    edges_.push_back(edge);
  }
  Result<uint32_t> AddRepeat(uint32_t from, const ExprPool& pool, uint32_t expr, Spelling spelling,
                             const RuleMaker* make_rule);
  void AddUtf8(uint32_t from, uint32_t to, const CodePointSet& chars);
  std::vector<uint32_t> heads_;
  std::vector<Edge> edges_ = std::vector<Edge>(1);
};

// Bytes that no edge tells apart; neighbours, numbered upwards.
struct ByteClasses {
  std::array<uint8_t, 256> of{};
  std::vector<uint8_t> first;  // byte of each class
  size_t size() const { return first.size(); }
  static ByteClasses From(const std::array<bool, 257>& begins);
  static ByteClasses Of(const Nfa& nfa);
};

}  // namespace bantam::grammar
