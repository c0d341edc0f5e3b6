// Where any ordinary characters of JSON strings may stand, whichever they are, and where bytes of a class may.
#include <algorithm>
#include <deque>

#include "text/grammar/grammar.h"

namespace bantam::grammar {
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
void Grammar::FindFreeChars(Budget& budget) {
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
    if (!budget.Spend(width)) return;
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
  for (Call& each : calls_) {
    if (each.count.once() || free_chars_[each.start] == 0) continue;
    if (!budget.Spend(width * kNumPlaces * 4)) return;
    each.free = AnyCharEnds(each.start);
  }
}

// Whether each ordinary character, all of which can be read, is a whole text from here.
bool Grammar::AnyCharEnds(uint32_t start) const {
  std::vector<std::pair<uint32_t, Place>> open{{start, kBorder}};
  for (size_t i = 0; i < open.size(); ++i) {
    const auto [state, place] = open[i];
    for (size_t c = 0; c < classes_.size(); ++c) {
      const Place after = After(place, classes_.first[c]);
      if (after == kNone) continue;
      const std::pair next(Next(state, c), after);
      if (after == kBorder) {
        if (!IsFinal(next.first)) return false;
      } else if (std::ranges::find(open, next) == open.end()) {
        if (open.size() == kNumPlaces * size_t{4}) return false;
        open.push_back(next);
      }
    }
  }
  return true;
}

// goes(class of bytes): whether they are of it. Small ones, and more than a few in one grammar, are not worth knowing.
template <typename Goes>
uint8_t Grammar::LoopWhere(const Goes& goes) {
  constexpr size_t kFewest = 8, kMost = 16;
  AsciiSet bytes;
  for (size_t c = 0; c < classes_.size() && classes_.first[c] < bytes.size(); ++c) {
    if (!goes(c)) continue;
    const size_t end = c + 1 < classes_.size() ? classes_.first[c + 1] : bytes.size();
    for (size_t byte = classes_.first[c]; byte < std::min(end, bytes.size()); ++byte) bytes.set(byte);
  }
  if (bytes.count() < kFewest) return kNoLoop;
  const auto at = std::ranges::find(loops_, bytes);
  const auto number = static_cast<uint8_t>(at - loops_.begin());
  if (at != loops_.end()) return number;
  if (loops_.size() == kMost) return kNoLoop;
  loops_.push_back(bytes);
  return number;
}

void Grammar::FindLoops(Budget& budget) {
  loop_.assign(num_states(), kNoLoop);
  if (!budget.Spend((num_states() + calls_.size()) * classes_.size() / 4)) return;
  for (uint32_t state = 0; state < num_states(); ++state) {
    if (free_chars_[state] == 0) loop_[state] = LoopWhere([&](size_t c) { return Next(state, c) == state; });
  }
  for (Call& call : calls_) {
    if (call.count.once() || call.free) continue;
    call.loop = LoopWhere([&](size_t c) { return Next(call.start, c) != kDead && IsFinal(Next(call.start, c)); });
  }
}

}  // namespace bantam::grammar
