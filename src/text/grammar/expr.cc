#include "text/grammar/expr.h"

#include <algorithm>

namespace bantam::grammar {
namespace {

// Copies are smaller than a counter up to here, and know at once what may come next.
constexpr uint64_t kMostUnfolded = 8;
constexpr uint64_t kHuge = uint64_t{1} << 40;

uint64_t Copies(const Expr& repeat) {
  return repeat.most == kForever ? std::max<uint64_t>(repeat.least, 1) : repeat.most;
}

}  // namespace

uint32_t ExprPool::Add(Expr expr) {
  facts_.push_back(FactsOf(expr));
  depth_ = std::max(depth_, facts_.back().depth);
  nodes_.push_back(std::move(expr));
  return static_cast<uint32_t>(nodes_.size() - 1);
}

ExprFacts ExprPool::FactsOf(const Expr& expr) const {
  ExprFacts facts;
  for (const uint32_t part : expr.parts) facts.depth = std::max(facts.depth, facts_[part].depth + 1);
  for (const uint32_t part : expr.parts) facts.asserts |= facts_[part].asserts;
  switch (expr.kind) {
    case Expr::Kind::kNever:
      facts.may_be_empty = false;
      break;
    case Expr::Kind::kEmpty:
      break;
    case Expr::Kind::kChars:
      facts.may_be_empty = false;
      if (!expr.chars.empty() && expr.chars.ranges().back().last > 0x7F) facts.size = 4;
      break;
    case Expr::Kind::kSeq:
      for (const uint32_t part : expr.parts) {
        facts.size += facts_[part].size;
        facts.may_be_empty &= facts_[part].may_be_empty;
      }
      break;
    case Expr::Kind::kAlt:
      facts.may_be_empty = false;
      for (const uint32_t part : expr.parts) {
        facts.size += facts_[part].size;
        facts.may_be_empty |= facts_[part].may_be_empty;
      }
      break;
    case Expr::Kind::kRepeat:
      facts.size = facts_[expr.parts[0]].size * Copies(expr);
      facts.may_be_empty = expr.least == 0 || facts_[expr.parts[0]].may_be_empty;
      break;
    case Expr::Kind::kRule:
      facts.may_be_empty = expr.rule >= rule_has_text_.size() || rule_has_text_[expr.rule] == 0;
      break;
    case Expr::Kind::kBegin:
    case Expr::Kind::kEnd:
      facts.asserts = true;
      break;
  }
  facts.size = std::min(facts.size, kHuge);
  return facts;
}

// Every pass leaves fewer that may be empty, and all that may: so a few passes are enough.
void ExprPool::NarrowRules(std::span<const uint32_t> rules) {
  constexpr int kPasses = 4;
  rule_has_text_.assign(rules.size(), 0);
  for (int pass = 0; pass < kPasses; ++pass) {
    for (uint32_t id = 0; id < nodes_.size(); ++id) facts_[id] = FactsOf(nodes_[id]);
    bool changed = false;
    for (size_t rule = 0; rule < rules.size(); ++rule) {
      if (rule_has_text_[rule] != 0 || facts_[rules[rule]].may_be_empty) continue;
      rule_has_text_[rule] = 1;
      changed = true;
    }
    if (!changed) return;
  }
}

// What may be empty would be counted without being read; "^" and "$" mean the whole text's.
bool ExprPool::IsCounted(uint32_t id) const {
  const Expr& expr = nodes_[id];
  if (expr.kind != Expr::Kind::kRepeat || Copies(expr) < 2) return false;
  const ExprFacts& part = facts_[expr.parts[0]];
  return !part.may_be_empty && !part.asserts && part.size * Copies(expr) > kMostUnfolded;
}

Status ExprPool::Check(std::string_view name) const {
  if (nodes_.size() > Limits::kExpressions)
    return Err(ErrorCode::kTooLarge, "{}: more than {} parts, the limit", name, Limits::kExpressions);
  if (depth_ > Limits::kExprDepth) {
    return Err(ErrorCode::kTooLarge, "{}: groups and repetitions within each other deeper than {}, the limit", name,
               Limits::kExprDepth);
  }
  return Ok();
}

}  // namespace bantam::grammar
