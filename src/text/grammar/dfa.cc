#include "text/grammar/dfa.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace bantam::grammar {
namespace {

struct SetHash {
  size_t operator()(const std::vector<uint32_t>& set) const {
    uint64_t hash = set.size();
    for (const uint32_t state : set) hash = (hash ^ state) * 0x9E37'79B9'7F4A'7C15 >> 7 ^ hash << 25;
    return hash;
  }
};

// Sets of states of the NFA become states.
class Subsets {
 public:
  Subsets(const Nfa& nfa, const ByteClasses& classes, uint32_t final, Budget& budget, StateMarks& marks)
      : nfa_(nfa), final_(final), budget_(budget), marks_(marks), targets_(classes.size()) {
    dfa_.classes = classes;
    marks_.stamps.resize(nfa_.num_states());
  }

  Result<Dfa> Run(uint32_t start) {
    BANTAM_RETURN_IF_ERROR(Intern({start}, true));
    for (size_t state = 0; state < sets_.size(); ++state) BANTAM_RETURN_IF_ERROR(Expand(static_cast<uint32_t>(state)));
    return std::move(dfa_);
  }

 private:
  // What is reached without a byte; `at_end`: also through "$".
  bool Close(std::vector<uint32_t>& set, bool at_begin, bool at_end) {
    const uint32_t stamp = ++marks_.stamp;
    for (const uint32_t state : set) marks_.stamps[state] = stamp;
    uint64_t steps = set.size();
    for (size_t i = 0; i < set.size(); ++i) {
      nfa_.EachEdge(set[i], [&](const Nfa::Edge& edge) {
        ++steps;
        const bool open = edge.kind == Nfa::EdgeKind::kEmpty || (at_begin && edge.kind == Nfa::EdgeKind::kBegin) ||
                          (at_end && edge.kind == Nfa::EdgeKind::kEnd);
        if (!open || marks_.stamps[edge.to] == stamp) return;
        marks_.stamps[edge.to] = stamp;
        set.push_back(edge.to);
      });
    }
    return budget_.Spend(steps);
  }

  // Sets the result of the last call in interned_.
  Status Intern(std::vector<uint32_t> set, bool at_begin) {
    if (set.empty()) return interned_ = kDead, Ok();
    if (!Close(set, at_begin, false)) return Budget::TooMuchWork();
    // What has no edges but to others of the set tells nothing apart.
    std::vector<uint32_t> kept;
    for (const uint32_t state : set) {
      bool keep = state == final_;
      nfa_.EachEdge(state, [&](const Nfa::Edge& edge) {
        keep |= edge.kind != Nfa::EdgeKind::kEmpty && edge.kind != Nfa::EdgeKind::kBegin;
      });
      if (keep) kept.push_back(state);
    }
    std::ranges::sort(kept);
    const auto id = static_cast<uint32_t>(sets_.size());
    const std::vector<uint32_t>* own = &start_;
    bool added = at_begin;
    if (at_begin) {
      start_ = kept;  // never found again: in no other place does "^" hold
      interned_ = id;
    } else {
      const auto [at, inserted] = ids_.try_emplace(kept, id);
      own = &at->first;
      added = inserted;
      interned_ = at->second;
    }
    if (added) {
      if (budget_.dfa_states == 0) return Budget::TooManyStates();
      --budget_.dfa_states;
      sets_.push_back(own);
      std::vector<uint32_t> end = kept;
      if (!Close(end, at_begin, true)) return Budget::TooMuchWork();
      dfa_.final.push_back(marks_.stamps[final_] == marks_.stamp ? 1 : 0);
      dfa_.next.resize(dfa_.next.size() + dfa_.classes.size(), kDead);
      if (!budget_.Spend(dfa_.classes.size())) return Budget::TooMuchWork();
    }
    return Ok();
  }

  Status Expand(uint32_t id) {
    const std::vector<uint32_t>& set = *sets_[id];
    for (auto& target : targets_) target.clear();
    std::vector<std::tuple<uint32_t, Count, uint32_t>> calls;  // (rule, count, to)
    uint64_t steps = 0;
    for (const uint32_t state : set) {
      nfa_.EachEdge(state, [&](const Nfa::Edge& edge) {
        if (edge.kind == Nfa::EdgeKind::kCall) calls.emplace_back(edge.rule, edge.count, edge.to);
        if (edge.kind != Nfa::EdgeKind::kBytes) return;
        for (size_t c = dfa_.classes.of[edge.first]; c <= dfa_.classes.of[edge.last]; ++c, ++steps)
          targets_[c].push_back(edge.to);
      });
    }
    if (!budget_.Spend(steps)) return Budget::TooMuchWork();
    const size_t row = id * dfa_.classes.size();
    for (size_t c = 0; c < targets_.size(); ++c) {
      std::ranges::sort(targets_[c]);
      targets_[c].erase(std::unique(targets_[c].begin(), targets_[c].end()), targets_[c].end());
      if (c > 0 && targets_[c] == targets_[c - 1]) {
        dfa_.next[row + c] = dfa_.next[row + c - 1];
        continue;
      }
      BANTAM_RETURN_IF_ERROR(Intern(targets_[c], false));
      dfa_.next[row + c] = interned_;
    }
    std::ranges::sort(calls);
    for (size_t i = 0; i < calls.size();) {
      std::vector<uint32_t> to;
      const auto [rule, count, first] = calls[i];
      for (; i < calls.size() && std::get<0>(calls[i]) == rule && std::get<1>(calls[i]) == count; ++i) {
        if (to.empty() || to.back() != std::get<2>(calls[i])) to.push_back(std::get<2>(calls[i]));
      }
      BANTAM_RETURN_IF_ERROR(Intern(std::move(to), false));
      dfa_.calls.push_back({.from = id, .rule = rule, .to = interned_, .count = count});
    }
    return Ok();
  }

  const Nfa& nfa_;
  const uint32_t final_;
  Budget& budget_;
  StateMarks& marks_;
  Dfa dfa_;
  std::unordered_map<std::vector<uint32_t>, uint32_t, SetHash> ids_;
  std::vector<const std::vector<uint32_t>*> sets_;
  std::vector<uint32_t> start_;
  uint32_t interned_ = 0;
  std::vector<std::vector<uint32_t>> targets_;
};

}  // namespace

bool Dfa::Accepts(std::string_view bytes) const {
  uint32_t state = 0;
  for (const char byte : bytes) {
    state = Next(state, static_cast<uint8_t>(byte));
    if (state == kDead) return false;
  }
  return final[state] != 0;
}

bool Dfa::IsEmpty() const {
  std::vector<uint8_t> seen(num_states());
  std::vector<uint32_t> open{0};
  seen[0] = 1;
  while (!open.empty()) {
    const uint32_t state = open.back();
    open.pop_back();
    if (final[state] != 0) return false;
    for (size_t c = 0; c < classes.size(); ++c) {
      const uint32_t to = next[state * classes.size() + c];
      if (to == kDead || seen[to] != 0) continue;
      seen[to] = 1;
      open.push_back(to);
    }
  }
  return true;
}

Result<Dfa> Determinise(const Nfa& nfa, const ByteClasses& classes, uint32_t start, uint32_t final, Budget& budget,
                        StateMarks& marks) {
  BANTAM_RETURN_IF_ERROR(nfa.Check());
  return Subsets(nfa, classes, final, budget, marks).Run(start);
}

Result<Dfa> DfaOf(const ExprPool& pool, uint32_t expr, Spelling spelling, Budget& budget) {
  Nfa nfa;
  const uint32_t start = nfa.AddState();
  BANTAM_TRY(const uint32_t end, nfa.AddExpr(start, pool, expr, spelling));
  const uint32_t final = nfa.AddState();
  nfa.AddEmpty(end, final);
  StateMarks marks;
  return Determinise(nfa, ByteClasses::Of(nfa), start, final, budget, marks);
}

Result<Dfa> Product(const Dfa& a, const Dfa& b, Combine how, Budget& budget) {
  Dfa out;
  std::array<bool, 257> begins{};
  for (const Dfa* each : {&a, &b}) {
    for (const uint8_t byte : each->classes.first) begins[byte] = true;
  }
  out.classes = ByteClasses::From(begins);
  std::unordered_map<uint64_t, uint32_t> ids;
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  const auto intern = [&](uint32_t x, uint32_t y) {
    if (x == kDead || (how == Combine::kBoth && y == kDead)) return kDead;
    const auto [at, added] = ids.try_emplace(uint64_t{x} << 32 | y, static_cast<uint32_t>(pairs.size()));
    if (added) {
      pairs.emplace_back(x, y);
      const bool in_b = y != kDead && b.final[y] != 0;
      out.final.push_back(a.final[x] != 0 && in_b == (how == Combine::kBoth) ? 1 : 0);
    }
    return at->second;
  };
  intern(0, 0);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (pairs.size() > budget.dfa_states) return Budget::TooManyStates();
    if (!budget.Spend(out.classes.size())) return Budget::TooMuchWork();
    const auto [x, y] = pairs[i];
    for (const uint8_t byte : out.classes.first)
      out.next.push_back(intern(a.Next(x, byte), y == kDead ? kDead : b.Next(y, byte)));
  }
  return out;
}

Status AddDfa(const Dfa& dfa, Nfa& nfa, uint32_t from, uint32_t to) {
  const auto base = static_cast<uint32_t>(nfa.num_states());
  for (size_t i = 0; i < dfa.num_states(); ++i) nfa.AddState();
  BANTAM_RETURN_IF_ERROR(nfa.Check());
  nfa.AddEmpty(from, base);
  const size_t count = dfa.classes.size();
  for (uint32_t state = 0; state < dfa.num_states(); ++state) {
    if (dfa.final[state] != 0) nfa.AddEmpty(base + state, to);
    for (size_t c = 0; c < count;) {
      const uint32_t target = dfa.next[state * count + c];
      size_t end = c + 1;
      while (end < count && dfa.next[state * count + end] == target) ++end;
      const int last = end < count ? dfa.classes.first[end] - 1 : 255;
      if (target != kDead) nfa.AddBytes(base + state, base + target, dfa.classes.first[c], static_cast<uint8_t>(last));
      c = end;
    }
  }
  return Ok();
}

}  // namespace bantam::grammar
