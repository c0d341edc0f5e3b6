// All tokens of a vocabulary that begin a text: a trie over bytes, built once, laid out level by level so that the
// children of a node lie side by side in the order of their bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace bantam::text {

class TokenTrie {
 public:
  // Tokens are not empty and differ from each other.
  static TokenTrie Build(std::vector<std::pair<std::string_view, int32_t>> tokens);

  // Calls found(length, id) for each, the shortest first. Returns how many bytes were looked at.
  template <typename Found>
  size_t EachPrefix(std::string_view text, const Found& found) const {
    uint32_t node = 0;
    size_t i = 0;
    for (; i < text.size(); ++i) {
      node = Child(node, static_cast<uint8_t>(text[i]));
      if (node == 0) break;
      if (nodes_[node].id >= 0) found(i + 1, nodes_[node].id);
    }
    return i + 1;
  }

 private:
  struct Node {
    int32_t id = -1;
    uint32_t first_child = 0;
    uint16_t num_children = 0;
    uint8_t byte = 0;
  };
  uint32_t Child(uint32_t node, uint8_t byte) const {
    if (node == 0) return roots_[byte];
    uint32_t begin = nodes_[node].first_child, count = nodes_[node].num_children;
    while (count > 4) {
      const uint32_t half = count / 2;
      if (nodes_[begin + half].byte <= byte) {
        begin += half;
        count -= half;
      } else {
        count = half;
      }
    }
    for (; count > 0; --count, ++begin) {
      if (nodes_[begin].byte == byte) return begin;
    }
    return 0;
  }
  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::array<uint32_t, 256> roots_{};
};

}  // namespace bantam::text
