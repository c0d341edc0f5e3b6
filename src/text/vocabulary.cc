#include "text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

#include "text/json_part.h"
#include "text/unicode.h"

namespace bantam::text {
namespace {

static_assert(std::endian::native == std::endian::little, "the bytes of a short token are compared as a number");

// Eight bytes; all must be readable.
uint64_t Load(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// The first `length` < 8 of them, the rest zero.
uint64_t LoadPart(const char* p, size_t length) {
  uint64_t word = 0;
  std::memcpy(&word, p, length);
  return word;
}

// Keeps the low `length` bytes, 1 to 8.
uint64_t KeepBytes(uint64_t word, size_t length) { return word & (~uint64_t{0} >> (64 - 8 * length)); }

// Both halves of the product mixed: every bit of the result depends on every bit of both factors.
uint64_t Fold(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// How many times 8 bytes are folded in before the last ones: 9 to 16 bytes give one, and so on.
size_t FullChunks(size_t length) { return (length - 1) / 8; }

}  // namespace

Status Vocabulary::Add(std::string_view token, int64_t id) {
  if (id < 0 || id > kMaxId) {
    return Err(ErrorCode::kCorrupt, "{} is {}, expected an id from 0 to {}", PointerTo("", token), id, kMaxId);
  }
  if (token.size() > kMaxTokenBytes) {
    return Err(ErrorCode::kTooLarge, "{} has {} bytes, the limit for a token is {}", PointerTo("", token), token.size(),
               kMaxTokenBytes);
  }
  const auto index = static_cast<size_t>(id);
  if (index >= tokens_.size()) tokens_.resize(index + 1);
  if (tokens_[index].begin != kNoToken) {
    return Err(ErrorCode::kCorrupt, "{} has the id {}, which {} has already", PointerTo("", token), id,
               QuoteForError(TextOf(static_cast<int32_t>(id))));
  }
  if (text_.size() + token.size() >= kNoToken) return Err(ErrorCode::kTooLarge, "holds more than 4 GiB of tokens");
  tokens_[index] = {static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(token.size())};
  text_ += token;
  ++count_;
  return Ok();
}

Status Vocabulary::Finish(std::string_view continuing_prefix) {
  prefix_ = continuing_prefix;
  std::random_device random;
  const auto seed = [&random] { return uint64_t{random()} << 32 | random(); };
  seed_ = {seed(), seed()};
  chunk_seed_ = seed();
  length_seed_ = seed();
  slots_.assign(std::bit_ceil(2 * count_ + 1), Slot());
  slot_mask_ = slots_.size() - 1;
  // The slots of a few tokens are asked for at once: they are all over a table that no cache holds.
  std::array<Key, kBatch> keys;
  std::array<Hash, kBatch> hashes;
  for (size_t first = 0; first < tokens_.size(); first += kBatch) {
    const size_t count = std::min(kBatch, tokens_.size() - first);
    for (size_t i = 0; i < count; ++i) {
      keys[i] = KeyOf(TextOf(static_cast<int32_t>(first + i)));
      if (!keys[i].rest.empty()) hashes[i] = HashOf(keys[i]), Prefetch(hashes[i]);
    }
    for (size_t i = 0; i < count; ++i) {
      if (tokens_[first + i].begin == kNoToken) continue;
      BANTAM_RETURN_IF_ERROR(Insert(static_cast<int32_t>(first + i), keys[i], hashes[i]));
    }
  }
  return Ok();
}

Status Vocabulary::Insert(int32_t id, Key key, Hash hash) {
  if (key.rest.empty()) {  // no word is empty; only the prefix itself can be met, at the beginning of a word
    if (key.continues) bare_prefix_id_ = id;
    return Ok();
  }
  Slot& slot = slots_[SlotOf(key, hash)];
  if (slot.meta != 0) {
    return Err(ErrorCode::kCorrupt, "{} stands there twice, with the ids {} and {}", PointerTo("", TextOf(id)), slot.id,
               id);
  }
  const size_t length = key.rest.size();
  slot.key = hash.key;
  slot.id = id;
  slot.meta = static_cast<uint32_t>(length) | (key.continues ? kContinues : 0) | kUsed;
  uint16_t& longest = longest_[key.continues ? 1 : 0][static_cast<unsigned char>(key.rest[0])];
  longest = std::max(longest, static_cast<uint16_t>(length));
  return Ok();
}

void Vocabulary::Reserve(size_t tokens, size_t bytes) {
  tokens_.reserve(tokens);
  text_.reserve(bytes);
}

Vocabulary::Key Vocabulary::KeyOf(std::string_view token) const {
  if (prefix_.empty() || !token.starts_with(prefix_)) return {token, false};
  return {token.substr(prefix_.size()), true};
}

std::string_view Vocabulary::TextOf(int32_t id) const {
  if (id < 0 || id >= end_id()) return {};
  const Token token = tokens_[static_cast<size_t>(id)];
  return token.begin == kNoToken ? std::string_view() : std::string_view(text_).substr(token.begin, token.length);
}

inline bool Vocabulary::Holds(const Slot& slot, uint32_t meta, uint64_t key, const char* bytes, size_t length) const {
  if (slot.key != key || (slot.meta & ~kSpecial) != meta) return false;
  if (length <= 8) return true;
  // A long token is stored as its hash: what it spells decides.
  const Token token = tokens_[static_cast<size_t>(slot.id)];
  return std::memcmp(text_.data() + token.begin + (token.length - length), bytes, length) == 0;
}

// `state`: the full chunks folded in; `tail`: the last 8 bytes, or all of fewer.
inline Vocabulary::Match Vocabulary::Find(bool continues, const char* p, size_t length, uint64_t state, uint64_t tail,
                                          uint32_t hidden) const {
  const uint64_t hash = Fold(state ^ tail, length ^ length_seed_);
  const uint64_t key = length <= 8 ? tail : hash;
  const uint32_t meta = static_cast<uint32_t>(length) | (continues ? kContinues : 0) | kUsed;
  for (size_t i = hash & slot_mask_; slots_[i].meta != 0; i = (i + 1) & slot_mask_) {
    if (!Holds(slots_[i], meta, key, p, length)) continue;
    if ((slots_[i].meta & hidden) != 0) return {};
    return {slots_[i].id, length};
  }
  return {};
}

Vocabulary::Hash Vocabulary::HashOf(Key key) const {
  const char* p = key.rest.data();
  const size_t length = key.rest.size();
  uint64_t state = seed_[key.continues ? 1 : 0];
  for (size_t i = 0; i < FullChunks(length); ++i) state = Fold(state ^ Load(p + 8 * i), chunk_seed_);
  const uint64_t tail = length < 8 ? LoadPart(p, length) : Load(p + length - 8);
  const uint64_t hash = Fold(state ^ tail, length ^ length_seed_);
  return {hash, length <= 8 ? tail : hash};
}

size_t Vocabulary::SlotOf(Key key, Hash hash) const {
  const uint32_t meta = static_cast<uint32_t>(key.rest.size()) | (key.continues ? kContinues : 0) | kUsed;
  size_t i = hash.hash & slot_mask_;
  while (slots_[i].meta != 0 && !Holds(slots_[i], meta, hash.key, key.rest.data(), key.rest.size())) {
    i = (i + 1) & slot_mask_;
  }
  return i;
}

int32_t Vocabulary::IdOf(std::string_view token) const {
  const Key key = KeyOf(token);
  if (key.rest.empty()) return key.continues ? bare_prefix_id_ : -1;
  if (key.rest.size() > kMaxTokenBytes || slots_.empty()) return -1;
  const Slot& slot = slots_[SlotOf(key, HashOf(key))];
  return slot.meta != 0 ? slot.id : -1;
}

void Vocabulary::IdsOf(std::span<const std::string_view> tokens, std::span<int32_t> ids) const {
  std::array<Hash, kBatch> hashes;
  for (; !tokens.empty() && !slots_.empty(); tokens = tokens.subspan(std::min(kBatch, tokens.size()))) {
    const size_t count = std::min(kBatch, tokens.size());
    for (size_t i = 0; i < count; ++i) {
      const Key key = KeyOf(tokens[i]);
      if (!key.rest.empty() && key.rest.size() <= kMaxTokenBytes) hashes[i] = HashOf(key), Prefetch(hashes[i]);
    }
    for (size_t i = 0; i < count; ++i) {
      const Key key = KeyOf(tokens[i]);
      if (key.rest.empty() || key.rest.size() > kMaxTokenBytes) {
        ids[i] = IdOf(tokens[i]);
        continue;
      }
      const Slot& slot = slots_[SlotOf(key, hashes[i])];
      ids[i] = slot.meta != 0 ? slot.id : -1;
    }
    ids = ids.subspan(count);
  }
  std::ranges::fill(ids.first(tokens.size()), -1);  // of a vocabulary without tokens
}

void Vocabulary::Prefetch(Hash hash) const { __builtin_prefetch(&slots_[hash.hash & slot_mask_]); }

void Vocabulary::MakeSpecial(std::string_view token) {
  const Key key = KeyOf(token);
  if (key.rest.empty() || key.rest.size() > kMaxTokenBytes) return;
  Slot& slot = slots_[SlotOf(key, HashOf(key))];
  if (slot.meta != 0) slot.meta |= kSpecial;
}

Vocabulary::Match Vocabulary::FindWord(const char* word, size_t length, bool find_special) const {
  const uint32_t hidden = find_special ? 0 : kSpecial;
  bool continues = false;
  const char* p = word;
  if (!prefix_.empty() && word[0] == prefix_[0] && std::string_view(word, length).starts_with(prefix_)) [[unlikely]] {
    // The word looks like a continuation token and is looked up as one.
    if (length == prefix_.size()) return bare_prefix_id_ < 0 ? Match() : Match{bare_prefix_id_, length};
    continues = true;
    p += prefix_.size();
  }
  const size_t rest = length - static_cast<size_t>(p - word);
  if (rest > longest_[continues ? 1 : 0][static_cast<unsigned char>(*p)]) return {};
  uint64_t state = seed_[continues ? 1 : 0];
  for (size_t i = 0; i < FullChunks(rest); ++i) state = Fold(state ^ Load(p + 8 * i), chunk_seed_);
  const uint64_t tail = rest <= 8 ? KeepBytes(Load(p), rest) : Load(p + rest - 8);
  const Match match = Find(continues, p, rest, state, tail, hidden);
  return match.length == 0 ? Match() : Match{match.id, length};
}

Vocabulary::Match Vocabulary::LongestPrefix(bool continues, const char* p, size_t length, bool find_special,
                                            uint64_t& steps) const {
  if (!continues && !prefix_.empty() && std::string_view(p, length).starts_with(prefix_)) [[unlikely]] {
    Match match;
    if (length > prefix_.size()) {
      match = LongestPrefix(true, p + prefix_.size(), length - prefix_.size(), find_special, steps);
    }
    if (match.length != 0) return {match.id, match.length + prefix_.size()};
    if (bare_prefix_id_ >= 0) return {bare_prefix_id_, prefix_.size()};
    length = prefix_.size();  // a longer token at the beginning of the word would have had the prefix
  }
  continues = continues && !prefix_.empty();
  const size_t space = continues ? 1 : 0;
  const uint32_t hidden = find_special ? 0 : kSpecial;
  length = std::min<size_t>(length, longest_[space][static_cast<unsigned char>(*p)]);
  // The chunks are folded in once for all lengths, so that trying one costs the same however long it is.
  std::array<uint64_t, kMaxWordBytes / 8 + 1> states;
  states[0] = seed_[space];
  if (length > 8) {
    const size_t chunks = FullChunks(length);
    for (size_t i = 0; i < chunks; ++i) states[i + 1] = Fold(states[i] ^ Load(p + 8 * i), chunk_seed_);
    steps += chunks;
  }
  const uint64_t first = Load(p);
  for (; length > 0; --length) {
    if (IsContinuationByte(p[length])) continue;  // no token ends inside a character
    ++steps;
    const uint64_t tail = length <= 8 ? KeepBytes(first, length) : Load(p + length - 8);
    const Match match = Find(continues, p, length, states[FullChunks(length)], tail, hidden);
    if (match.length != 0) return match;
  }
  return {};
}

}  // namespace bantam::text
