// Tokens that are found in the text before anything else looks at it ("[MASK]"), as the reference's added vocabulary
// does: those with `normalized` in the normalised text, the others in the text as it came; leftmost, longest first; a
// special one only when asked for.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/parts.h"
#include "text/tokenizer.h"

namespace bantam::text {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;
  bool single_word = false;  // not next to a word character
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // and after it
  bool normalized = false;
};

// A stretch of a text: an added token, or with id -1 what lies between. In odd vocabularies (a token with `rstrip`
// before one that begins with white space) stretches overlap, because the reference's do.
struct Stretch {
  uint32_t begin = 0;
  uint32_t end = 0;
  int32_t id = -1;
};

// Where in a text special tokens are recognised, as EncodeOptions say it.
class Trust {
 public:
  Trust(const EncodeOptions& options, size_t text_size)
      : end_(options.recognize_special_tokens ? text_size : options.trusted_prefix_bytes),
        untrusted_(options.recognize_special_tokens ? options.untrusted : std::span<const UntrustedBytes>()) {}
  static Trust Of(bool everything, size_t text_size) {
    return Trust({.recognize_special_tokens = everything}, text_size);
  }

  bool anything() const { return end_ > 0; }
  // Before it, from `at` on, nothing is untrusted; `at` itself if it is.
  size_t EndFrom(size_t at) const;
  bool Covers(size_t begin, size_t end) const { return end <= EndFrom(begin); }
  // Cuts stretches of text where trust begins or ends.
  void CutAtBorders(std::vector<Stretch>& stretches) const;

 private:
  size_t end_;
  std::span<const UntrustedBytes> untrusted_;
};

// For a text whose repair has moved what is untrusted in it.
inline EncodeOptions WithoutSpecialTokens(EncodeOptions options) {
  options.recognize_special_tokens = false;
  options.untrusted = {};
  return options;
}

// The longest of many strings at one place of a text: a trie over bytes.
class PatternTrie {
 public:
  // False when the pattern is there already. Patterns are not empty.
  bool Add(std::string_view pattern, int32_t value);
  bool empty() const { return nodes_.size() == 1; }
  struct Match {
    int32_t value = -1;
    size_t length = 0;  // 0: none
  };
  Match LongestAt(std::string_view text, size_t at, uint64_t& steps) const;
  // The first place from `at` on where a pattern could begin, or the end of the text.
  size_t NextStart(std::string_view text, size_t at) const;

 private:
  struct Node {
    int32_t value = -1;
    uint32_t first_child = 0;  // 0: none
    uint32_t next_sibling = 0;
    char byte = 0;
  };
  uint32_t Child(uint32_t node, char byte, uint64_t& steps) const;
  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::array<uint32_t, 256> roots_{};  // children of the root, by byte
};

class AddedTokens {
 public:
  static constexpr size_t kMaxTokens = 65'536;
  static constexpr size_t kMaxContentBytes = 256;

  AddedTokens() = default;
  // `pointer`: "/added_tokens". Checks the ids against the model's vocabulary and hides the special ones in it.
  static Result<AddedTokens> Create(std::vector<AddedToken> tokens, Model& model, const Normalizer* normalizer,
                                    const JsonPart& config);

  // Whether there is anything to find in the text as it came, or in the normalised text.
  bool Any(bool in_normalized, bool find_special) const;
  // Whether there are special tokens that are found in the normalised text.
  bool AnySpecialNormalized() const { return normalized_.any_special; }
  // Appends stretches that cover the text.
  void Find(std::string_view text, bool in_normalized, const Trust& trust, std::vector<Stretch>& out,
            uint64_t& steps) const;

  int32_t IdOf(std::string_view content) const;  // -1 when unknown
  std::string_view ContentOf(int32_t id) const;  // "" when unknown
  // What a decoder is given for the token: its normalised form where it is found in normalised text. "" when unknown.
  std::string_view DecodedOf(int32_t id) const;
  bool IsSpecial(std::string_view content) const;
  int32_t end_id() const { return end_id_; }  // one more than the largest id

 private:
  struct Search {
    PatternTrie trie;  // values: indices of tokens_
    bool all_special = true, any_special = false;
  };
  bool IsSpecialAt(const PatternTrie::Match& match) const { return tokens_[static_cast<size_t>(match.value)].special; }
  std::vector<AddedToken> tokens_;
  std::vector<std::string> decoded_;  // as tokens_
  std::unordered_map<std::string, size_t> by_content_;
  std::unordered_map<int32_t, size_t> by_id_;
  Search raw_, normalized_;
  int32_t end_id_ = 0;
};

}  // namespace bantam::text
