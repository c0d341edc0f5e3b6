// Tokens and their ids, in both directions, made for the inner loop: an open-addressing table of 16-byte slots that
// holds short tokens inline, so that looking up a word costs one multiplication and mostly one cache line, and no
// allocation.
//
// Tokens that continue a word ("##ing" with the prefix "##") are kept without their prefix, in a key space of their
// own.
//
// The hash is seeded at random for each vocabulary: a file cannot be made to collide.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bantam::text {

class Vocabulary {
 public:
  static constexpr int64_t kMaxId = (int64_t{2} << 20) - 1;
  static constexpr size_t kMaxTokenBytes = 65'535;
  // Longest stretch of text that LongestPrefix looks at.
  static constexpr size_t kMaxWordBytes = 4'000;

  // Building: Add each token, then Finish once. Errors say what is wrong with which token, without naming the file.
  void Reserve(size_t tokens, size_t bytes);  // if known
  Status Add(std::string_view token, int64_t id);
  // An empty prefix: every token may begin or continue a word.
  Status Finish(std::string_view continuing_prefix);

  size_t size() const { return count_; }
  int32_t end_id() const { return static_cast<int32_t>(tokens_.size()); }  // one more than the largest id
  std::string_view TextOf(int32_t id) const;                               // "" for an id without a token
  int32_t IdOf(std::string_view token) const;                              // -1 when unknown
  // IdOf of each, without waiting for memory once for each: for tables made of a whole vocabulary.
  void IdsOf(std::span<const std::string_view> tokens, std::span<int32_t> ids) const;
  // Lookups leave this token out, except where they are asked to find special ones.
  void MakeSpecial(std::string_view token);

  struct Match {
    int32_t id = -1;
    size_t length = 0;  // in bytes of the text; 0: no match
  };
  // The token that the `length` bytes at `word` spell at the beginning of a word. 16 bytes past them must be readable.
  // 1 <= length.
  Match FindWord(const char* word, size_t length, bool find_special) const;
  // The longest token that begins the `length` bytes at `p`; `continues`: as the continuation of a word. The text is
  // well-formed UTF-8, `p` and the byte after `length` begin a character or are padding. 1 <= length <= kMaxWordBytes.
  // At most one step per byte of the longest token.
  Match LongestPrefix(bool continues, const char* p, size_t length, bool find_special, uint64_t& steps) const;

 private:
  struct Token {
    uint32_t begin = kNoToken;  // in text_
    uint32_t length = 0;
  };
  struct Slot {
    uint64_t key = 0;  // the bytes of a token of up to 8, else its hash
    int32_t id = 0;
    uint32_t meta = 0;  // length, kContinues, kSpecial, kUsed; 0: the slot is free
  };
  static constexpr uint32_t kNoToken = UINT32_MAX;
  static constexpr size_t kBatch = 64;  // tokens whose slots are asked for at once
  static constexpr uint32_t kContinues = 1U << 16;
  static constexpr uint32_t kSpecial = 1U << 17;
  static constexpr uint32_t kUsed = 1U << 18;

  struct Key {
    std::string_view rest;
    bool continues;
  };
  struct Hash {
    uint64_t hash;
    uint64_t key;  // as in Slot
  };
  Key KeyOf(std::string_view token) const;
  Hash HashOf(Key key) const;
  void Prefetch(Hash hash) const;
  Status Insert(int32_t id, Key key, Hash hash);
  // The slot of this token, or the free one where it would go.
  size_t SlotOf(Key key, Hash hash) const;
  bool Holds(const Slot& slot, uint32_t meta, uint64_t key, const char* bytes, size_t length) const;
  Match Find(bool continues, const char* p, size_t length, uint64_t state, uint64_t tail, uint32_t hidden) const;

  std::string text_;           // all tokens, one after the other
  std::vector<Token> tokens_;  // by id
  size_t count_ = 0;
  std::string prefix_;
  int32_t bare_prefix_id_ = -1;  // of the token that is the prefix itself: "##"
  std::vector<Slot> slots_;      // a power of two, at most half full
  size_t slot_mask_ = 0;
  std::array<uint64_t, 2> seed_{};  // by `continues`
  uint64_t chunk_seed_ = 0;
  uint64_t length_seed_ = 0;
  // Bytes of the longest token, by `continues` and first byte: where to begin looking.
  std::array<std::array<uint16_t, 256>, 2> longest_{};
};

}  // namespace bantam::text
