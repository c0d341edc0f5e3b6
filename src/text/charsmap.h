// The normalization rules inside SentencePiece models: a double-array trie (Darts) from byte strings to places in a
// pool of replacements. Nothing in it is trusted: every step stays inside the arrays, whatever they hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bantam::text {

class Charsmap {
 public:
  // `bytes`: the length of the trie in bytes (4, little endian), the trie, the pool. Errors do not name the file.
  static Result<Charsmap> Parse(std::string_view bytes);

  struct Match {
    size_t length = 0;  // 0: none
    std::string_view replacement;
  };
  Match ShortestPrefix(std::string_view text) const { return Find(text, false); }
  Match LongestPrefix(std::string_view text) const { return Find(text, true); }

 private:
  Match Find(std::string_view text, bool longest) const;
  std::vector<uint32_t> units_;
  std::string pool_;  // replacements, each ended by a zero byte; well-formed UTF-8
};

}  // namespace bantam::text
