#include "text/grammar/grammar.h"

#include <algorithm>

namespace bantam::grammar {

// The automata of all rules, states numbered through.
struct GrammarBuilder::Joined {
  ByteClasses classes;
  std::vector<uint32_t> next;
  std::vector<uint8_t> final;
  std::vector<Dfa::Call> calls;  // by `from`; rules by number
  std::vector<uint32_t> starts;  // of rules
};

Result<uint32_t> GrammarBuilder::AddRule(std::string name) {
  if (rules_.size() >= Limits::kRules)
    return Err(ErrorCode::kTooLarge, "more than {} rules, the limit", Limits::kRules);
  rules_.push_back({std::move(name), nfa.AddState(), nfa.AddState()});
  return static_cast<uint32_t>(rules_.size() - 1);
}

Result<uint32_t> GrammarBuilder::AddExpr(uint32_t from, const ExprPool& pool, uint32_t expr, Spelling spelling) {
  const RuleMaker make_rule = [this]() -> Result<NewRule> {
    BANTAM_TRY(const uint32_t rule, AddRule("what is repeated"));
    return NewRule{rule, start(rule), final(rule)};
  };
  return nfa.AddExpr(from, pool, expr, spelling, &make_rule);
}

Status GrammarBuilder::Join(Joined& all) {
  BANTAM_RETURN_IF_ERROR(nfa.Check());
  // Borders of UTF-8's lead bytes and of what JSON escapes, for FindFreeChars.
  std::array<bool, 257> begins{};
  for (const size_t byte :
       {0x20, 0x22, 0x23, 0x5C, 0x5D, 0x80, 0x90, 0xA0, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xEE, 0xF0, 0xF1, 0xF4, 0xF5})
    begins[byte] = true;
  for (const uint8_t byte : ByteClasses::Of(nfa).first) begins[byte] = true;
  all.classes = ByteClasses::From(begins);
  StateMarks marks;
  for (const Rule& rule : rules_) {
    Result<Dfa> made = Determinise(nfa, all.classes, rule.start, rule.final, budget, marks);
    if (!made) return Err(made.error().code, "rule \"{}\": {}", rule.name, made.error().message);
    const auto base = static_cast<uint32_t>(all.final.size());
    all.starts.push_back(base);
    for (const uint32_t to : made->next) all.next.push_back(to == kDead ? kDead : base + to);
    all.final.insert(all.final.end(), made->final.begin(), made->final.end());
    for (const Dfa::Call& call : made->calls) {
      all.calls.push_back({.from = base + call.from, .rule = call.rule, .to = base + call.to, .count = call.count});
    }
  }
  return Ok();
}

// From which states the end of their rule can be reached, by way of bytes or without any.
std::vector<uint8_t> GrammarBuilder::Ending(const Joined& all, bool by_bytes) const {
  const size_t states = all.final.size(), width = all.classes.size();
  std::vector<std::vector<uint32_t>> before(by_bytes ? states : 0), calls_to(states), calls_of(rules_.size());
  for (uint32_t state = 0; state < before.size(); ++state) {
    for (size_t c = 0; c < width; ++c) {
      const uint32_t to = all.next[state * width + c];
      if (to != kDead && (before[to].empty() || before[to].back() != state)) before[to].push_back(state);
    }
  }
  std::vector<uint32_t> rule_at(states, kDead);
  for (uint32_t rule = 0; rule < rules_.size(); ++rule) rule_at[all.starts[rule]] = rule;
  for (uint32_t i = 0; i < all.calls.size(); ++i) {
    calls_to[all.calls[i].to].push_back(i);
    calls_of[all.calls[i].rule].push_back(i);
  }
  std::vector<uint8_t> ending(states);
  std::vector<uint32_t> open;
  const auto reach = [&](uint32_t state) {
    if (ending[state] != 0) return;
    ending[state] = 1;
    open.push_back(state);
  };
  const auto try_call = [&](uint32_t i) {
    const Dfa::Call& call = all.calls[i];
    if (ending[call.to] != 0 && ending[all.starts[call.rule]] != 0) reach(call.from);
  };
  for (uint32_t state = 0; state < states; ++state) {
    if (all.final[state] != 0) reach(state);
  }
  while (!open.empty()) {
    const uint32_t state = open.back();
    open.pop_back();
    if (by_bytes) std::ranges::for_each(before[state], reach);
    std::ranges::for_each(calls_to[state], try_call);
    if (rule_at[state] != kDead) std::ranges::for_each(calls_of[rule_at[state]], try_call);
  }
  return ending;
}

// Takes away what no end can be reached from: text never runs into a place that it cannot leave.
void GrammarBuilder::Trim(Joined& all, const std::vector<uint8_t>& alive) {
  for (uint32_t& to : all.next) {
    if (to != kDead && alive[to] == 0) to = kDead;
  }
  std::erase_if(all.calls, [&](const Dfa::Call& call) {
    return alive[call.from] == 0 || alive[call.to] == 0 || alive[all.starts[call.rule]] == 0;
  });
}

// A rule that can begin with itself would be begun for ever.
Status GrammarBuilder::CheckLeftRecursion(const Joined& all) const {
  std::vector<uint32_t> first(all.final.size() + 1);
  for (const Dfa::Call& call : all.calls) ++first[call.from + 1];
  for (size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  const auto calls = [&](uint32_t state) {
    return std::span(all.calls).subspan(first[state], first[state + 1] - first[state]);
  };
  const std::vector<uint8_t> empty = Ending(all, false);
  // Over states: a call leads to the start of its rule and, where that may be empty, past it. A cycle that enters a
  // rule is left recursion; states of a rule are only ever reached from its start, so it is found where it enters.
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> marks(all.final.size(), kNew);
  struct Frame {
    uint32_t state;
    size_t edge;
  };
  for (uint32_t rule = 0; rule < rules_.size(); ++rule) {
    if (marks[all.starts[rule]] != kNew) continue;
    std::vector<Frame> path{{all.starts[rule], 0}};
    marks[all.starts[rule]] = kOpen;
    while (!path.empty()) {
      Frame& frame = path.back();
      const auto edges = calls(frame.state);
      if (frame.edge == edges.size() * 2) {
        marks[frame.state] = kDone;
        path.pop_back();
        continue;
      }
      const Dfa::Call& call = edges[frame.edge / 2];
      const bool past = frame.edge++ % 2 == 1;
      if (past && empty[all.starts[call.rule]] == 0) continue;
      const uint32_t to = past ? call.to : all.starts[call.rule];
      // Past a rule that may be empty, round and round, is no recursion: ("a"*)*.
      if (marks[to] == kOpen && !past) {
        return Err(ErrorCode::kInvalidArgument,
                   "rule \"{}\" can begin with itself (left recursion): put a character before it, or repeat with *",
                   rules_[call.rule].name);
      }
      if (marks[to] != kNew) continue;
      marks[to] = kOpen;
      path.push_back({to, 0});
    }
  }
  return Ok();
}

Result<std::shared_ptr<const Grammar>> GrammarBuilder::Build(uint32_t root, std::string_view name) {
  Joined all;
  const auto run = [&]() -> Status {
    BANTAM_RETURN_IF_ERROR(Join(all));
    const std::vector<uint8_t> alive = Ending(all, true);
    Trim(all, alive);
    if (alive[all.starts[root]] == 0) return Err(ErrorCode::kInvalidArgument, "no text at all satisfies it");
    return CheckLeftRecursion(all);
  };
  if (Status done = run(); !done) return Err(done.error().code, "{}: {}", name, done.error().message);
  auto grammar = std::make_shared<Grammar>();
  grammar->start_ = all.starts[root];
  grammar->classes_ = std::move(all.classes);
  grammar->next_ = std::move(all.next);
  grammar->final_ = std::move(all.final);
  const size_t states = grammar->final_.size(), width = grammar->classes_.size();
  grammar->flags_.resize(states);
  grammar->first_call_.resize(states + 1);
  for (const Dfa::Call& call : all.calls) {
    grammar->calls_.push_back({.start = all.starts[call.rule], .to = call.to, .count = call.count});
    ++grammar->first_call_[call.from + 1];
    grammar->flags_[call.from] |= Grammar::kCalls;
  }
  for (size_t i = 0; i < states; ++i) {
    grammar->first_call_[i + 1] += grammar->first_call_[i];
    if (grammar->final_[i] != 0) grammar->flags_[i] |= Grammar::kFinal;
    const auto row = std::span(grammar->next_).subspan(i * width, width);
    if (std::ranges::any_of(row, [](uint32_t to) { return to != kDead; })) grammar->flags_[i] |= Grammar::kReads;
  }
  grammar->FindFreeChars(budget);
  grammar->FindLoops(budget);
  return std::shared_ptr<const Grammar>(std::move(grammar));
}

}  // namespace bantam::grammar
