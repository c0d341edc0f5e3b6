// The bytes of all tokens of a tokenizer, as a trie that is walked to find which of them may come next.
//
//   BANTAM_TRY(auto table, TokenTable::From(*tokenizer));   // once per tokenizer
#pragma once

#include <bitset>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "text/tokenizer.h"

namespace bantam::grammar {

// Immutable. The tokenizer it was made from, if any, must outlive it.
class TokenTable {
 public:
  // kUnsupported for tokenizers whose tokens are not pieces of the text's bytes (WordPiece). `markers`: tokens that
  // stand in the text as they are spelled even where they are control tokens, and that Cut takes for their spelling.
  static Result<std::shared_ptr<const TokenTable>> From(const Tokenizer& tokenizer,
                                                        std::span<const int32_t> markers = {});
  // By id; empty strings stand for control tokens and for ids without a token.
  static std::shared_ptr<const TokenTable> FromBytes(const std::vector<std::string>& tokens);

  int32_t size() const { return static_cast<int32_t>(ends_.size()) - 1; }  // ids are smaller
  // Empty for what never stands in a text: control tokens.
  std::string_view BytesOf(int32_t id) const {
    if (id < 0 || id >= size()) return {};
    return std::string_view(bytes_).substr(ends_[static_cast<size_t>(id)],
                                           ends_[static_cast<size_t>(id) + 1] - ends_[static_cast<size_t>(id)]);
  }
  // Tokens that together are these bytes, as the tokenizer would cut them if it can.
  std::vector<int32_t> Cut(std::string_view bytes) const;

  // In the order of a walk: a node is followed by what begins with it.
  struct Node {
    uint32_t end = 0;       // the first node that does not begin with this one
    uint32_t first_id = 0;  // in the trie's ids
    uint16_t num_ids = 0;   // tokens that end here
    uint16_t depth = 0;     // in bytes
    uint8_t byte = 0;
    // The most ordinary characters of a token of this node or beneath, all in all and from this node on; kNoChars: not
    // all of them are made of ordinary characters.
    uint8_t chars = 0, chars_from_here = 0;
  };
  static constexpr uint8_t kNoChars = 255;
  struct Trie {
    std::vector<Node> nodes;
    std::vector<int32_t> ids;  // of tokens, in the order of their nodes
    // Place in `ids` of the first token that is not before this node.
    uint32_t IdsBefore(uint32_t node) const {
      return node < nodes.size() ? nodes[node].first_id : static_cast<uint32_t>(ids.size());
    }
  };
  const Trie& all() const { return all_; }
  // All but those of up to kShortChars ordinary characters: little is left to walk where so many are free.
  const Trie& rest() const { return rest_; }
  static constexpr uint8_t kShortChars = 10;
  // Of each node of all(), the most bytes of a token of it or beneath, from this node on, where all of these bytes are
  // of `bytes`; kNoChars otherwise. Kept for a few sets.
  using LoopBytes = std::vector<uint8_t>;
  std::shared_ptr<const LoopBytes> LoopBytesOf(const std::bitset<128>& bytes) const;
  size_t max_bytes() const { return max_bytes_; }

  // A slice: the tokens of at most so many characters, each ordinary within a JSON string; the last may be cut short.
  // Where so many characters are free, they need no walk.
  struct Slice {
    uint8_t max_chars = 0;
    std::vector<uint32_t> bits;
  };
  std::span<const Slice> slices() const { return slices_; }

 private:
  void EndToken();
  void Build();
  std::vector<int32_t> SortedIds() const;
  Trie TrieOf(std::vector<int32_t> ids, const std::vector<uint8_t>& chars_of) const;
  // False: no token begins as what is left.
  bool CutPlain(std::string_view bytes, std::vector<int32_t>& out) const;

  const Tokenizer* tokenizer_ = nullptr;
  std::vector<int32_t> markers_;
  std::string bytes_;
  std::vector<uint32_t> ends_ = {0};
  Trie all_, rest_;
  std::vector<Slice> slices_;
  size_t max_bytes_ = 0;
  mutable std::mutex loops_mutex_;
  mutable std::deque<std::pair<std::bitset<128>, std::shared_ptr<const LoopBytes>>> loops_;
};

}  // namespace bantam::grammar
