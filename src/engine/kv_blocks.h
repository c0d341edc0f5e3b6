// Which blocks of a KV cache belong to whom. A block may have several owners: sequences that begin alike share the
// blocks of their beginning. A full block keeps what it holds after its last owner let go, until it is taken for
// something else, the longest unused first; so a request finds the beginning of an earlier one.
//
//   std::vector<int32_t> blocks; uint64_t after = KvBlocks::kStart;
//   while (auto found = kv.Find(after, next_32_tokens)) { blocks.push_back(found->block); after = found->content; }
//
// What a full block holds is told by its tokens and the content before it, compared exactly, never by a hash alone. One
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "kernels/kernel_table.h"

namespace bantam {

// How many blocks hold so many tokens.
constexpr int BlocksFor(int num_tokens) { return (num_tokens + kKvBlockTokens - 1) / kKvBlockTokens; }

class KvBlocks {
 public:
  using Tokens = std::span<const int32_t, kKvBlockTokens>;
  static constexpr uint64_t kStart = 0;  // the content before the first block
  struct Found {
    int32_t block;
    uint64_t content;
  };

  explicit KvBlocks(int num_blocks);

  int num_blocks() const { return static_cast<int>(blocks_.size()); }
  int num_free() const { return num_free_; }  // those with content that nobody owns included

  // An empty block with one owner; -1 when none is free.
  int32_t Take();
  void Release(int32_t block);

  // A content before the first block that nothing else begins with: tokens that are computed in another way than from
  // kStart, as under an adapter, are other content.
  uint64_t NewStart() { return next_name_++; }

  // The block that holds `tokens` after `before`; the caller becomes an owner.
  std::optional<Found> Find(uint64_t before, Tokens tokens);
  // `block`, which the caller owns, holds this now, and is not written again. Returns the content's name, which is that
  // of another block if one holds the same.
  uint64_t Publish(int32_t block, uint64_t before, Tokens tokens);

 private:
  struct Key {
    uint64_t before;
    std::array<int32_t, kKvBlockTokens> tokens;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  struct Content {
    int32_t block;
    uint64_t name;
  };
  using Contents = std::unordered_map<Key, Content, KeyHash>;
  struct Block {
    int owners = 0;
    std::list<int32_t>::iterator place;  // in free_, without owners
    const Key* key = nullptr;            // of its content, in contents_
  };
  static Key KeyOf(uint64_t before, Tokens tokens);

  std::vector<Block> blocks_;
  std::list<int32_t> free_;  // longest unused first
  int num_free_;
  Contents contents_;
  uint64_t next_name_ = kStart + 1;  // never used twice: the name of what is gone finds nothing
};

}  // namespace bantam
