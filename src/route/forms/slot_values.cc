#include "route/forms/slot_values.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "route/forms/choice.h"
#include "route/forms/number.h"
#include "route/forms/words.h"
#include "route/placeholders.h"
#include "route/yaml_reader.h"

namespace bantam {
namespace {

// Longer messages are read up to here; a person's answer to a question is shorter.
constexpr size_t kMostRead = 4'096;

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

bool Overlaps(TextRange a, std::span<const TextRange> taken) {
  return std::any_of(taken.begin(), taken.end(), [&](TextRange b) { return a.begin < b.end && b.begin < a.end; });
}

SlotReading Value(std::string value, std::string shown, TextRange range) {
  return {SlotReading::Outcome::kValue, {std::move(value), std::move(shown)}, range};
}
SlotReading Refused(TextRange range) { return {SlotReading::Outcome::kRefused, {}, range}; }

// The first match that is not cut out of a longer word: [A-Z]{2}\d{6} does not match inside AB1234567.
SlotReading ReadRegex(const Slot& slot, std::string_view text, std::span<const TextRange> taken) {
  const re2::StringPiece whole(text.data(), text.size());
  re2::StringPiece match;
  for (size_t at = 0; at < text.size();) {
    if (!slot.regex->Match(whole, at, text.size(), re2::RE2::UNANCHORED, &match, 1)) break;
    const size_t begin = static_cast<size_t>(match.data() - text.data()), end = begin + match.size();
    const bool cut = (begin > 0 && IsAlnum(text[begin - 1]) && IsAlnum(text[begin])) ||
                     (end < text.size() && end > 0 && IsAlnum(text[end - 1]) && IsAlnum(text[end]));
    if (!match.empty() && !cut && !Overlaps({begin, end}, taken)) {
      return Value(std::string(match), std::string(match), {begin, end});
    }
    at = begin + 1;
  }
  return {};
}

std::string ShowNumber(const Slot& slot, const std::string& digits) {
  if (slot.unit.empty()) return digits;
  // "1 seat", "3 seats": a plain plural loses its s after exactly one.
  const bool one = digits == "1" && slot.unit.size() > 2 && slot.unit.ends_with('s') && !slot.unit.ends_with("ss");
  return digits + " " + (one ? slot.unit.substr(0, slot.unit.size() - 1) : slot.unit);
}

bool WithinLimits(const Slot& slot, double value) {
  if (slot.integer && value != std::floor(value)) return false;
  return (!slot.minimum || value >= *slot.minimum) && (!slot.maximum || value <= *slot.maximum);
}

SlotReading NumberValue(const Slot& slot, const NumberMatch& number) {
  const TextRange range{number.begin, number.end};
  if (!WithinLimits(slot, number.value)) return Refused(range);
  std::string digits = number.digits;
  if (slot.integer) digits = digits.substr(0, digits.find('.'));
  return Value(digits, ShowNumber(slot, digits), range);
}

SlotReading ReadNumberAnswer(const Slot& slot, std::string_view text, std::span<const TextRange> taken) {
  std::vector<NumberMatch> numbers = FindNumbers(text);
  std::erase_if(numbers, [&](const NumberMatch& number) { return Overlaps({number.begin, number.end}, taken); });
  if (numbers.empty()) return {};
  if (numbers.size() == 1) return NumberValue(slot, numbers[0]);
  const NumberMatch* with_unit = nullptr;
  for (const NumberMatch& number : numbers) {
    if (!HasUnit(text, number, slot.unit)) continue;
    if (with_unit != nullptr && with_unit->value != number.value) return Refused({});
    with_unit = &number;
  }
  if (with_unit != nullptr) return NumberValue(slot, *with_unit);
  for (const NumberMatch& number : numbers) {
    if (number.value != numbers[0].value) return Refused({});  // "2 or 3": which?
  }
  return NumberValue(slot, numbers[0]);
}

std::optional<Day> Limit(const std::string& text, Day today) {
  if (text == "today") return today;
  if (text == "tomorrow") return today + std::chrono::days(1);
  if (text == "yesterday") return today - std::chrono::days(1);
  return ParseIsoDate(text);
}

SlotReading ReadDate(const Slot& slot, std::string_view text, Day today, bool in_passing,
                     std::span<const TextRange> taken) {
  const std::optional<Day> least = Limit(slot.min_date, today), most = Limit(slot.max_date, today);
  std::vector<DateMatch> dates =
      FindDates(text, today, {.in_passing = in_passing, .prefer_past = most && *most <= today});
  std::erase_if(dates, [&](const DateMatch& date) { return Overlaps({date.begin, date.end}, taken); });
  if (dates.empty()) return {};
  for (const DateMatch& date : dates) {
    if (date.day != dates[0].day) return Refused({});
  }
  const TextRange range{dates[0].begin, dates[0].end};
  if ((least && dates[0].day < *least) || (most && dates[0].day > *most)) return Refused(range);
  return Value(IsoDate(dates[0].day), LongDate(dates[0].day), range);
}

SlotReading ReadChoiceSlot(const Slot& slot, std::string_view text, bool in_passing, std::span<const TextRange> taken) {
  std::vector<ChoiceMatch> matches = FindChoices(slot, text, in_passing);
  std::erase_if(matches, [&](const ChoiceMatch& match) { return Overlaps({match.begin, match.end}, taken); });
  if (matches.empty()) return {};
  for (const ChoiceMatch& match : matches) {
    if (match.choice != matches[0].choice) return Refused({});
  }
  const std::string& value = slot.choices[matches[0].choice].first;
  return Value(value, value, {matches[0].begin, matches[0].end});
}

SlotReading ReadEmail(std::string_view text, std::span<const TextRange> taken) {
  std::vector<TextRange> emails = FindEmails(text);
  std::erase_if(emails, [&](TextRange email) { return Overlaps(email, taken); });
  if (emails.empty()) return {};
  const auto at = [&](TextRange range) { return text.substr(range.begin, range.end - range.begin); };
  for (const TextRange email : emails) {
    if (at(email) != at(emails[0])) return Refused({});
  }
  return Value(std::string(at(emails[0])), std::string(at(emails[0])), emails[0]);
}

// What the model finds, by its longest certain spans: in an answer one name, in passing also no two of them.
SlotReading ReadEntity(const Slot& slot, std::string_view text, bool in_passing, std::span<const TextRange> taken) {
  if (slot.entities == nullptr) return {};
  auto read = slot.entities->Find(text);
  if (!read) {  // the form then asks
    Log(LogLevel::kWarning, "the model of slot \"{}\" finds nothing in a message: {}", slot.name, read.error().message);
    return {};
  }
  std::vector<FoundEntity> found = *std::move(read);
  std::erase_if(found, [&](const FoundEntity& entity) {
    return entity.score < slot.min_score || Overlaps(entity.range, taken) ||
           std::find(slot.entity_labels.begin(), slot.entity_labels.end(), entity.label) == slot.entity_labels.end();
  });
  if (found.empty()) return {};
  const auto words = [&](const FoundEntity& entity) {
    return text.substr(entity.range.begin, entity.range.end - entity.range.begin);
  };
  for (const FoundEntity& entity : found) {
    if (words(entity) != words(found[0])) return in_passing ? SlotReading() : Refused({});
  }
  const std::string value = PlainText(words(found[0]), kMostRead);
  return value.empty() ? SlotReading() : Value(value, value, found[0].range);
}

SlotReading ReadFreeText(const Slot& slot, std::string_view text) {
  const std::string plain = PlainText(text, kMostRead);
  const auto characters = static_cast<size_t>(
      std::count_if(plain.begin(), plain.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  if (plain.empty()) return {};
  if (characters > slot.max_length) return Refused({});
  return Value(plain, plain, {0, text.size()});
}

}  // namespace

SlotReading ReadAnswer(const Slot& slot, std::string_view text, Day today, std::span<const TextRange> taken) {
  if (slot.type == Slot::Type::kText) return ReadFreeText(slot, text);
  text = text.substr(0, kMostRead);
  switch (slot.type) {
    case Slot::Type::kRegex:
      return ReadRegex(slot, text, taken);
    case Slot::Type::kNumber:
      return ReadNumberAnswer(slot, text, taken);
    case Slot::Type::kDate:
      return ReadDate(slot, text, today, false, taken);
    case Slot::Type::kChoice:
      return ReadChoiceSlot(slot, text, false, taken);
    case Slot::Type::kEmail:
      return ReadEmail(text, taken);
    case Slot::Type::kEntity:
      return ReadEntity(slot, text, false, taken);
    case Slot::Type::kText:
      break;
  }
  return {};
}

SlotReading ReadInPassing(const Slot& slot, std::string_view text, Day today, std::span<const TextRange> taken) {
  text = text.substr(0, kMostRead);
  switch (slot.type) {
    case Slot::Type::kText:
      return {};
    case Slot::Type::kRegex:
      return ReadRegex(slot, text, taken);
    case Slot::Type::kNumber: {
      SlotReading found;
      for (const NumberMatch& number : FindNumbers(text)) {
        if (!HasUnit(text, number, slot.unit) || Overlaps({number.begin, number.end}, taken)) continue;
        if (found.outcome != SlotReading::Outcome::kNothing) return {};  // two of them: ask
        found = NumberValue(slot, number);
      }
      return found;
    }
    case Slot::Type::kDate:
      return ReadDate(slot, text, today, true, taken);
    case Slot::Type::kChoice:
      return ReadChoiceSlot(slot, text, true, taken);
    case Slot::Type::kEmail:
      return ReadEmail(text, taken);
    case Slot::Type::kEntity:
      return ReadEntity(slot, text, true, taken);
  }
  return {};
}

std::vector<TextRange> FindEmails(std::string_view text) {
  const auto local_part = [](char c) {
    return IsAlnum(c) || std::string_view("!#$%&'*+/=?^_`{|}~.-").find(c) != std::string_view::npos;
  };
  const auto domain_part = [](char c) { return IsAlnum(c) || c == '-' || c == '.'; };
  std::vector<TextRange> emails;
  size_t floor = 0;  // addresses do not overlap, and each character is looked at a bounded number of times
  for (size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    size_t begin = at, end = at + 1;
    while (begin > floor && at - begin < 64 && local_part(text[begin - 1])) --begin;
    while (end < text.size() && end - at < 254 && domain_part(text[end])) ++end;
    floor = at + 1;
    while (begin < at && !IsAlnum(text[begin]) && text[begin] != '_') ++begin;  // a quote or bracket before the address
    while (end > at + 1 && (text[end - 1] == '.' || text[end - 1] == '-')) --end;
    const std::string_view local = text.substr(begin, at - begin), domain = text.substr(at + 1, end - at - 1);
    const size_t dot = domain.rfind('.');
    const bool more_at = (end < text.size() && text[end] == '@') || (begin > 0 && text[begin - 1] == '@');
    if (local.empty() || local.back() == '.' || local.find("..") != std::string_view::npos) continue;
    if (dot == std::string_view::npos || dot == 0 || domain.size() - dot < 3 ||
        domain.find("..") != std::string_view::npos || domain.front() == '-' ||
        domain.find_first_not_of("0123456789", dot + 1) == std::string_view::npos || more_at) {
      continue;
    }
    emails.push_back({begin, end});
    floor = end;
  }
  return emails;
}

std::optional<SlotValue> RestoreValue(const Slot& slot, std::string_view value) {
  switch (slot.type) {
    case Slot::Type::kNumber: {
      const auto number = ParseStrictNumber(value);
      if (!number || !WithinLimits(slot, *number)) return std::nullopt;
      return SlotValue{std::string(value), ShowNumber(slot, std::string(value))};
    }
    case Slot::Type::kDate: {
      const auto day = ParseIsoDate(value);
      if (!day) return std::nullopt;
      return SlotValue{std::string(value), LongDate(*day)};
    }
    case Slot::Type::kChoice:
      for (const auto& [choice, synonyms] : slot.choices) {
        if (choice == value) return SlotValue{choice, choice};
      }
      return std::nullopt;
    default:
      return SlotValue{std::string(value), std::string(value)};
  }
}

}  // namespace bantam
