// Numbers that carry their own check: payment cards (Luhn) and IBANs (mod 97).
#include <algorithm>
#include <array>

#include "route/privacy/scan.h"

namespace bantam {
namespace {

// Networks by their first digits, with the lengths that they issue.
struct Issuer {
  int first, last, digits;  // the range of the first `digits` digits
  int shortest, longest;
};
constexpr std::array kIssuers = {
    Issuer{4, 4, 1, 16, 16},     Issuer{4, 4, 1, 13, 13},       Issuer{4, 4, 1, 19, 19},
    Issuer{51, 55, 2, 16, 16},   Issuer{2221, 2720, 4, 16, 16}, Issuer{34, 34, 2, 15, 15},
    Issuer{37, 37, 2, 15, 15},   Issuer{300, 305, 3, 14, 14},   Issuer{36, 36, 2, 14, 14},
    Issuer{38, 39, 2, 14, 14},   Issuer{3528, 3589, 4, 16, 19}, Issuer{6011, 6011, 4, 16, 19},
    Issuer{644, 659, 3, 16, 19}, Issuer{62, 62, 2, 16, 19},     Issuer{50, 50, 2, 16, 19},
    Issuer{56, 58, 2, 16, 19},   Issuer{6304, 6304, 4, 16, 19}, Issuer{6759, 6763, 4, 16, 19},
};

bool IsIssued(std::string_view digits) {
  return std::any_of(kIssuers.begin(), kIssuers.end(), [&](const Issuer& issuer) {
    int prefix = 0;
    for (int i = 0; i < issuer.digits; ++i) prefix = prefix * 10 + (digits[static_cast<size_t>(i)] - '0');
    const int length = static_cast<int>(digits.size());
    return prefix >= issuer.first && prefix <= issuer.last && length >= issuer.shortest && length <= issuer.longest;
  });
}

bool Luhn(std::string_view digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int digit = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) digit = digit < 5 ? digit * 2 : digit * 2 - 9;
    sum += digit;
  }
  return sum % 10 == 0;
}

struct Group {
  size_t begin, end;
};

// As printed on cards: in one piece, in fours, or 4-6-5 and 4-6-4.
bool IsPrinted(const Group* groups, size_t count) {
  const auto size = [&](size_t i) { return groups[i].end - groups[i].begin; };
  if (count == 1) return true;
  if (count == 3 && size(0) == 4 && size(1) == 6) return size(2) == 5 || size(2) == 4;
  for (size_t i = 0; i + 1 < count; ++i) {
    if (size(i) != 4) return false;
  }
  return size(count - 1) <= 4;
}

// A run of groups of digits, each followed by one space or hyphen: finds the cards in it. At most 19 digits are looked
// at from each group on.
void CardsAmong(std::string_view text, const std::vector<Group>& groups, std::vector<PiiSpan>& spans) {
  for (size_t first = 0; first < groups.size(); ++first) {
    std::string digits;
    for (size_t last = first; last < groups.size() && digits.size() <= 19; ++last) {
      digits += text.substr(groups[last].begin, groups[last].end - groups[last].begin);
      if (digits.size() < 13 || digits.size() > 19) continue;
      if (!IsPrinted(&groups[first], last - first + 1) || !IsIssued(digits) || !Luhn(digits)) continue;
      spans.push_back({groups[first].begin, groups[last].end, PiiType::kCard});
      first = last;
      break;
    }
  }
}

struct IbanLength {
  char country[3];
  size_t length;
};
// The IBAN registry's countries.
constexpr std::array kIbanLengths = {
    IbanLength{"AD", 24}, IbanLength{"AE", 23}, IbanLength{"AL", 28}, IbanLength{"AT", 20}, IbanLength{"AZ", 28},
    IbanLength{"BA", 20}, IbanLength{"BE", 16}, IbanLength{"BG", 22}, IbanLength{"BH", 22}, IbanLength{"BI", 27},
    IbanLength{"BR", 29}, IbanLength{"BY", 28}, IbanLength{"CH", 21}, IbanLength{"CR", 22}, IbanLength{"CY", 28},
    IbanLength{"CZ", 24}, IbanLength{"DE", 22}, IbanLength{"DJ", 27}, IbanLength{"DK", 18}, IbanLength{"DO", 28},
    IbanLength{"EE", 20}, IbanLength{"EG", 29}, IbanLength{"ES", 24}, IbanLength{"FI", 18}, IbanLength{"FK", 18},
    IbanLength{"FO", 18}, IbanLength{"FR", 27}, IbanLength{"GB", 22}, IbanLength{"GE", 22}, IbanLength{"GI", 23},
    IbanLength{"GL", 18}, IbanLength{"GR", 27}, IbanLength{"GT", 28}, IbanLength{"HR", 21}, IbanLength{"HU", 28},
    IbanLength{"IE", 22}, IbanLength{"IL", 23}, IbanLength{"IQ", 23}, IbanLength{"IS", 26}, IbanLength{"IT", 27},
    IbanLength{"JO", 30}, IbanLength{"KW", 30}, IbanLength{"KZ", 20}, IbanLength{"LB", 28}, IbanLength{"LC", 32},
    IbanLength{"LI", 21}, IbanLength{"LT", 20}, IbanLength{"LU", 20}, IbanLength{"LV", 21}, IbanLength{"LY", 25},
    IbanLength{"MC", 27}, IbanLength{"MD", 24}, IbanLength{"ME", 22}, IbanLength{"MK", 19}, IbanLength{"MN", 20},
    IbanLength{"MR", 27}, IbanLength{"MT", 31}, IbanLength{"MU", 30}, IbanLength{"NI", 28}, IbanLength{"NL", 18},
    IbanLength{"NO", 15}, IbanLength{"OM", 23}, IbanLength{"PK", 24}, IbanLength{"PL", 28}, IbanLength{"PS", 29},
    IbanLength{"PT", 25}, IbanLength{"QA", 29}, IbanLength{"RO", 24}, IbanLength{"RS", 22}, IbanLength{"RU", 33},
    IbanLength{"SA", 24}, IbanLength{"SC", 31}, IbanLength{"SD", 18}, IbanLength{"SE", 24}, IbanLength{"SI", 19},
    IbanLength{"SK", 24}, IbanLength{"SM", 27}, IbanLength{"SO", 23}, IbanLength{"ST", 25}, IbanLength{"SV", 28},
    IbanLength{"TL", 23}, IbanLength{"TN", 24}, IbanLength{"TR", 26}, IbanLength{"UA", 29}, IbanLength{"VA", 22},
    IbanLength{"VG", 24}, IbanLength{"XK", 20}, IbanLength{"YE", 30},
};

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

size_t LengthFor(char first, char second) {
  for (const IbanLength& row : kIbanLengths) {
    if (row.country[0] == Upper(first) && row.country[1] == Upper(second)) return row.length;
  }
  return 0;
}

// ISO 7064 mod 97-10: the country and its check digits moved to the end, letters as 10 to 35.
bool Mod97(std::string_view iban) {
  int remainder = 0;
  for (size_t i = 0; i < iban.size(); ++i) {
    const char c = iban[(i + 4) % iban.size()];
    remainder = IsDigit(c) ? (remainder * 10 + (c - '0')) % 97 : (remainder * 100 + (Upper(c) - 'A' + 10)) % 97;
  }
  return remainder == 1;
}

}  // namespace

void ScanCards(std::string_view text, std::vector<PiiSpan>& spans) {
  std::vector<Group> groups;
  size_t at = 0;
  while (at < text.size()) {
    if (!IsDigit(text[at]) || (at > 0 && (IsAlnum(text[at - 1]) || text[at - 1] == '_'))) {
      ++at;
      continue;
    }
    groups.clear();
    for (;;) {
      const size_t begin = at;
      while (at < text.size() && IsDigit(text[at])) ++at;
      // "4111abc" is the end of an identifier.
      if (at < text.size() && (IsLetter(text[at]) || text[at] == '_')) break;
      groups.push_back({begin, at});
      const size_t separator = SpaceLength(text, at) + HyphenLength(text, at);
      if (separator == 0 || at + separator >= text.size() || !IsDigit(text[at + separator])) break;
      at += separator;
    }
    CardsAmong(text, groups, spans);
  }
}

void ScanIbans(std::string_view text, std::vector<PiiSpan>& spans) {
  for (size_t at = 0; at + 4 < text.size(); ++at) {
    if (!IsLetter(text[at]) || !IsLetter(text[at + 1]) || !IsDigit(text[at + 2]) || !IsDigit(text[at + 3])) continue;
    if (at > 0 && (IsAlnum(text[at - 1]) || text[at - 1] == '_')) continue;
    const size_t length = LengthFor(text[at], text[at + 1]);
    if (length == 0) continue;
    std::string iban;
    size_t end = at;
    while (iban.size() < length && end < text.size()) {
      const size_t separator = iban.size() < 4 ? 0 : SpaceLength(text, end) + HyphenLength(text, end);
      if (end + separator >= text.size() || !IsAlnum(text[end + separator])) break;
      end += separator;
      iban += text[end++];
    }
    if (iban.size() != length || (end < text.size() && IsAlnum(text[end])) || !Mod97(iban)) continue;
    spans.push_back({at, end, PiiType::kIban});
    at = end - 1;
  }
}

}  // namespace bantam
