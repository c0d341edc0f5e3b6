// The alphabet of byte-level vocabularies: each byte is written as a printable character, as GPT-2 did it first.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bantam::text {

class ByteAlphabet {
 public:
  // The character of a byte, in UTF-8: one or two bytes.
  static std::string_view Of(char byte) {
    const Letter& letter = kLetters[static_cast<unsigned char>(byte)];
    return {letter.bytes, letter.length};
  }
  static char32_t CodePointOf(unsigned char byte) { return kLetters[byte].code_point; }
  // The byte of a character, if it is one of the alphabet.
  static std::optional<char> ByteOf(char32_t c) {
    if (c < kByteOf.size() && kByteOf[c] >= 0) return static_cast<char>(kByteOf[c]);
    return std::nullopt;
  }
  // A string of bytes in the alphabet.
  static std::string Spell(std::string_view bytes) {
    std::string out;
    for (const char byte : bytes) out += Of(byte);
    return out;
  }

 private:
  struct Letter {
    char bytes[2];
    uint8_t length;
    char32_t code_point;
  };
  static constexpr bool Printable(unsigned byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
  }
  static constexpr std::array<Letter, 256> MakeLetters() {
    std::array<Letter, 256> letters{};
    char32_t next = 0x100;  // bytes that do not print are numbered from here on
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char32_t c = Printable(byte) ? byte : next++;
      Letter& letter = letters[byte];
      letter.code_point = c;
      letter.length = c < 0x80 ? 1 : 2;
      letter.bytes[0] = static_cast<char>(c < 0x80 ? c : 0xC0 | c >> 6);
      letter.bytes[1] = static_cast<char>(c < 0x80 ? 0 : 0x80 | (c & 0x3F));
    }
    return letters;
  }
  static constexpr std::array<int16_t, 0x144> MakeByteOf() {
    std::array<int16_t, 0x144> bytes{};
    bytes.fill(-1);
    const auto letters = MakeLetters();
    for (unsigned byte = 0; byte < 256; ++byte) bytes[letters[byte].code_point] = static_cast<int16_t>(byte);
    return bytes;
  }
  static const std::array<Letter, 256> kLetters;
  static const std::array<int16_t, 0x144> kByteOf;
};

inline constexpr std::array<ByteAlphabet::Letter, 256> ByteAlphabet::kLetters = ByteAlphabet::MakeLetters();
inline constexpr std::array<int16_t, 0x144> ByteAlphabet::kByteOf = ByteAlphabet::MakeByteOf();

}  // namespace bantam::text
