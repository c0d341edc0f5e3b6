// Which tokens may come next: what is known of a rule's places, joined, or found by a walk over the token table.
#include <algorithm>

#include "text/grammar/readings.h"

namespace bantam::grammar {

int Readings::SliceOf(SetId set) const {
  int slice = -1;
  for (const TokenTable::Slice& each : tokens_->slices()) {
    if (each.max_chars > passages_[set].free_chars) break;
    ++slice;
  }
  return slice;
}

const TokenTable::LoopBytes& Readings::LoopBytesOf(uint8_t loop) {
  if (loop_bytes_.size() <= loop) loop_bytes_.resize(loop + size_t{1});
  if (loop_bytes_[loop] == nullptr) loop_bytes_[loop] = tokens_->LoopBytesOf(grammar_->loops()[loop]);
  return *loop_bytes_[loop];
}

void Readings::Walk(SetId from, const TokenTable::Trie& trie, size_t depth, size_t begin, size_t end, int slice,
                    Local* local) {
  const std::vector<TokenTable::Node>& nodes = trie.nodes;
  const ByteClasses& classes = grammar_->classes();
  const size_t width = classes.size();
  const int sliced = slice < 0 ? -1 : tokens_->slices()[static_cast<size_t>(slice)].max_chars;
  const bool in_all = &trie == &tokens_->all();
  const auto note = [&](uint32_t first, uint32_t last) {
    found_.insert(found_.end(), trie.ids.begin() + first, trie.ids.begin() + last);
  };
  path_[depth] = from;
  nested_[depth] = 0;
  for (size_t i = begin; i < end;) {
    const TokenTable::Node& node = nodes[i];
    if (static_cast<int>(node.chars) <= sliced) {
      i = node.end;
      continue;
    }
    const SetId at = path_[node.depth - size_t{1}];
    if (node.chars_from_here <= passages_[at].free_chars) {
      note(node.first_id, trie.IdsBefore(node.end));
      i = node.end;
      continue;
    }
    if (in_all && passages_[at].loop != kNoLoop && LoopBytesOf(passages_[at].loop)[i] <= passages_[at].room) {
      note(node.first_id, trie.IdsBefore(node.end));
      i = node.end;
      continue;
    }
    const size_t byte_class = classes.of[node.byte];
    SetId to = next_[at * width + byte_class];
    if (to == kUnknown) to = StepClass(at, byte_class);
    if (to == kDead) {
      i = node.end;
      continue;
    }
    if (node.num_ids > 0) note(node.first_id, node.first_id + node.num_ids);
    const Passage passage = passages_[to];
    if (local != nullptr) {
      local->deepest = std::max(local->deepest, sets_[to].deepest);
      const bool exits = passage.ends && node.end > i + 1;
      nested_[node.depth] = nested_[node.depth - size_t{1}] + (exits ? 1 : 0);
      local->nested = std::max(local->nested, nested_[node.depth]);
      if (exits) local->exits.push_back(static_cast<uint32_t>(i));
    }
    if (passage.stops) {
      i = node.end;
      continue;
    }
    path_[node.depth] = to;
    ++i;
  }
}

// Tokens that are free to stand here whatever they say need no walk.
void Readings::WalkAll(SetId from, int slice, Local* local) {
  const bool many = slice >= 0 && tokens_->slices()[static_cast<size_t>(slice)].max_chars >= TokenTable::kShortChars;
  const TokenTable::Trie& trie = many ? tokens_->rest() : tokens_->all();
  if (local != nullptr) local->trie = &trie;
  found_.clear();
  Walk(from, trie, 0, 0, trie.nodes.size(), slice, local);
}

Readings::Allowed Readings::Try(SetId set) {
  const int slice = SliceOf(set);
  WalkAll(set, slice, nullptr);
  return TakeFound(slice);
}

const Readings::Local& Readings::LocalOf(uint32_t state) {
  std::unique_ptr<Local>& kept = locals_[state];
  if (kept != nullptr) return *kept;
  auto local = std::make_unique<Local>();
  Set alone;
  alone.readings = {{state, 0}};
  const SetId set = Keep(std::move(alone));
  const int slice = SliceOf(set);
  WalkAll(set, slice, local.get());
  local->allowed = TakeFound(slice);
  size_bytes_ += sizeof(Local) + local->allowed.size_bytes() + local->exits.size() * 4;
  kept = std::move(local);
  return *kept;
}

bool Readings::Join(SetId set, Joined& out) {
  constexpr size_t kMost = 32;
  const std::vector<Reading> readings = sets_[set].readings;
  if (readings.size() > kMost || sets_[set].counts_free) return false;
  size_t together = readings.size();  // readings that may be joined in one set
  std::vector<std::pair<SetId, const Local*>> behind;
  for (const auto& [state, stack] : readings) {
    const Local& local = LocalOf(state);
    if (stacks_[stack].depth + local.deepest >= Limits::kStackDepth) return false;
    out.any |= local.allowed.any();
    if (std::ranges::find(out.locals, &local) == out.locals.end()) out.locals.push_back(&local);
    if (stack == 0 || local.exits.empty()) continue;
    together += local.nested;
    std::array<Reading, 2> ways;
    const size_t count = Behind(stack, ways);
    std::vector<Reading> seeds(ways.begin(), ways.begin() + count);
    const SetId next = Close(seeds);
    if (next == kDead) return false;
    behind.emplace_back(next, &local);
  }
  found_.clear();
  for (const auto& [from, local] : behind) {
    for (const uint32_t exit : local->exits) {
      const TokenTable::Node& node = local->trie->nodes[exit];
      Walk(from, *local->trie, node.depth, exit + size_t{1}, node.end, -1, nullptr);
    }
  }
  out.others = TakeFound(-1);
  out.any |= out.others.any();
  return together * most_readings_ <= Limits::kReadings && together * most_seeds_ <= Limits::kReadings * 16;
}

// Of few tokens the ids take less.
Readings::Allowed Readings::TakeFound(int slice) {
  Allowed out{.slice = slice, .ids = {}, .bits = {}};
  const size_t words = (static_cast<size_t>(tokens_->size()) + 31) / 32;
  if (found_.empty() || found_.size() < words / 2) {
    out.ids.assign(found_.begin(), found_.end());
    return out;
  }
  out.bits.resize(words);
  for (const int32_t each : found_) {
    const auto id = static_cast<uint32_t>(each);
    out.bits[id / 32] |= 1U << id % 32;
  }
  return out;
}

void Readings::Add(const Allowed& found, std::span<uint32_t> allowed) const {
  const auto all_of = [&](const std::vector<uint32_t>& bits) {
    for (size_t i = 0; i < bits.size(); ++i) allowed[i] |= bits[i];
  };
  if (found.slice >= 0) all_of(tokens_->slices()[static_cast<size_t>(found.slice)].bits);
  all_of(found.bits);
  for (const uint32_t id : found.ids) allowed[id / 32] |= 1U << id % 32;
}

bool Readings::MaskByTrying(SetId set, std::span<uint32_t> allowed) {
  const Allowed found = Try(set);
  std::ranges::fill(allowed, 0);
  Add(found, allowed);
  return found.any();
}

// A count that no token can bring near its least or most allows what every such count does.
uint32_t Readings::WithoutDistance(uint32_t stack) {
  std::vector<uint32_t> open;
  for (uint32_t at = stack; at != 0; at = stacks_[at].parent) open.push_back(at);
  const uint64_t reach = tokens_->max_bytes() + 1;  // a time takes a byte at least
  uint32_t out = 0;
  for (size_t i = open.size(); i > 0; --i) {
    const StackNode node = stacks_[open[i - 1]];
    uint32_t done = node.done;
    if (node.counted) {
      const Count count = grammar_->call(node.target).count;
      if (done + reach < count.least) {
        done = 0;
      } else if (done + 1 >= count.least && (count.most == kForever || done + reach < count.most)) {
        done = count.least - 1;
      }
    }
    out = Push(out, node.target, node.counted, done);
  }
  return out;
}

Readings::SetId Readings::MaskedAs(SetId id) {
  if (sets_[id].masked_as != kUnknown) return sets_[id].masked_as;
  Set alike;
  alike.can_end = sets_[id].can_end;
  bool same = true;
  for (const Reading& reading : std::vector(sets_[id].readings)) {
    const uint32_t stack = WithoutDistance(reading.stack);
    same &= stack == reading.stack;
    const bool there = std::ranges::any_of(
        alike.readings, [&](const Reading& each) { return each.state == reading.state && each.stack == stack; });
    if (!there) alike.readings.push_back({reading.state, stack});
  }
  const SetId found = same ? id : Keep(std::move(alike));
  return sets_[id].masked_as = found;
}

bool Readings::Mask(SetId id, std::span<uint32_t> allowed) {
  const SetId set = MaskedAs(id);
  if (sets_[set].allowed == nullptr) {
    auto made = std::make_unique<Joined>();
    if (!Join(set, *made)) {
      *made = Joined{.locals = {}, .others = Try(set)};
      made->any = made->others.any();
    }
    size_bytes_ += sizeof(Joined) + made->locals.size() * 8 + made->others.size_bytes();
    sets_[set].allowed = std::move(made);
  }
  const Joined& found = *sets_[set].allowed;
  std::ranges::fill(allowed, 0);
  for (const Local* local : found.locals) Add(local->allowed, allowed);
  Add(found.others, allowed);
  return found.any;
}

}  // namespace bantam::grammar
