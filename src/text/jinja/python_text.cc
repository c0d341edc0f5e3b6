#include "text/jinja/python_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "base/text_util.h"
#include "text/unicode.h"

namespace bantam::jinja {
namespace {

using text::DecodeUtf8;
using text::DecodeUtf8Before;

struct CharacterRange {
  uint32_t first, last;
};
struct CaseRun {  // every stride-th character from first to last moves by delta
  uint32_t first, last;
  uint8_t stride;
  int32_t delta;
};
struct CaseSeveral {
  uint32_t from;
  uint32_t to[3];  // 0: none
};
#include "text/jinja/case_tables.inc"

bool Holds(std::span<const CharacterRange> ranges, char32_t c) {
  const auto range = std::upper_bound(ranges.begin(), ranges.end(), c,
                                      [](char32_t a, const CharacterRange& r) { return a <= r.last; });
  return range != ranges.end() && range->first <= c;
}

void AppendMapped(std::span<const CaseRun> runs, std::span<const CaseSeveral> several, char32_t c, std::string& out) {
  const auto run =
      std::upper_bound(runs.begin(), runs.end(), c, [](char32_t a, const CaseRun& r) { return a <= r.last; });
  if (run != runs.end() && run->first <= c && (c - run->first) % run->stride == 0) {
    return AppendUtf8(static_cast<char32_t>(static_cast<int64_t>(c) + run->delta), out);
  }
  const auto found =
      std::lower_bound(several.begin(), several.end(), c, [](const CaseSeveral& s, char32_t a) { return s.from < a; });
  if (found == several.end() || found->from != c) return AppendUtf8(c, out);
  for (const uint32_t to : found->to) {
    if (to != 0) AppendUtf8(to, out);
  }
}

constexpr char32_t kCapitalSigma = 0x3A3;

// A sigma at the end of a word: after a letter with case, and not before one; characters without case do not count.
bool IsFinalSigma(std::string_view text, size_t at) {
  const char* const begin = text.data();
  const char* p = begin + at;
  bool after_cased = false;
  while (p > begin) {
    const auto c = DecodeUtf8Before(begin, p);
    p -= c.length;
    if (Holds(kCaseIgnorable, c.code_point)) continue;
    after_cased = Holds(kCased, c.code_point);
    break;
  }
  if (!after_cased) return false;
  for (size_t i = at + DecodeUtf8(begin + at).length; i < text.size();) {
    const auto c = DecodeUtf8(begin + i);
    i += c.length;
    if (!Holds(kCaseIgnorable, c.code_point)) return !Holds(kCased, c.code_point);
  }
  return true;
}

void AppendLower(std::string_view text, size_t at, char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  } else if (c == kCapitalSigma) {
    AppendUtf8(IsFinalSigma(text, at) ? 0x3C2 : 0x3C3, out);
  } else {
    AppendMapped(kLowerRuns, kLowerSeveral, c, out);
  }
}

void AppendUpper(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  } else {
    AppendMapped(kUpperRuns, kUpperSeveral, c, out);
  }
}

void AppendTitle(char32_t c, std::string& out) {
  if (c < 0x80) return AppendUpper(c, out);
  AppendMapped(kTitleRuns, kTitleSeveral, c, out);
}

// map(at, code_point, out) appends what becomes of the character at `at`.
template <typename Map>
MarkedText MapCharacters(const MarkedText& text, Map&& map) {
  MarkedText out;
  out.is_markup = text.is_markup;
  std::string mapped;
  text.ForEachRun([&](size_t begin, size_t end, bool is_content) {
    mapped.clear();
    for (size_t at = begin; at < end;) {
      const auto c = DecodeUtf8(text.view().data() + at);
      map(at, c.code_point, mapped);
      at += c.length;
    }
    out.Append(mapped, is_content);
  });
  return out;
}

template <typename Ends>
size_t CountLeft(std::string_view text, Ends&& strips) {
  size_t at = 0;
  while (at < text.size()) {
    const auto c = DecodeUtf8(text.data() + at);
    if (!strips(c.code_point)) break;
    at += c.length;
  }
  return at;
}

template <typename Ends>
size_t CountRight(std::string_view text, Ends&& strips) {
  size_t end = text.size();
  while (end > 0) {
    const auto c = DecodeUtf8Before(text.data(), text.data() + end);
    if (!strips(c.code_point)) break;
    end -= c.length;
  }
  return text.size() - end;
}

// Sorted, so that a long list of characters from a message costs no square.
std::vector<char32_t> SortedCharacters(std::string_view characters) {
  std::vector<char32_t> out;
  for (size_t at = 0; at < characters.size();) {
    const auto c = DecodeUtf8(characters.data() + at);
    out.push_back(c.code_point);
    at += c.length;
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::string FormatInt(Int number) {
  __extension__ typedef unsigned __int128 Unsigned;
  Unsigned rest = number < 0 ? -static_cast<Unsigned>(number) : static_cast<Unsigned>(number);
  char digits[48];
  char* p = digits + sizeof digits;
  do {
    *--p = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  if (number < 0) *--p = '-';
  return std::string(p, digits + sizeof digits);
}

std::string FormatFloat(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  std::string out;
  if (text.front() == '-') out += '-', text.remove_prefix(1);
  const size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  int exponent = 0;
  const std::string_view tail = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(tail.data(), tail.data() + tail.size(), exponent);
  const auto count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (exponent + 1 >= count) return out + digits + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  const auto point = static_cast<size_t>(exponent + 1);
  return out + digits.substr(0, point) + "." + digits.substr(point);
}

bool IsPrintable(char32_t c) { return c < 0x7F ? c >= 0x20 : Holds(kPrintable, c); }
bool IsPythonSpace(char32_t c) { return Holds(kSpace, c); }

MarkedText Lower(const MarkedText& text) {
  return MapCharacters(text, [&](size_t at, char32_t c, std::string& out) { AppendLower(text.view(), at, c, out); });
}

MarkedText Upper(const MarkedText& text) {
  return MapCharacters(text, [](size_t, char32_t c, std::string& out) { AppendUpper(c, out); });
}

MarkedText Capitalize(const MarkedText& text) {
  return MapCharacters(text, [&](size_t at, char32_t c, std::string& out) {
    at == 0 ? AppendTitle(c, out) : AppendLower(text.view(), at, c, out);
  });
}

MarkedText Title(const MarkedText& text) {
  bool in_word = false;
  return MapCharacters(text, [&](size_t at, char32_t c, std::string& out) {
    in_word ? AppendLower(text.view(), at, c, out) : AppendTitle(c, out);
    in_word = Holds(kCased, c);
  });
}

bool IsLower(std::string_view text) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const auto c = DecodeUtf8(text.data() + at);
    at += c.length;
    if (Holds(kUpperCase, c.code_point) || Holds(kTitleCase, c.code_point)) return false;
    any |= Holds(kLowerCase, c.code_point);
  }
  return any;
}

bool IsUpper(std::string_view text) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const auto c = DecodeUtf8(text.data() + at);
    at += c.length;
    if (Holds(kLowerCase, c.code_point) || Holds(kTitleCase, c.code_point)) return false;
    any |= Holds(kUpperCase, c.code_point);
  }
  return any;
}

void AppendRepr(const MarkedText& text, MarkedText& out) {
  const bool double_quotes =
      text.view().find('\'') != std::string_view::npos && text.view().find('"') == std::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  out.Append(std::string_view(&quote, 1));
  out.Append(MapCharacters(text, [quote](size_t, char32_t c, std::string& to) {
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      to += '\\';
      to += static_cast<char>(c);
    } else if (c == '\n') {
      to += "\\n";
    } else if (c == '\r') {
      to += "\\r";
    } else if (c == '\t') {
      to += "\\t";
    } else if (IsPrintable(c)) {
      AppendUtf8(c, to);
    } else if (c < 0x100) {
      to += fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
    } else if (c < 0x10000) {
      to += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    } else {
      to += fmt::format("\\U{:08x}", static_cast<uint32_t>(c));
    }
  }));
  out.Append(std::string_view(&quote, 1));
}

void AppendJsonString(const MarkedText& text, bool ensure_ascii, MarkedText& out) {
  const auto unit = [](uint32_t u, std::string& to) { to += fmt::format("\\u{:04x}", u); };
  out.Append("\"");
  out.Append(MapCharacters(text, [&](size_t, char32_t c, std::string& to) {
    static constexpr std::string_view kShort = "\b\f\n\r\t\"\\";
    static constexpr std::string_view kLetter = "bfnrt\"\\";
    const size_t known = c < 0x80 ? kShort.find(static_cast<char>(c)) : std::string_view::npos;
    if (known != std::string_view::npos) {
      to += '\\';
      to += kLetter[known];
    } else if (c < 0x20 || (ensure_ascii && c >= 0x80 && c < 0x10000)) {
      unit(c, to);
    } else if (ensure_ascii && c >= 0x10000) {
      unit(0xD800 + ((c - 0x10000) >> 10), to);
      unit(0xDC00 + ((c - 0x10000) & 0x3FF), to);
    } else {
      AppendUtf8(c, to);
    }
  }));
  out.Append("\"");
}

void AppendHtmlEscaped(const MarkedText& text, MarkedText& out) {
  out.Append(MapCharacters(text, [](size_t, char32_t c, std::string& to) {
    switch (c) {
      case '&':
        to += "&amp;";
        break;
      case '<':
        to += "&lt;";
        break;
      case '>':
        to += "&gt;";
        break;
      case '"':
        to += "&#34;";
        break;
      case '\'':
        to += "&#39;";
        break;
      default:
        AppendUtf8(c, to);
    }
  }));
}

size_t StripLeft(std::string_view text) { return CountLeft(text, IsPythonSpace); }
size_t StripRight(std::string_view text) { return CountRight(text, IsPythonSpace); }
size_t StripLeft(std::string_view text, std::string_view characters) {
  const std::vector<char32_t> set = SortedCharacters(characters);
  return CountLeft(text, [&](char32_t c) { return std::binary_search(set.begin(), set.end(), c); });
}
size_t StripRight(std::string_view text, std::string_view characters) {
  const std::vector<char32_t> set = SortedCharacters(characters);
  return CountRight(text, [&](char32_t c) { return std::binary_search(set.begin(), set.end(), c); });
}

}  // namespace bantam::jinja
