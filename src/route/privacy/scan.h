// The scanners behind FindPii, and the small readings that they share. Internal to privacy/.
#pragma once

#include <string>

#include "route/privacy/pii.h"

namespace bantam {

void ScanSecrets(std::string_view text, std::vector<PiiSpan>& spans);
void ScanEmails(std::string_view text, std::vector<PiiSpan>& spans);
void ScanIbans(std::string_view text, std::vector<PiiSpan>& spans);
void ScanCards(std::string_view text, std::vector<PiiSpan>& spans);
void ScanIps(std::string_view text, std::vector<PiiSpan>& spans);
void ScanPhones(std::string_view text, std::vector<PiiSpan>& spans);

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool IsAlnum(char c) { return IsDigit(c) || IsLetter(c); }
constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The length of a space or hyphen at `at`, as people and typesetters write them in numbers ("4111 1111", U+00A0,
// U+2009, U+202F, U+2010 to U+2013); 0: there is none.
inline size_t SpaceLength(std::string_view text, size_t at) {
  if (at < text.size() && text[at] == ' ') return 1;
  const std::string_view three = text.substr(at < text.size() ? at : text.size(), 3);
  if (three.starts_with("\xC2\xA0")) return 2;
  return three == "\xE2\x80\x89" || three == "\xE2\x80\xAF" ? 3 : 0;
}
inline size_t HyphenLength(std::string_view text, size_t at) {
  if (at < text.size() && text[at] == '-') return 1;
  const std::string_view three = text.substr(at < text.size() ? at : text.size(), 3);
  return three == "\xE2\x80\x90" || three == "\xE2\x80\x91" || three == "\xE2\x80\x92" || three == "\xE2\x80\x93" ? 3
                                                                                                                  : 0;
}

// What the words just before `at` say a number is; the nearest one that says something decides.
enum class NumberContext { kNone, kPhone, kVersion, kOther };
NumberContext ContextBefore(std::string_view text, size_t at);

}  // namespace bantam
