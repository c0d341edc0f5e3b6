#include "text/token_trie.h"

#include <algorithm>

namespace bantam::text {

TokenTrie TokenTrie::Build(std::vector<std::pair<std::string_view, int32_t>> tokens) {
  std::sort(tokens.begin(), tokens.end());
  TokenTrie trie;
  // What is below a node: tokens[begin, end), which agree in their first `depth` bytes.
  struct Below {
    uint32_t node;
    size_t begin, end, depth;
  };
  std::vector<Below> level{{0, 0, tokens.size(), 0}}, next_level;
  while (!level.empty()) {
    next_level.clear();
    for (Below below : level) {
      if (below.begin < below.end && tokens[below.begin].first.size() == below.depth) {
        trie.nodes_[below.node].id = tokens[below.begin].second;
        ++below.begin;
      }
      trie.nodes_[below.node].first_child = static_cast<uint32_t>(trie.nodes_.size());
      for (size_t begin = below.begin, end; begin < below.end; begin = end) {
        const char byte = tokens[begin].first[below.depth];
        for (end = begin + 1; end < below.end && tokens[end].first[below.depth] == byte;) ++end;
        const auto child = static_cast<uint32_t>(trie.nodes_.size());
        trie.nodes_.push_back({-1, 0, 0, static_cast<uint8_t>(byte)});
        ++trie.nodes_[below.node].num_children;
        if (below.node == 0) trie.roots_[static_cast<uint8_t>(byte)] = child;
        next_level.push_back({child, begin, end, below.depth + 1});
      }
    }
    level.swap(next_level);
  }
  return trie;
}

}  // namespace bantam::text
