// What a pattern or a rule says, before it becomes an automaton: a tree of nodes over code points.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/grammar/code_points.h"
#include "text/grammar/limits.h"

namespace bantam::grammar {

inline constexpr uint32_t kForever = UINT32_MAX;

struct Expr {
  enum class Kind : uint8_t {
    kNever,   // no text at all
    kEmpty,   // the empty text
    kChars,   // one code point of `chars`
    kSeq,     // all of `parts`, in order
    kAlt,     // one of `parts`
    kRepeat,  // parts[0], `least` to `most` times
    kRule,    // a rule, by number
    kBegin,   // the beginning of the text
    kEnd,     // its end
  };
  Kind kind = Kind::kEmpty;
  CodePointSet chars = {};
  std::vector<uint32_t> parts = {};
  uint32_t least = 0, most = 0;
  uint32_t rule = 0;
};

// What is known of a node when it is made, from its parts.
struct ExprFacts {
  uint64_t size = 1;         // of its automaton when all is unfolded, roughly
  int depth = 1;             // of the tree beneath
  bool may_be_empty = true;  // as far as is known: true is always safe
  bool asserts = false;      // there is a beginning or an end of the text within
};

// Owns the nodes; they are named by number, so that a tree is torn down without recursion. Parts are made first.
class ExprPool {
 public:
  uint32_t Add(Expr expr);
  const Expr& operator[](uint32_t id) const { return nodes_[id]; }
  const ExprFacts& facts(uint32_t id) const { return facts_[id]; }
  // Finds which rules have no empty text. rules: of each rule, by number, what it says.
  void NarrowRules(std::span<const uint32_t> rules);
  // A repetition for which the automaton has a counter, not copies.
  bool IsCounted(uint32_t id) const;
  size_t size() const { return nodes_.size(); }

  uint32_t Never() { return Add({.kind = Expr::Kind::kNever}); }
  uint32_t Empty() { return Add({.kind = Expr::Kind::kEmpty}); }
  uint32_t Chars(CodePointSet chars) { return Add({.kind = Expr::Kind::kChars, .chars = std::move(chars)}); }
  uint32_t Seq(std::vector<uint32_t> parts) { return Add({.kind = Expr::Kind::kSeq, .parts = std::move(parts)}); }
  uint32_t Alt(std::vector<uint32_t> parts) { return Add({.kind = Expr::Kind::kAlt, .parts = std::move(parts)}); }
  uint32_t Rule(uint32_t rule) { return Add({.kind = Expr::Kind::kRule, .rule = rule}); }
  uint32_t Repeat(uint32_t part, uint32_t least, uint32_t most) {
    return Add({.kind = Expr::Kind::kRepeat, .parts = {part}, .least = least, .most = most});
  }
  uint32_t Optional(uint32_t part) { return Repeat(part, 0, 1); }
  // Well-formed UTF-8.
  uint32_t Literal(std::string_view text) {
    std::vector<uint32_t> parts;
    for (const uint32_t c : DecodeUtf8(text)) parts.push_back(Chars(CodePointSet::Of(c)));
    return Seq(std::move(parts));
  }

  // kTooLarge when parsing made too many, or too many within each other.
  Status Check(std::string_view name) const;

 private:
  ExprFacts FactsOf(const Expr& expr) const;
  std::vector<Expr> nodes_;
  std::vector<ExprFacts> facts_;
  std::vector<uint8_t> rule_has_text_;  // by number: never the empty one
  int depth_ = 0;
};

}  // namespace bantam::grammar
