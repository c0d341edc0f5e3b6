#include "text/tool_calls/free_text.h"

#include <vector>

namespace bantam::tools {

using grammar::kDead;

// State i has read the first i bytes of the marker, and no more of it (Knuth, Morris, Pratt).
void AddTextUpTo(grammar::Nfa& nfa, uint32_t from, std::string_view marker, uint32_t end, uint32_t behind) {
  const size_t length = marker.size();
  std::vector<uint32_t> states;
  for (size_t i = 0; i < length; ++i) states.push_back(nfa.AddState());
  nfa.AddEmpty(from, states[0]);
  const auto after = [&](size_t read, uint8_t byte) {
    std::string text(marker.substr(0, read));
    text += static_cast<char>(byte);
    while (!marker.starts_with(text)) text.erase(0, 1);
    return text.size();
  };
  for (size_t read = 0; read < length; ++read) {
    if (end != grammar::kForever) nfa.AddEmpty(states[read], end);
    for (int byte = 0; byte < 256;) {
      const size_t next = after(read, static_cast<uint8_t>(byte));
      int last = byte;
      while (last < 255 && after(read, static_cast<uint8_t>(last + 1)) == next) ++last;
      nfa.AddBytes(states[read], next == length ? behind : states[next], static_cast<uint8_t>(byte),
                   static_cast<uint8_t>(last));
      byte = last + 1;
    }
  }
}

void AddTextNotBeginning(grammar::Nfa& nfa, uint32_t from, const grammar::Dfa& start, uint32_t end) {
  const uint32_t any = nfa.AddState();
  nfa.AddBytes(any, any, 0, 255);
  nfa.AddEmpty(any, end);
  const auto base = static_cast<uint32_t>(nfa.num_states());
  for (size_t i = 0; i < start.num_states(); ++i) nfa.AddState();
  nfa.AddEmpty(from, base);
  const size_t count = start.classes.size();
  for (uint32_t state = 0; state < start.num_states(); ++state) {
    if (start.final[state] != 0) continue;
    nfa.AddEmpty(base + state, end);
    for (size_t c = 0; c < count; ++c) {
      const uint32_t to = start.next[state * count + c];
      if (to != kDead && start.final[to] != 0) continue;
      const int last = c + 1 < count ? start.classes.first[c + 1] - 1 : 255;
      nfa.AddBytes(base + state, to == kDead ? any : base + to, start.classes.first[c], static_cast<uint8_t>(last));
    }
  }
}

}  // namespace bantam::tools
