// Characters as the reference tokenizer sees them: its classes, decompositions and lower case, which are those of no
// one version of Unicode (golden/make_unicode_tables.py says how they were found). All functions are constant time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bantam::text {

// Flags of a character, as bits of CharacterClass::flags:
//   kRemoved          clean_text drops it: controls, format characters, private use (tab, LF and CR are not among them)
//   kSpace            white space, for every part that asks
//   kIdeograph        handle_chinese_chars puts spaces around it
//   kNonspacingMark   strip_accents drops it (after decomposition)
//   kPunctuation      BertPreTokenizer makes it a word of its own
//   kWordCharacter    \w, next to which a single_word added token is not recognised
//   kDecomposes       Decomposition() has its canonical decomposition, final and in canonical order
//   kHangulSyllable   the same by arithmetic: see DecomposeHangul()
//   kLowers           Lower() has its lower case
#include "text/unicode_tables.inc"

// c: at most U+10FFFF.
inline const CharacterClass& ClassOf(char32_t c) {
  constexpr char32_t kInBlock = (1U << kBlockBits) - 1;
  const size_t block = kBlockOf[c >> kBlockBits];
  return kCharacterClasses[kClassOf[block << kBlockBits | (c & kInBlock)]];
}

// Of a character with the flag kDecomposes or kLowers; empty otherwise.
std::span<const uint32_t> Decomposition(char32_t c);
std::span<const uint32_t> Lower(char32_t c);

// Writes two or three letters for one syllable; returns how many.
inline size_t DecomposeHangul(char32_t syllable, char32_t* out) {
  constexpr char32_t kVowels = 21, kFinals = 28;  // 27 final consonants and none
  const char32_t index = syllable - 0xAC00;
  out[0] = 0x1100 + index / (kVowels * kFinals);
  out[1] = 0x1161 + index % (kVowels * kFinals) / kFinals;
  if (index % kFinals == 0) return 2;
  out[2] = 0x11A7 + index % kFinals;
  return 3;
}

struct Decoded {
  char32_t code_point;
  size_t length;
};

// The character at `p`, which lies in well-formed UTF-8 at a character's first byte.
inline Decoded DecodeUtf8(const char* p) {
  const auto byte = [p](int i) { return static_cast<char32_t>(static_cast<unsigned char>(p[i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (lead < 0xF0) return {(lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

inline bool IsContinuationByte(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// The character that ends just before `end`; begin < end, well-formed.
inline Decoded DecodeUtf8Before(const char* begin, const char* end) {
  const char* p = end - 1;
  while (p > begin && IsContinuationByte(*p)) --p;
  return DecodeUtf8(p);
}

// Writes 1 to 4 bytes and returns how many. Inline, unlike base's AppendUtf8: it runs for every character of a text.
inline size_t EncodeUtf8(char32_t c, char* out) {
  const auto put = [out](int i, char32_t byte) { out[i] = static_cast<char>(byte); };
  if (c < 0x80) return put(0, c), 1;
  if (c < 0x800) return put(0, 0xC0 | c >> 6), put(1, 0x80 | (c & 0x3F)), 2;
  if (c < 0x10000) return put(0, 0xE0 | c >> 12), put(1, 0x80 | (c >> 6 & 0x3F)), put(2, 0x80 | (c & 0x3F)), 3;
  put(0, 0xF0 | c >> 18), put(1, 0x80 | (c >> 12 & 0x3F)), put(2, 0x80 | (c >> 6 & 0x3F)), put(3, 0x80 | (c & 0x3F));
  return 4;
}

// Of well-formed UTF-8.
inline size_t CountCodePoints(std::string_view text) {
  size_t count = 0;
  for (const char byte : text) count += IsContinuationByte(byte) ? 0 : 1;
  return count;
}

}  // namespace bantam::text
