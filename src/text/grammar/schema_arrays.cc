// Arrays: items one after the other, so many of a kind, or each of a few values at most once.
#include <algorithm>
#include <bit>

#include "text/grammar/schema_compiler.h"

namespace bantam::grammar {
namespace {

constexpr uint64_t kMostContainsStates = 2'000;
constexpr size_t kMostInAnyOrder = 8;  // values: all sets of them are states

}  // namespace

// `also`: what holds besides.
Result<uint32_t> SchemaCompiler::RuleOfItem(const Merged& merged, uint64_t at, SchemaList also) {
  for (const ItemsPart& part : merged.items) {
    const json::value* schema = at < part.prefix.size() ? part.prefix[at] : part.rest;
    if (schema != nullptr) also.push_back({schema});
  }
  return RuleOf(std::move(also));
}

Status SchemaCompiler::AddArray(const Merged& merged, uint32_t from, uint32_t to) {
  if (merged.min_items > merged.max_items) return Ok();
  if (!merged.unique_items.empty() && merged.max_items > 1) {
    BANTAM_TRY(const auto values, DistinctItems(merged));
    if (!values) {
      return Err(ErrorCode::kUnsupported,
                 "{}: \"uniqueItems\" cannot be enforced while text is written, unless all items are of one \"enum\"",
                 merged.unique_items);
    }
    return AddDistinct(merged, *values, from, to);
  }
  if (merged.contains.size() > 1) {
    return Err(ErrorCode::kUnsupported, "{}: \"contains\" cannot be enforced beside another \"contains\"",
               reader_.Where(*merged.contains[1].schema));
  }
  if (!merged.contains.empty()) return AddContaining(merged, merged.contains.front(), from, to);
  const bool endless = merged.max_items == UINT64_MAX;
  if (const uint64_t length = endless ? merged.min_items : merged.max_items; length > Limits::kRepeat) {
    return Err(ErrorCode::kTooLarge, "\"minItems\" or \"maxItems\" of {}: more than {} cannot be counted", length,
               Limits::kRepeat);
  }
  uint64_t prefix = 0;  // items with a schema of their own
  for (const ItemsPart& part : merged.items) prefix = std::max<uint64_t>(prefix, part.prefix.size());
  const uint32_t end = nfa().AddState();
  nfa().AddBytes(end, to, ']', ']');
  const auto close = [&](uint32_t state) { nfa().AddEmpty(AddSpace(state, true), end); };
  uint32_t at = AddSpace(nfa().AddByte(from, '['), true);
  if (merged.min_items == 0) nfa().AddEmpty(at, end);
  const uint64_t alone = std::min(std::max<uint64_t>(prefix, 1), merged.max_items);
  for (uint64_t i = 0; i < alone; ++i) {
    BANTAM_RETURN_IF_ERROR(nfa().Check());
    BANTAM_TRY(const uint32_t rule, RuleOfItem(merged, i));
    const uint32_t begin = i == 0 ? at : AddSpace(nfa().AddByte(at, ','));
    at = nfa().AddState();
    nfa().AddCall(begin, at, rule);
    if (i + 1 >= merged.min_items) close(at);
  }
  if (alone == merged.max_items) return Ok();
  // The rest is counted: ("," item){m,n}.
  BANTAM_TRY(const uint32_t rule, RuleOfItem(merged, UINT64_MAX));
  BANTAM_TRY(const uint32_t further, builder_.AddRule("further items"));
  nfa().AddCall(AddSpace(nfa().AddByte(builder_.start(further), ',')), builder_.final(further), rule);
  const Count count{.least = static_cast<uint32_t>(merged.min_items > alone ? merged.min_items - alone : 1),
                    .most = endless ? kForever : static_cast<uint32_t>(merged.max_items - alone)};
  const uint32_t last = nfa().AddState();
  nfa().AddCall(at, last, further, count);
  return close(last), Ok();
}

// States are (items written, those of them that are of the kind), each as far as it matters.
Status SchemaCompiler::AddContaining(const Merged& merged, const ContainsPart& contains, uint32_t from, uint32_t to) {
  const bool endless = merged.max_items == UINT64_MAX, counts_all = contains.most != UINT64_MAX;
  uint64_t length = endless ? std::max<uint64_t>(merged.min_items, 1) : merged.max_items;
  if (endless) {
    for (const ItemsPart& part : merged.items) length = std::max<uint64_t>(length, part.prefix.size());
  }
  const uint64_t most = counts_all ? contains.most : contains.least;
  if (contains.least > contains.most) return Ok();
  if (length > kMostContainsStates || most > kMostContainsStates || (length + 1) * (most + 1) > kMostContainsStates) {
    return Err(ErrorCode::kTooLarge,
               "{}: \"contains\" with counts whose product (\"minContains\" or \"maxContains\", \"minItems\" or "
               "\"maxItems\") is more than {}, the limit",
               reader_.Where(*contains.schema), kMostContainsStates);
  }
  std::vector<uint32_t> states((length + 1) * (most + 1));
  for (uint32_t& state : states) state = nfa().AddState();
  const auto state = [&](uint64_t items, uint64_t found) { return states[items * (most + 1) + found]; };
  const uint32_t end = nfa().AddState();
  nfa().AddBytes(end, to, ']', ']');
  nfa().AddEmpty(AddSpace(nfa().AddByte(from, '['), true), state(0, 0));
  for (uint64_t i = 0; i <= length; ++i) {
    for (uint64_t found = contains.least; found <= most && i >= merged.min_items; ++found)
      nfa().AddEmpty(i == 0 ? state(0, found) : AddSpace(state(i, found), true), end);
    if (i == length && !endless) break;
    // All that are of the kind are to be known where there is a most; else any item may be one that does not count.
    BANTAM_TRY(const uint32_t found_one, RuleOfItem(merged, i, {{contains.schema}}));
    BANTAM_TRY(const uint32_t other,
               RuleOfItem(merged, i, counts_all ? SchemaList{{contains.schema, false, true}} : SchemaList()));
    const uint64_t next = std::min(i + 1, length);
    for (uint64_t found = 0; found <= most; ++found) {
      BANTAM_RETURN_IF_ERROR(nfa().Check());
      const uint32_t begin = i == 0 ? state(i, found) : AddSpace(nfa().AddByte(state(i, found), ','));
      nfa().AddCall(begin, state(next, found), other);
      if (found < most) nfa().AddCall(begin, state(next, found + 1), found_one);
    }
  }
  return Ok();
}

// What an item may be where that is a list of values; nothing where it is not.
Result<std::optional<std::vector<const json::value*>>> SchemaCompiler::DistinctItems(const Merged& merged) {
  using Values = std::vector<const json::value*>;
  SchemaList list;
  for (const ItemsPart& part : merged.items) {
    if (!part.prefix.empty()) return std::optional<Values>();
    if (part.rest != nullptr) list.push_back({part.rest});
  }
  BANTAM_TRY(const Merged item, reader_.Merge(list));
  if (!merged.contains.empty() || !item.values || !item.alternatives.empty()) return std::optional<Values>();
  Values values;
  for (const json::value* value : *item.values) {
    if (!builder_.budget.Spend(values.size() * 10)) return Budget::TooMuchWork();
    BANTAM_TRY(const bool allowed, Allowed(*value, item, item.types));
    if (allowed && std::ranges::none_of(values, [&](const json::value* each) { return SameJson(*each, *value); }))
      values.push_back(value);
  }
  return std::optional(std::move(values));
}

// Few values in any order: states are sets of those that were written. More come in the order in which they are listed:
// states are (values looked at, values written).
Status SchemaCompiler::AddDistinct(const Merged& merged, std::span<const json::value* const> values, uint32_t from,
                                   uint32_t to) {
  const size_t size = values.size();
  const uint64_t least = merged.min_items, most = std::min<uint64_t>(merged.max_items, size);
  if (least > most) return Ok();
  std::vector<uint32_t> rules;
  for (size_t i = 0; i < size; ++i) {
    BANTAM_TRY(const uint32_t rule, builder_.AddRule("a distinct item"));
    nfa().AddEmpty(AddJson(builder_.start(rule), *values[i]), builder_.final(rule));
    rules.push_back(rule);
  }
  const uint32_t end = nfa().AddState(), begin = AddSpace(nfa().AddByte(from, '['), true);
  nfa().AddBytes(end, to, ']', ']');
  const auto states = [&](size_t count) -> Result<std::vector<uint32_t>> {
    if (!builder_.budget.Spend(count * 20)) return Budget::TooMuchWork();
    std::vector<uint32_t> out(count);
    for (uint32_t& state : out) state = nfa().AddState();
    BANTAM_RETURN_IF_ERROR(nfa().Check());
    return out;
  };
  const auto close = [&](uint32_t state, uint64_t written) {
    if (written >= least) nfa().AddEmpty(written == 0 ? state : AddSpace(state, true), end);
  };
  const auto next = [&](uint32_t state, uint64_t written) {
    return written == 0 ? state : AddSpace(nfa().AddByte(state, ','));
  };
  if (size <= kMostInAnyOrder) {
    BANTAM_TRY(const std::vector<uint32_t> sets, states(size_t{1} << size));
    nfa().AddEmpty(begin, sets[0]);
    for (size_t set = 0; set < sets.size(); ++set) {
      const auto written = static_cast<uint64_t>(std::popcount(set));
      if (written > most) continue;
      close(sets[set], written);
      if (written == most) continue;
      const uint32_t at = next(sets[set], written);
      for (size_t i = 0; i < size; ++i) {
        if ((set >> i & 1) == 0) nfa().AddCall(at, sets[set | size_t{1} << i], rules[i]);
      }
    }
    return Ok();
  }
  BANTAM_TRY(std::vector<uint32_t> row, states(most + 1));
  nfa().AddEmpty(begin, row[0]);
  for (size_t i = 0; i < size; ++i) {
    BANTAM_TRY(const std::vector<uint32_t> after, states(most + 1));
    for (uint64_t written = 0; written <= most; ++written) {
      nfa().AddEmpty(row[written], after[written]);
      if (written < most) nfa().AddCall(next(row[written], written), after[written + 1], rules[i]);
    }
    row = after;
  }
  for (uint64_t written = 0; written <= most; ++written) close(row[written], written);
  return Ok();
}

}  // namespace bantam::grammar
