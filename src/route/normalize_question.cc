#include <array>

#include "base/text_util.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

// Lower case by ranges that hold only letters with a simple, language-independent mapping (Unicode 15,
// UnicodeData.txt). Left out on purpose: U+0130 and U+0131 (the Turkish i), whose case depends on the language.
char32_t Lower(char32_t c) {
  const auto in = [&](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (in('A', 'Z') || (in(0xC0, 0xDE) && c != 0xD7)) return c + 32;
  if (in(0x100, 0x12F) || in(0x132, 0x137) || in(0x14A, 0x177)) return c | 1;  // pairs: even is upper case
  if (in(0x139, 0x148) || in(0x179, 0x17E)) return c + (c & 1);                // pairs: odd is upper case
  if (c == 0x178) return 0xFF;
  if (in(0x391, 0x3A9) && c != 0x3A2) return c + 32;
  if (in(0x410, 0x42F)) return c + 32;
  if (in(0x400, 0x40F)) return c + 80;
  return c;
}

bool IsSpace(char32_t c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// . ! ? … and the full-width ones.
bool EndsASentence(char32_t c) {
  return c == '.' || c == '!' || c == '?' || c == 0x2026 || c == 0x3002 || c == 0xFF01 || c == 0xFF0E || c == 0xFF1F;
}

// One character of well-formed UTF-8, or one byte that is not part of any (`valid` false).
struct Next {
  char32_t c;
  size_t length;
  bool valid;
};
Next Read(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || text.size() < length || FirstInvalidUtf8(text.substr(0, length))) return {lead, 1, false};
  static constexpr std::array<unsigned, 5> kLeadBits = {0, 0, 0x1F, 0x0F, 0x07};
  char32_t c = lead & kLeadBits[length];
  for (size_t i = 1; i < length; ++i) c = c << 6 | (static_cast<unsigned char>(text[i]) & 0x3F);
  return {c, length, true};
}

}  // namespace

std::string NormalizeQuestion(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t keep = 0;  // end of what is not a final sentence mark or space
  bool space = false;
  while (!text.empty()) {
    const Next next = Read(text);
    const std::string_view bytes = text.substr(0, next.length);
    text.remove_prefix(next.length);
    if (next.valid && IsSpace(next.c)) {
      space = !out.empty();
      continue;
    }
    if (std::exchange(space, false)) out += ' ';
    if (!next.valid) {
      out += bytes;
    } else if (next.c == 0x2018 || next.c == 0x2019 || next.c == 0x02BC) {
      out += '\'';
    } else {
      AppendUtf8(Lower(next.c), out);
    }
    if (!next.valid || !EndsASentence(next.c)) keep = out.size();
  }
  if (keep > 0) out.resize(keep);  // "???" stays what it is
  return out;
}

CacheKey& CacheKey::Add(std::string_view field) {
  const uint64_t size = field.size();
  hash_.Update({reinterpret_cast<const char*>(&size), sizeof size}).Update(field);
  return *this;
}

Sha256Digest CacheKey::Finish() { return hash_.Finish(); }

}  // namespace bantam
