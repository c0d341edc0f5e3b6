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
    : grammar_(std::move(grammar)), tokens_(std::move(tokens)), stacks_(1), path_(tokens_->max_bytes() + 1) {
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
  std::ranges::sort(set.readings, {}, &Reading::key);
  std::vector<uint64_t> key{set.can_end ? uint64_t{1} : uint64_t{0}};
  for (const Reading& reading : set.readings) key.push_back(reading.key());
  const auto [at, added] = ids_.try_emplace(std::move(key), static_cast<SetId>(sets_.size()));
  if (added) {
    set.next.assign(grammar_->classes().size(), kUnknown);
    size_bytes_ += 256 + set.readings.size() * 16 + set.next.size() * 4;
    sets_.push_back(std::move(set));
  }
  return at->second;
}

Readings::SetId Readings::StepClass(SetId set, size_t byte_class) {
  const uint32_t known = sets_[set].next[byte_class];
  if (known != kUnknown) return known;
  seeds_.clear();
  for (const Reading& reading : sets_[set].readings) {
    const uint32_t to = grammar_->Next(reading.state, byte_class);
    if (to == kDead) continue;
    const bool there = std::ranges::any_of(
        seeds_, [&](const Reading& each) { return each.state == to && each.stack == reading.stack; });
    if (!there) seeds_.push_back({to, reading.stack});
  }
  const SetId next = seeds_.empty() ? kDead : Close(seeds_);
  sets_[set].next[byte_class] = next;
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

Readings::Allowed Readings::Walk(SetId set) {
  const size_t words = (static_cast<size_t>(tokens_->size()) + 31) / 32;
  Allowed out;
  out.bits.assign(words, 0);
  // Tokens that are free to stand here whatever they say need no walk.
  int slice = -1;
  const auto slices = tokens_->slices();
  while (slice + 1 < static_cast<int>(slices.size()) &&
         slices[static_cast<size_t>(slice + 1)].max_chars <= sets_[set].free_chars)
    ++slice;
  if (slice >= 0) out.bits = slices[static_cast<size_t>(slice)].bits;
  const auto nodes = tokens_->nodes();
  const auto ids = tokens_->ids();
  const ByteClasses& classes = grammar_->classes();
  path_[0] = set;
  for (size_t i = 0; i < nodes.size();) {
    const TokenTable::Node& node = nodes[i];
    if (static_cast<int>(node.slice) <= slice) {
      i = node.end;
      continue;
    }
    const SetId from = path_[node.depth - size_t{1}];
    const size_t byte_class = classes.of[node.byte];
    SetId to = sets_[from].next[byte_class];
    if (to == kUnknown) to = StepClass(from, byte_class);
    if (to == kDead) {
      i = node.end;
      continue;
    }
    path_[node.depth] = to;
    for (uint32_t k = 0; k < node.num_ids; ++k) {
      const auto id = static_cast<uint32_t>(ids[node.first_id + k]);
      out.bits[id / 32] |= 1U << id % 32;
    }
    ++i;
  }
  size_t count = 0;
  for (const uint32_t word : out.bits) count += static_cast<size_t>(__builtin_popcount(word));
  out.any = count > 0;
  if (count < words / 2) {
    for (size_t i = 0; i < words; ++i) {
      for (uint32_t word = out.bits[i]; word != 0; word &= word - 1)
        out.ids.push_back(static_cast<uint32_t>(i * 32) + static_cast<uint32_t>(__builtin_ctz(word)));
    }
    out.bits = {};
  }
  return out;
}

bool Readings::Mask(SetId set, std::span<uint32_t> allowed) {
  if (sets_[set].allowed == nullptr) {
    auto made = std::make_unique<Allowed>(Walk(set));
    size_bytes_ += sizeof(Allowed) + (made->bits.size() + made->ids.size()) * 4;
    sets_[set].allowed = std::move(made);
  }
  const Allowed& found = *sets_[set].allowed;
  if (found.bits.empty()) {
    std::ranges::fill(allowed, 0);
    for (const uint32_t id : found.ids) allowed[id / 32] |= 1U << id % 32;
  } else {
    const auto end = std::ranges::copy(found.bits, allowed.begin()).out;
    std::fill(end, allowed.end(), 0);
  }
  return found.any;
}

Readings::SetId Readings::Import(const Readings& other, SetId set) {
  std::vector<Reading> seeds;
  for (const Reading& reading : other.sets_[set].readings) {
    std::vector<uint32_t> open;
    for (uint32_t at = reading.stack; at != 0; at = other.stacks_[at].parent) open.push_back(other.stacks_[at].state);
    uint32_t stack = 0;
    for (size_t i = open.size(); i > 0; --i) stack = Push(stack, open[i - 1]);
    seeds.push_back({reading.state, stack});
  }
  // Readings that a rule's end left behind are not among them, and whether the text may end is known.
  Set copy;
  copy.readings = seeds;
  copy.can_end = other.sets_[set].can_end;
  copy.free_chars = other.sets_[set].free_chars;
  std::ranges::sort(copy.readings, {}, &Reading::key);
  std::vector<uint64_t> key{copy.can_end ? uint64_t{1} : uint64_t{0}};
  for (const Reading& reading : copy.readings) key.push_back(reading.key());
  const auto [at, added] = ids_.try_emplace(std::move(key), static_cast<SetId>(sets_.size()));
  if (added) {
    copy.next.assign(grammar_->classes().size(), kUnknown);
    size_bytes_ += 256 + copy.readings.size() * 16 + copy.next.size() * 4;
    sets_.push_back(std::move(copy));
  }
  return at->second;
}

}  // namespace bantam::grammar
