// Telephone numbers. Nothing in the digits proves one, so three things are weighed: how it is written (+49 30 ...,
// (020) 7946 0958, 212-555-0187), what it could be instead (a date, a decimal, an ISBN), and the words before it.
#include <algorithm>
#include <array>

#include "route/privacy/scan.h"

namespace bantam {
namespace {

constexpr size_t kFewestDigits = 7, kMostDigits = 15;  // E.164 has at most 15
constexpr size_t kMostGroups = 7;

struct Word {
  std::string_view stem;
  bool whole;  // the word itself; else whatever begins so
  NumberContext says;
};
constexpr std::array kWords = {
    Word{"phone", false, NumberContext::kPhone},     Word{"telephone", false, NumberContext::kPhone},
    Word{"tel", true, NumberContext::kPhone},        Word{"telefon", false, NumberContext::kPhone},
    Word{"tlf", true, NumberContext::kPhone},        Word{"call", false, NumberContext::kPhone},
    Word{"ring", true, NumberContext::kPhone},       Word{"dial", false, NumberContext::kPhone},
    Word{"mobile", false, NumberContext::kPhone},    Word{"mobil", false, NumberContext::kPhone},
    Word{"cell", false, NumberContext::kPhone},      Word{"fax", false, NumberContext::kPhone},
    Word{"whatsapp", true, NumberContext::kPhone},   Word{"sms", true, NumberContext::kPhone},
    Word{"handy", false, NumberContext::kPhone},     Word{"rufnummer", false, NumberContext::kPhone},
    Word{"portable", true, NumberContext::kPhone},   Word{"móvil", true, NumberContext::kPhone},
    Word{"teléfono", true, NumberContext::kPhone},   Word{"téléphone", true, NumberContext::kPhone},
    Word{"tél", true, NumberContext::kPhone},        Word{"llám", false, NumberContext::kPhone},
    Word{"电话", false, NumberContext::kPhone},      Word{"手机", false, NumberContext::kPhone},
    Word{"version", false, NumberContext::kVersion}, Word{"release", false, NumberContext::kVersion},
    Word{"firmware", true, NumberContext::kVersion}, Word{"build", true, NumberContext::kVersion},
    Word{"section", false, NumberContext::kVersion}, Word{"chapter", false, NumberContext::kVersion},
    Word{"clause", false, NumberContext::kVersion},  Word{"v", true, NumberContext::kVersion},
    Word{"driver", true, NumberContext::kVersion},   Word{"oid", true, NumberContext::kVersion},
    Word{"order", false, NumberContext::kOther},     Word{"invoice", false, NumberContext::kOther},
    Word{"ticket", false, NumberContext::kOther},    Word{"case", true, NumberContext::kOther},
    Word{"ref", true, NumberContext::kOther},        Word{"reference", false, NumberContext::kOther},
    Word{"isbn", false, NumberContext::kOther},      Word{"issn", true, NumberContext::kOther},
    Word{"ean", true, NumberContext::kOther},        Word{"gtin", true, NumberContext::kOther},
    Word{"upc", true, NumberContext::kOther},        Word{"id", true, NumberContext::kOther},
    Word{"ids", true, NumberContext::kOther},        Word{"account", false, NumberContext::kOther},
    Word{"customer", false, NumberContext::kOther},  Word{"contract", false, NumberContext::kOther},
    Word{"tracking", false, NumberContext::kOther},  Word{"parcel", false, NumberContext::kOther},
    Word{"shipment", false, NumberContext::kOther},  Word{"serial", false, NumberContext::kOther},
    Word{"article", false, NumberContext::kOther},   Word{"item", false, NumberContext::kOther},
    Word{"sku", true, NumberContext::kOther},        Word{"part", true, NumberContext::kOther},
    Word{"product", true, NumberContext::kOther},    Word{"model", true, NumberContext::kOther},
    Word{"batch", true, NumberContext::kOther},      Word{"transaction", false, NumberContext::kOther},
    Word{"voucher", false, NumberContext::kOther},   Word{"imei", true, NumberContext::kOther},
    Word{"meter", true, NumberContext::kOther},      Word{"zip", true, NumberContext::kOther},
    Word{"bestell", false, NumberContext::kOther},   Word{"rechnung", false, NumberContext::kOther},
    Word{"kunden", false, NumberContext::kOther},    Word{"auftrag", false, NumberContext::kOther},
    Word{"commande", false, NumberContext::kOther},  Word{"facture", false, NumberContext::kOther},
    Word{"pedido", false, NumberContext::kOther},    Word{"factura", false, NumberContext::kOther},
    Word{"timestamp", false, NumberContext::kOther}, Word{"epoch", false, NumberContext::kOther},
};

struct Group {
  size_t begin, end;
  bool after_space;  // what is before it holds a space, or nothing
  size_t size() const { return end - begin; }
};

// The groups of digits from `at` on with what people put between them: a space, a hyphen, a dot, a slash, parentheses.
// `at` moves to their end.
std::vector<Group> ReadGroups(std::string_view text, size_t& at) {
  std::vector<Group> groups;
  bool spaced = true;
  for (;;) {
    const size_t begin = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    groups.push_back({begin, at, spaced});
    size_t next = at;
    int signs = 0;
    spaced = false;
    while (next < text.size() && signs < 3) {
      const size_t space = SpaceLength(text, next), hyphen = HyphenLength(text, next);
      const bool mark = text[next] == '.' || text[next] == '/';
      const bool parenthesis = text[next] == '(' || text[next] == ')';
      if (space + hyphen == 0 && !mark && !parenthesis) break;
      spaced = spaced || space != 0;
      next += space + hyphen + (mark || parenthesis);
      signs += parenthesis ? 1 : 2;  // ") " and "(0)" but not " - "
    }
    if (next == at || next >= text.size() || !IsDigit(text[next]) || signs > 4) return groups;
    at = next;
  }
}

bool IsDate(const Group* groups, size_t count, std::string_view text) {
  if (count < 3) return false;
  const auto number = [&](size_t i) {
    int value = 0;
    for (size_t at = groups[i].begin; at < groups[i].end && value < 10'000; ++at) value = value * 10 + (text[at] - '0');
    return value;
  };
  const auto day_and_month = [&](size_t a, size_t b) {
    const int x = number(a), y = number(b);
    return groups[a].size() <= 2 && groups[b].size() <= 2 && x >= 1 && y >= 1 && std::max(x, y) <= 31 &&
           std::min(x, y) <= 12;
  };
  const auto year = [&](size_t i) { return groups[i].size() == 4 && number(i) >= 1900 && number(i) <= 2199; };
  return (year(0) && day_and_month(1, 2)) || (day_and_month(0, 1) && year(2));
}

// Whether the groups are written as a telephone number. `plus`: a + stands before them.
bool IsPhone(std::string_view text, const Group* groups, size_t count, bool plus) {
  if (count > kMostGroups) return false;
  std::string digits;
  for (size_t i = 0; i < count; ++i) digits += text.substr(groups[i].begin, groups[i].size());
  const size_t n = digits.size();
  if (plus) return n >= 8 && n <= kMostDigits && digits[0] != '0';
  if (n < kFewestDigits || n > kMostDigits || IsDate(groups, count, text)) return false;
  // "0.25 ..." and "0-306-40615-2".
  if (groups[0].size() == 1 && digits[0] == '0') return false;
  const NumberContext context = ContextBefore(text, groups[0].begin);
  if (context == NumberContext::kPhone && n <= 13) return true;
  if (context == NumberContext::kVersion || context == NumberContext::kOther) return false;
  const bool short_group = std::any_of(groups, groups + count, [](const Group& group) { return group.size() < 2; });
  if (digits.starts_with("00")) return digits[2] != '0' && n >= 11 && !short_group;
  if (digits[0] == '0') {
    if (count == 1) return n == 10 || n == 11;
    return n >= 9 && n <= 12 && !short_group;
  }
  // North America: 212-555-0187, with or without a 1 before it.
  const size_t area = n == 11 && digits[0] == '1' && groups[0].size() == 1 ? 1 : 0;
  return count == area + 3 && n == area + 10 && groups[area].size() == 3 && groups[area + 1].size() == 3 &&
         digits[area] >= '2' && digits[area + 3] >= '2';
}

void PhonesAmong(std::string_view text, const std::vector<Group>& groups, bool plus, std::vector<PiiSpan>& spans) {
  for (size_t first = 0; first < groups.size(); ++first) {
    // Only the first group can have the + or begin after a mark; the others must begin after a space.
    if (!groups[first].after_space) continue;
    size_t digits = 0, last = first;
    for (; last < groups.size() && digits + groups[last].size() <= kMostDigits; ++last) digits += groups[last].size();
    for (; last > first; --last) {
      if (last < groups.size() && !groups[last].after_space) continue;
      if (!IsPhone(text, &groups[first], last - first, plus && first == 0)) continue;
      spans.push_back({groups[first].begin, groups[last - 1].end, PiiType::kPhone});
      break;
    }
    if (last > first) first = last - 1;
  }
}

// What may stand before a number that begins here: not the end of a word, of a price or of another number.
bool MayBegin(std::string_view text, size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  if (IsAlnum(before) || std::string_view("_-#$.,/@&%+*~^\\").find(before) != std::string_view::npos) return false;
  const std::string_view head = text.substr(0, at);
  return !head.ends_with("€") && !head.ends_with("£") && !head.ends_with("¥") && !head.ends_with("№");
}

}  // namespace

NumberContext ContextBefore(std::string_view text, size_t at) {
  constexpr size_t kWindow = 40;  // bytes
  constexpr int kMostWords = 4;
  size_t end = at;
  const size_t stop = at > kWindow ? at - kWindow : 0;
  const auto in_word = [&](size_t i) { return IsLetter(text[i]) || static_cast<unsigned char>(text[i]) >= 0x80; };
  for (int words = 0; words < kMostWords; ++words) {
    while (end > stop && !in_word(end - 1)) {
      if (text[end - 1] == '\n') return NumberContext::kNone;
      --end;
    }
    size_t begin = end;
    while (begin > stop && in_word(begin - 1)) --begin;
    if (begin == end) return NumberContext::kNone;
    std::string word(text.substr(begin, end - begin));
    std::transform(word.begin(), word.end(), word.begin(), Lower);
    for (const Word& known : kWords) {
      if (known.whole ? word == known.stem : word.starts_with(known.stem)) return known.says;
    }
    end = begin;
  }
  return NumberContext::kNone;
}

void ScanPhones(std::string_view text, std::vector<PiiSpan>& spans) {
  size_t at = 0;
  while (at < text.size()) {
    size_t begin = at;
    const bool parenthesis = text[at] == '(';
    at += parenthesis;
    const bool plus = at < text.size() && text[at] == '+';
    at += plus;
    if (at >= text.size() || !IsDigit(text[at])) {
      at = std::max(at, begin + 1);
      continue;
    }
    const bool may = MayBegin(text, begin);
    const std::vector<Group> groups = ReadGroups(text, at);
    const size_t found = spans.size();
    // "1234 5678kg", "0171abc": the last group is the beginning of something else.
    const bool joined = at < text.size() && (IsLetter(text[at]) || text[at] == '_' || text[at] == '%');
    if (may && !joined) PhonesAmong(text, groups, plus, spans);
    // "(020) 7946" is all of the number; "(+44 20 7946)" stands in parentheses.
    if (parenthesis && !text.substr(groups.front().end).starts_with(')')) ++begin;
    if (spans.size() > found && spans[found].begin == groups.front().begin) spans[found].begin = begin;
  }
}

}  // namespace bantam
