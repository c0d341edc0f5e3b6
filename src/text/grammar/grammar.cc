#include "text/grammar/grammar.h"

#include <algorithm>
#include <deque>

namespace bantam::grammar {

// The automata of all rules, states numbered through.
struct GrammarBuilder::Joined {
  ByteClasses classes;
  std::vector<uint32_t> next;
  std::vector<uint8_t> final;
  std::vector<Dfa::Call> calls;  // by `from`; rules by number
  std::vector<uint32_t> starts;  // of rules
  std::vector<uint8_t> alive;    // an end can be reached
};

Result<uint32_t> GrammarBuilder::AddRule(std::string name) {
  if (rules_.size() >= Limits::kRules)
    return Err(ErrorCode::kTooLarge, "more than {} rules, the limit", Limits::kRules);
  rules_.push_back({std::move(name), nfa.AddState(), nfa.AddState()});
  return static_cast<uint32_t>(rules_.size() - 1);
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
  for (const Rule& rule : rules_) {
    Result<Dfa> made = Determinise(nfa, all.classes, rule.start, rule.final, budget);
    if (!made) return Err(made.error().code, "rule \"{}\": {}", rule.name, made.error().message);
    const auto base = static_cast<uint32_t>(all.final.size());
    all.starts.push_back(base);
    for (const uint32_t to : made->next) all.next.push_back(to == kDead ? kDead : base + to);
    all.final.insert(all.final.end(), made->final.begin(), made->final.end());
    for (const Dfa::Call& call : made->calls) all.calls.push_back({base + call.from, call.rule, base + call.to});
  }
  return Ok();
}

// Finds what an end can be reached from, and takes all else away: text never runs into a place that it cannot leave.
void GrammarBuilder::Trim(Joined& all) const {
  const size_t states = all.final.size(), width = all.classes.size();
  std::vector<std::vector<uint32_t>> before(states), calls_to(states), calls_of(rules_.size());
  for (uint32_t state = 0; state < states; ++state) {
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
  all.alive.assign(states, 0);
  std::vector<uint32_t> open;
  const auto reach = [&](uint32_t state) {
    if (all.alive[state] != 0) return;
    all.alive[state] = 1;
    open.push_back(state);
  };
  const auto try_call = [&](uint32_t i) {
    const Dfa::Call& call = all.calls[i];
    if (all.alive[call.to] != 0 && all.alive[all.starts[call.rule]] != 0) reach(call.from);
  };
  for (uint32_t state = 0; state < states; ++state) {
    if (all.final[state] != 0) reach(state);
  }
  while (!open.empty()) {
    const uint32_t state = open.back();
    open.pop_back();
    for (const uint32_t from : before[state]) reach(from);
    for (const uint32_t i : calls_to[state]) try_call(i);
    if (rule_at[state] == kDead) continue;
    for (const uint32_t i : calls_of[rule_at[state]]) try_call(i);
  }
  for (uint32_t& to : all.next) {
    if (to != kDead && all.alive[to] == 0) to = kDead;
  }
  std::erase_if(all.calls, [&](const Dfa::Call& call) {
    return all.alive[call.from] == 0 || all.alive[call.to] == 0 || all.alive[all.starts[call.rule]] == 0;
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
  // Which states reach their rule's end without a byte.
  std::vector<uint8_t> empty = all.final;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = all.calls.size(); i > 0; --i) {
      const Dfa::Call& call = all.calls[i - 1];
      if (empty[call.from] != 0 || empty[call.to] == 0 || empty[all.starts[call.rule]] == 0) continue;
      empty[call.from] = 1;
      changed = true;
    }
  }
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
    Trim(all);
    if (all.alive[all.starts[root]] == 0) return Err(ErrorCode::kInvalidArgument, "no text at all satisfies it");
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
    grammar->calls_.push_back({all.starts[call.rule], call.to});
    ++grammar->first_call_[call.from + 1];
    grammar->flags_[call.from] |= Grammar::kCalls;
  }
  for (size_t i = 0; i < states; ++i) {
    grammar->first_call_[i + 1] += grammar->first_call_[i];
    if (grammar->final_[i] != 0) grammar->flags_[i] |= Grammar::kFinal;
    const auto row = std::span(grammar->next_).subspan(i * width, width);
    if (std::ranges::any_of(row, [](uint32_t to) { return to != kDead; })) grammar->flags_[i] |= Grammar::kReads;
  }
  grammar->FindFreeChars();
  return std::shared_ptr<const Grammar>(std::move(grammar));
}

namespace {

// Where in a character UTF-8 is, for the characters that JSON strings hold as they are.
enum Place : uint8_t { kBorder, kOne, kTwo, kThree, kE0, kED, kF0, kF4, kNumPlaces, kNone = 255 };

Place After(Place place, uint8_t byte) {
  switch (place) {
    case kBorder:
      if (byte < 0x80) return byte >= 0x20 && byte != '"' && byte != '\\' ? kBorder : kNone;
      if (byte < 0xC2 || byte > 0xF4) return kNone;
      if (byte < 0xE0) return kOne;
      if (byte < 0xF0) return byte == 0xE0 ? kE0 : byte == 0xED ? kED : kTwo;
      return byte == 0xF0 ? kF0 : byte == 0xF4 ? kF4 : kThree;
    case kOne:
    case kTwo:
    case kThree:
      return byte >= 0x80 && byte <= 0xBF ? static_cast<Place>(place - 1) : kNone;
    case kE0:
      return byte >= 0xA0 && byte <= 0xBF ? kOne : kNone;
    case kED:
      return byte >= 0x80 && byte <= 0x9F ? kOne : kNone;
    case kF0:
      return byte >= 0x90 && byte <= 0xBF ? kTwo : kNone;
    case kF4:
      return byte >= 0x80 && byte <= 0x8F ? kTwo : kNone;
    default:
      return kNone;
  }
}

}  // namespace

// The shortest way, in whole characters, to a place where one of the next bytes cannot be read: a search from there
// backwards over (state, place in the character). Starts at states that read all of ASCII's ordinary characters.
void Grammar::FindFreeChars() {
  const size_t width = classes_.size();
  free_chars_.assign(num_states(), 0);
  const auto readable = [&](uint32_t state) {
    for (size_t c = 0; c < width; ++c) {
      if (classes_.first[c] < 0x80 && After(kBorder, classes_.first[c]) != kNone && Next(state, c) == kDead)
        return false;
    }
    return true;
  };
  std::vector<uint8_t> is_free(num_states());
  for (uint32_t state = 0; state < num_states(); ++state) is_free[state] = readable(state) ? 1 : 0;
  struct Node {
    std::vector<std::pair<uint32_t, bool>> before;  // (node, a character ended between)
    uint32_t chars = UINT32_MAX;
    uint32_t state = 0;
    Place place = kBorder;
  };
  std::vector<Node> nodes;
  std::vector<uint32_t> ids(num_states() * kNumPlaces, kDead);
  const auto intern = [&](uint32_t state, Place place) {
    uint32_t& id = ids[state * kNumPlaces + place];
    if (id == kDead) {
      id = static_cast<uint32_t>(nodes.size());
      nodes.push_back({.before = {}, .state = state, .place = place});
    }
    return id;
  };
  for (uint32_t state = 0; state < num_states(); ++state) {
    if (is_free[state] != 0) intern(state, kBorder);
  }
  std::deque<uint32_t> open;
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const uint32_t state = nodes[i].state;
    const Place place = nodes[i].place;
    bool ends = place == kBorder && is_free[state] == 0;
    for (size_t c = 0; c < width && !ends; ++c) {
      const Place after = After(place, classes_.first[c]);
      if (after == kNone) continue;
      const uint32_t to = Next(state, c);
      if (to == kDead) {
        ends = true;
        break;
      }
      const uint32_t target = intern(to, after);
      auto& before = nodes[target].before;
      if (before.empty() || before.back().first != i) before.emplace_back(i, after == kBorder);
    }
    if (!ends) continue;
    nodes[i].chars = 0;
    open.push_back(i);
  }
  while (!open.empty()) {
    const uint32_t i = open.front();
    open.pop_front();
    for (const auto& [from, ended] : nodes[i].before) {
      const uint32_t chars = nodes[i].chars + (ended ? 1 : 0);
      if (chars >= nodes[from].chars) continue;
      nodes[from].chars = chars;
      if (ended) {
        open.push_back(from);
      } else {
        open.push_front(from);
      }
    }
  }
  for (const Node& node : nodes) {
    if (node.place == kBorder)
      free_chars_[node.state] = static_cast<uint8_t>(std::min<uint32_t>(node.chars, kManyChars));
  }
}

}  // namespace bantam::grammar
