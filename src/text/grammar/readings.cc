#include "text/grammar/readings.h"

#include <algorithm>
#include <array>
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

size_t Readings::StackHash::operator()(const StackNode& node) const {
  uint64_t hash = (uint64_t{node.parent} << 32 | node.target) * 0x9E37'79B9'7F4A'7C15;
  hash ^= hash >> 29;
  return (hash ^ uint64_t{node.done} << 1 ^ (node.counted ? 1 : 0)) * 0x9E37'79B9'7F4A'7C15;
}

uint32_t Readings::Push(uint32_t parent, uint32_t target, bool counted, uint32_t done) {
  const StackNode node{
      .parent = parent, .target = target, .done = done, .depth = stacks_[parent].depth + 1, .counted = counted};
  const auto [at, added] = stack_ids_.try_emplace(node, static_cast<uint32_t>(stacks_.size()));
  if (added) {
    stacks_.push_back(node);
    size_bytes_ += 96;
  }
  return at->second;
}

size_t Readings::Behind(uint32_t stack, std::array<Reading, 2>& out) {
  const StackNode node = stacks_[stack];
  if (!node.counted) return out[0] = {node.target, node.parent}, 1;
  const Grammar::Call& call = grammar_->call(node.target);
  const uint32_t done = node.done + 1;
  size_t ways = 0;
  if (done >= call.count.least) out[ways++] = {call.to, node.parent};
  if (done < call.count.most) {
    const uint32_t matters = call.count.most == kForever ? std::min(done, call.count.least) : done;
    out[ways++] = {call.start, Push(node.parent, node.target, true, matters)};
  }
  return ways;
}

// Of two readings that begin what is counted again and may both leave it, the one that has counted less allows all that
// the other does.
bool Readings::IsCovered(const Reading& reading) {
  constexpr size_t kMost = 64;
  const StackNode& node = stacks_[reading.stack];
  if (!node.counted) return false;
  const Grammar::Call& call = grammar_->call(node.target);
  if (reading.state != call.start || node.done + 1 < call.count.least) return false;
  for (const StackNode& each : begun_) {
    if (each.parent == node.parent && each.target == node.target && each.done < node.done) return true;
  }
  if (begun_.size() < kMost) begun_.push_back(node);
  return false;
}

// Adds to the seeds what is reached without a byte: rules that are called, and after a rule's end what follows it.
Readings::SetId Readings::Close(std::vector<Reading>& seeds) {
  Set set;
  begun_.clear();
  std::unordered_set<uint64_t> seen;  // only once there are many
  const auto add = [&](uint32_t state, uint32_t stack) {
    const Reading reading{state, stack};
    if (IsCovered(reading)) return;
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
        std::array<Reading, 2> behind;
        const size_t ways = Behind(stack, behind);
        for (size_t k = 0; k < ways; ++k) add(behind[k].state, behind[k].stack);
      }
    }
    uint32_t number = grammar_->FirstCall(state);
    for (const Grammar::Call& call : grammar_->Calls(state)) {
      const bool may_push = stacks_[stack].depth < Limits::kStackDepth;
      if (!call.count.once()) {
        if (may_push) add(call.start, Push(stack, number, true));
      } else if (grammar_->IsOnlyEnd(call.to)) {
        add(call.start, stack);
      } else if (may_push) {
        add(call.start, Push(stack, call.to));
      }
      ++number;
    }
    if (grammar_->ReadsBytes(state)) set.readings.push_back({state, stack});
  }
  if (set.readings.size() > Limits::kReadings) return kDead;
  if (set.readings.empty() && !set.can_end) return kDead;
  most_readings_ = std::max(most_readings_, set.readings.size());
  most_seeds_ = std::max(most_seeds_, seeds.size());
  return Keep(std::move(set));
}

void Readings::FindFree(Set& set) const {
  uint32_t by_states = 0, by_counts = 0;
  for (const auto& [state, stack] : set.readings) {
    by_states = std::max<uint32_t>(by_states, grammar_->FreeChars(state));
    if (stack == 0 || !stacks_[stack].counted) continue;
    const Grammar::Call& call = grammar_->call(stacks_[stack].target);
    if (call.free && state == call.start) by_counts = std::max(by_counts, call.count.most - stacks_[stack].done);
  }
  set.free_chars = static_cast<uint8_t>(std::min<uint32_t>(std::max(by_states, by_counts), Grammar::kManyChars));
  set.counts_free = by_counts > by_states;
}

Readings::Passage Readings::PassageOf(const Set& set) const {
  Passage passage{.ends = set.can_end, .stops = set.readings.empty(), .free_chars = set.free_chars};
  const auto offer = [&](uint8_t loop, uint32_t room) {
    if (loop == kNoLoop ||
        (passage.loop != kNoLoop && grammar_->loops()[passage.loop].count() >= grammar_->loops()[loop].count()))
      return;
    passage.loop = loop;
    passage.room = static_cast<uint8_t>(std::min<uint32_t>(room, TokenTable::kNoChars - 1));
  };
  for (const auto& [state, stack] : set.readings) {
    offer(grammar_->Loop(state), kForever);
    if (stack == 0 || !stacks_[stack].counted) continue;
    const Grammar::Call& call = grammar_->call(stacks_[stack].target);
    if (state == call.start) offer(call.loop, call.count.most - stacks_[stack].done);
  }
  return passage;
}

// The set with these readings, which may be there already.
Readings::SetId Readings::Keep(Set set) {
  std::ranges::sort(set.readings, {}, &Reading::key);
  std::vector<uint64_t> key{set.can_end ? uint64_t{1} : uint64_t{0}};
  for (const Reading& reading : set.readings) key.push_back(reading.key());
  const auto [at, added] = ids_.try_emplace(std::move(key), static_cast<SetId>(sets_.size()));
  if (added) {
    FindFree(set);
    next_.resize(next_.size() + grammar_->classes().size(), kUnknown);
    passages_.push_back(PassageOf(set));
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

Readings::SetId Readings::Import(const Readings& other, SetId set) {
  // Readings that a rule's end left behind are not among them, and whether the text may end is known.
  Set copy;
  for (const Reading& reading : other.sets_[set].readings) {
    std::vector<uint32_t> open;
    for (uint32_t at = reading.stack; at != 0; at = other.stacks_[at].parent) open.push_back(at);
    uint32_t stack = 0;
    for (size_t i = open.size(); i > 0; --i) {
      const StackNode& node = other.stacks_[open[i - 1]];
      stack = Push(stack, node.target, node.counted, node.done);
    }
    copy.readings.push_back({reading.state, stack});
  }
  copy.can_end = other.sets_[set].can_end;
  return Keep(std::move(copy));
}

}  // namespace bantam::grammar
