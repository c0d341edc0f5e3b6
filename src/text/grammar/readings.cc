#include "text/grammar/readings.h"

#include <algorithm>
#include <unordered_set>

namespace bantam::grammar {

size_t Readings::KeyHash::operator()(const std::vector<uint64_t>& key) const {
  uint64_t hash = key.size();
  for (const uint64_t part : key) {
    hash = (hash ^ part) * 0x9E37'79B9'7F4A'7C15;
    hash ^= hash >> 29;
  }
  return hash;
}

Readings::Readings(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const TokenTable> tokens)
    : grammar_(std::move(grammar)),
      tokens_(std::move(tokens)),
      stacks_(1),
      path_(tokens_->max_bytes() + 1),
      nested_(path_.size()) {
  std::vector<Reading> seeds{{grammar_->start(), 0}};
  start_ = Close(seeds);
}

uint32_t Readings::Push(uint32_t stack, uint32_t state) {
  const auto [at, added] = stack_ids_.try_emplace(uint64_t{stack} << 32 | state, static_cast<uint32_t>(stacks_.size()));
  if (added) {
    stacks_.push_back({stack, state, stacks_[stack].depth + 1});
    size_bytes_ += 64;
  }
  return at->second;
}

// Adds to the seeds what is reached without a byte: rules that are called, and after a rule's end what follows it.
Readings::SetId Readings::Close(std::vector<Reading>& seeds) {
  Set set;
  std::unordered_set<uint64_t> seen;  // only once there are many
  const auto add = [&](uint32_t state, uint32_t stack) {
    const Reading reading{state, stack};
    if (seeds.size() < 32) {
      for (const Reading& each : seeds) {
        if (each.key() == reading.key()) return;
      }
    } else {
      if (seen.empty()) {
        for (const Reading& each : seeds) seen.insert(each.key());
      }
      if (!seen.insert(reading.key()).second) return;
    }
    seeds.push_back(reading);
  };
  for (size_t i = 0; i < seeds.size(); ++i) {
    const auto [state, stack] = seeds[i];
    set.deepest = std::max(set.deepest, stacks_[stack].depth);
    // Too many ways to read the same text: this one cannot be gone on with.
    if (seeds.size() > Limits::kReadings * 16) return kDead;
    if (grammar_->IsFinal(state)) {
      if (stack == 0) {
        set.can_end = true;
      } else {
        add(stacks_[stack].state, stacks_[stack].parent);
      }
    }
    for (const Grammar::Call& call : grammar_->Calls(state)) {
      if (grammar_->IsOnlyEnd(call.to)) {
        add(call.start, stack);
      } else if (stacks_[stack].depth < Limits::kStackDepth) {
        add(call.start, Push(stack, call.to));
      }
    }
    if (grammar_->ReadsBytes(state)) {
      set.readings.push_back({state, stack});
      set.free_chars = std::max(set.free_chars, grammar_->FreeChars(state));
    }
  }
  if (set.readings.size() > Limits::kReadings) return kDead;
  if (set.readings.empty() && !set.can_end) return kDead;
  most_readings_ = std::max(most_readings_, set.readings.size());
  most_seeds_ = std::max(most_seeds_, seeds.size());
  return Keep(std::move(set));
}

// The set with these readings, which may be there already.
Readings::SetId Readings::Keep(Set set) {
  std::ranges::sort(set.readings, {}, &Reading::key);
  std::vector<uint64_t> key{set.can_end ? uint64_t{1} : uint64_t{0}};
  for (const Reading& reading : set.readings) key.push_back(reading.key());
  const auto [at, added] = ids_.try_emplace(std::move(key), static_cast<SetId>(sets_.size()));
  if (added) {
    next_.resize(next_.size() + grammar_->classes().size(), kUnknown);
    set_ends_.push_back((set.can_end ? kEnds : 0) | (set.readings.empty() ? kStops : 0));
    size_bytes_ += 256 + set.readings.size() * 16 + grammar_->classes().size() * 4;
    sets_.push_back(std::move(set));
  } else {
    sets_[at->second].deepest = std::max(sets_[at->second].deepest, set.deepest);
  }
  return at->second;
}

Readings::SetId Readings::StepClass(SetId set, size_t byte_class) {
  const size_t place = set * grammar_->classes().size() + byte_class;
  if (next_[place] != kUnknown) return next_[place];
  seeds_.clear();
  for (const Reading& reading : sets_[set].readings) {
    const uint32_t to = grammar_->Next(reading.state, byte_class);
    if (to == kDead) continue;
    const bool there = std::ranges::any_of(
        seeds_, [&](const Reading& each) { return each.state == to && each.stack == reading.stack; });
    if (!there) seeds_.push_back({to, reading.stack});
  }
  const SetId next = seeds_.empty() ? kDead : Close(seeds_);
  next_[place] = next;
  return next;
}

int Readings::ForcedByte(SetId id) {
  if (sets_[id].forced != -2) return sets_[id].forced;
  const ByteClasses& classes = grammar_->classes();
  int forced = -1;
  size_t ways = sets_[id].can_end ? 2 : 0;
  for (size_t c = 0; c < classes.size() && ways < 2; ++c) {
    if (StepClass(id, c) == kDead) continue;
    const size_t width = (c + 1 < classes.size() ? classes.first[c + 1] : size_t{256}) - classes.first[c];
    ways += width;
    forced = classes.first[c];
  }
  if (ways != 1) forced = -1;
  sets_[id].forced = static_cast<int16_t>(forced);
  return forced;
}

int Readings::SliceOf(SetId set) const {
  int slice = -1;
  for (const TokenTable::Slice& each : tokens_->slices()) {
    if (each.max_chars > sets_[set].free_chars) break;
    ++slice;
  }
  return slice;
}

void Readings::Walk(SetId from, size_t depth, size_t begin, size_t end, int slice, std::vector<uint32_t>& bits,
                    Local* local) {
  const auto nodes = tokens_->nodes();
  const auto ids = tokens_->ids();
  const ByteClasses& classes = grammar_->classes();
  const size_t width = classes.size();
  path_[depth] = from;
  nested_[depth] = 0;
  for (size_t i = begin; i < end;) {
    const TokenTable::Node& node = nodes[i];
    if (static_cast<int>(node.slice) <= slice) {
      i = node.end;
      continue;
    }
    const SetId at = path_[node.depth - size_t{1}];
    const size_t byte_class = classes.of[node.byte];
    SetId to = next_[at * width + byte_class];
    if (to == kUnknown) to = StepClass(at, byte_class);
    if (to == kDead) {
      i = node.end;
      continue;
    }
    for (uint32_t k = 0; k < node.num_ids; ++k) {
      const auto id = static_cast<uint32_t>(ids[node.first_id + k]);
      bits[id / 32] |= 1U << id % 32;
    }
    const uint8_t ends = set_ends_[to];
    if (local != nullptr) {
      local->deepest = std::max(local->deepest, sets_[to].deepest);
      const bool exits = (ends & kEnds) != 0 && node.end > i + 1;
      nested_[node.depth] = nested_[node.depth - size_t{1}] + (exits ? 1 : 0);
      local->nested = std::max(local->nested, nested_[node.depth]);
      if (exits) local->exits.push_back(static_cast<uint32_t>(i));
    }
    if ((ends & kStops) != 0) {
      i = node.end;
      continue;
    }
    path_[node.depth] = to;
    ++i;
  }
}

// Tokens that are free to stand here whatever they say need no walk.
std::vector<uint32_t> Readings::Try(SetId set) {
  const int slice = SliceOf(set);
  std::vector<uint32_t> bits((static_cast<size_t>(tokens_->size()) + 31) / 32);
  if (slice >= 0) bits = tokens_->slices()[static_cast<size_t>(slice)].bits;
  Walk(set, 0, 0, tokens_->nodes().size(), slice, bits, nullptr);
  return bits;
}

const Readings::Local& Readings::LocalOf(uint32_t state) {
  std::unique_ptr<Local>& kept = locals_[state];
  if (kept != nullptr) return *kept;
  auto local = std::make_unique<Local>();
  Set alone;
  alone.readings = {{state, 0}};
  alone.free_chars = grammar_->FreeChars(state);
  const SetId set = Keep(std::move(alone));
  const int slice = SliceOf(set);
  std::vector<uint32_t> bits((static_cast<size_t>(tokens_->size()) + 31) / 32);
  if (slice >= 0) bits = tokens_->slices()[static_cast<size_t>(slice)].bits;
  Walk(set, 0, 0, tokens_->nodes().size(), slice, bits, local.get());
  local->allowed = Packed(std::move(bits));
  size_bytes_ += sizeof(Local) + (local->allowed.bits.size() + local->allowed.ids.size() + local->exits.size()) * 4;
  kept = std::move(local);
  return *kept;
}

bool Readings::Join(SetId set, Joined& out) {
  constexpr size_t kMost = 32;
  const std::vector<Reading> readings = sets_[set].readings;
  if (readings.size() > kMost) return false;
  const auto nodes = tokens_->nodes();
  std::vector<uint32_t> bits;
  size_t together = readings.size();  // readings that may be joined in one set
  for (const auto& [state, stack] : readings) {
    const Local& local = LocalOf(state);
    if (stacks_[stack].depth + local.deepest >= Limits::kStackDepth) return false;
    out.any |= local.allowed.any;
    if (std::ranges::find(out.locals, &local) == out.locals.end()) out.locals.push_back(&local);
    if (stack == 0 || local.exits.empty()) continue;
    together += local.nested;
    std::vector<Reading> seeds{{stacks_[stack].state, stacks_[stack].parent}};
    const SetId behind = Close(seeds);
    if (behind == kDead) return false;
    bits.resize((static_cast<size_t>(tokens_->size()) + 31) / 32);
    for (const uint32_t exit : local.exits)
      Walk(behind, nodes[exit].depth, exit + size_t{1}, nodes[exit].end, -1, bits, nullptr);
  }
  out.others = Packed(std::move(bits));
  out.any |= out.others.any;
  return together * most_readings_ <= Limits::kReadings && together * most_seeds_ <= Limits::kReadings * 16;
}

// Of few tokens the ids take less.
Readings::Allowed Readings::Packed(std::vector<uint32_t> bits) const {
  Allowed out;
  size_t count = 0;
  for (const uint32_t word : bits) count += static_cast<size_t>(__builtin_popcount(word));
  out.any = count > 0;
  if (count > 0 && count >= bits.size() / 2) {
    out.bits = std::move(bits);
    return out;
  }
  out.ids.reserve(count);
  for (size_t i = 0; i < bits.size(); ++i) {
    for (uint32_t word = bits[i]; word != 0; word &= word - 1)
      out.ids.push_back(static_cast<uint32_t>(i * 32) + static_cast<uint32_t>(__builtin_ctz(word)));
  }
  return out;
}

void Readings::Add(const Allowed& found, std::span<uint32_t> allowed) {
  for (size_t i = 0; i < found.bits.size(); ++i) allowed[i] |= found.bits[i];
  for (const uint32_t id : found.ids) allowed[id / 32] |= 1U << id % 32;
}

bool Readings::MaskByTrying(SetId set, std::span<uint32_t> allowed) {
  const Allowed found = Packed(Try(set));
  std::ranges::fill(allowed, 0);
  Add(found, allowed);
  return found.any;
}

bool Readings::Mask(SetId set, std::span<uint32_t> allowed) {
  if (sets_[set].allowed == nullptr) {
    auto made = std::make_unique<Joined>();
    if (!Join(set, *made)) {
      *made = Joined{.locals = {}, .others = Packed(Try(set))};
      made->any = made->others.any;
    }
    size_bytes_ += sizeof(Joined) + made->locals.size() * 8 + (made->others.bits.size() + made->others.ids.size()) * 4;
    sets_[set].allowed = std::move(made);
  }
  const Joined& found = *sets_[set].allowed;
  std::ranges::fill(allowed, 0);
  for (const Local* local : found.locals) Add(local->allowed, allowed);
  Add(found.others, allowed);
  return found.any;
}

Readings::SetId Readings::Import(const Readings& other, SetId set) {
  // Readings that a rule's end left behind are not among them, and whether the text may end is known.
  Set copy;
  for (const Reading& reading : other.sets_[set].readings) {
    std::vector<uint32_t> open;
    for (uint32_t at = reading.stack; at != 0; at = other.stacks_[at].parent) open.push_back(other.stacks_[at].state);
    uint32_t stack = 0;
    for (size_t i = open.size(); i > 0; --i) stack = Push(stack, open[i - 1]);
    copy.readings.push_back({reading.state, stack});
  }
  copy.can_end = other.sets_[set].can_end;
  copy.free_chars = other.sets_[set].free_chars;
  return Keep(std::move(copy));
}

}  // namespace bantam::grammar
