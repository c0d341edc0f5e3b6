#include "route/forms/date.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "route/forms/number.h"
#include "route/forms/words.h"

namespace bantam {
namespace {

using std::chrono::days;
using std::chrono::months;
using std::chrono::weekday;
using std::chrono::year_month_day;
using std::chrono::years;

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};

std::string LowerFirst(std::string_view name) {
  std::string out(name);
  out[0] = static_cast<char>(out[0] | 0x20);
  return out;
}

// Index of the name that `word` is or abbreviates (three letters or more: "sept", "thurs").
template <size_t kSize>
std::optional<unsigned> IndexOf(const std::array<std::string_view, kSize>& names, std::string_view word,
                                bool abbreviated) {
  for (size_t i = 0; i < kSize; ++i) {
    const std::string name = LowerFirst(names[i]);
    if (word == name || (abbreviated && word.size() >= 3 && word.size() <= 5 && name.starts_with(word))) {
      return static_cast<unsigned>(i);
    }
  }
  return std::nullopt;
}

std::optional<int> Digits(std::string_view word, size_t least, size_t most) {
  if (word.size() < least || word.size() > most) return std::nullopt;
  int value = 0;
  for (const char c : word) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// "3", "3rd", "21st"; `must_have_ending` refuses the bare number.
std::optional<int> DayOfMonth(std::string_view word, bool must_have_ending) {
  const size_t ending = std::min(word.find_first_not_of("0123456789"), word.size());
  const std::string_view tail = word.substr(ending);
  if (tail.empty() ? must_have_ending : tail != "st" && tail != "nd" && tail != "rd" && tail != "th")
    return std::nullopt;
  const auto day = Digits(word.substr(0, ending), 1, 2);
  return day && *day >= 1 && *day <= 31 ? day : std::nullopt;
}

std::optional<Day> MakeDay(int year, int month, int day) {
  if (year < 1900 || year > 2999 || month < 1 || month > 12 || day < 1) return std::nullopt;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return Day(date);
}

class Finder {
 public:
  Finder(std::string_view text, Day today, const DateOptions& options)
      : text_(text), words_(SplitWords(text)), today_(today), options_(options) {}

  std::vector<DateMatch> Run() {
    std::vector<DateMatch> out;
    for (size_t i = 0; i < words_.size();) {
      used_ = 0;
      std::optional<Day> day = Numeric(i);
      if (!day) day = WithMonthName(i);
      if (!day) day = Relative(i);
      if (!day) day = Weekday(i);
      if (!day) day = OrdinalOnly(i);
      if (day) {
        out.push_back({*day, words_[i].begin, words_[i + used_ - 1].end});
        i += used_;
      } else {
        ++i;
      }
    }
    return out;
  }

 private:
  const std::string* At(size_t i) const { return i < words_.size() ? &words_[i].text : nullptr; }
  bool Is(size_t i, std::string_view word) const { return i < words_.size() && words_[i].text == word; }
  // The characters between word i and the next.
  std::string_view Gap(size_t i) const {
    if (i + 1 >= words_.size()) return text_.substr(words_[i].end);
    return text_.substr(words_[i].end, words_[i + 1].begin - words_[i].end);
  }

  // A date without a year.
  std::optional<Day> Yearless(int month, int day) const {
    const int this_year = static_cast<int>(year_month_day(today_).year());
    // Leap days: up to eight years away.
    for (int step = 0; step <= 8; ++step) {
      const auto candidate = MakeDay(options_.prefer_past ? this_year - step : this_year + step, month, day);
      if (candidate && (options_.prefer_past ? *candidate <= today_ : *candidate >= today_)) return candidate;
    }
    return std::nullopt;
  }

  static int FullYear(int year, size_t digits) { return digits == 2 ? 2000 + year : year; }

  std::optional<Day> Numeric(size_t i) {
    if (i + 1 >= words_.size()) return std::nullopt;
    const std::string_view gap = Gap(i);
    if (gap != "-" && gap != "/" && gap != ".") return std::nullopt;
    const bool third = i + 2 < words_.size() && Gap(i + 1) == gap;
    if (third && gap != "." && Digits(words_[i].text, 4, 4)) {  // 2030-12-01, 2030/12/01
      const auto month = Digits(words_[i + 1].text, 1, 2), day = Digits(words_[i + 2].text, 1, 2);
      if (!month || !day) return std::nullopt;
      used_ = 3;
      return MakeDay(*Digits(words_[i].text, 4, 4), *month, *day);
    }
    auto day = Digits(words_[i].text, 1, 2), month = Digits(words_[i + 1].text, 1, 2);
    if (!day || !month) return std::nullopt;
    if (*month > 12 && *day <= 12) std::swap(day, month);
    if (third) {
      const std::string& year = words_[i + 2].text;
      const auto value = year.size() == 2 || year.size() == 4 ? Digits(year, 2, 4) : std::nullopt;
      if (!value) return std::nullopt;
      used_ = 3;
      return MakeDay(FullYear(*value, year.size()), *month, *day);
    }
    // "3/12" and "3.12." but not "3.12", which is a number, nor "3-12", which is a range.
    if (options_.in_passing || gap == "-" || (gap == "." && !Gap(i + 1).starts_with('.'))) return std::nullopt;
    used_ = 2;
    return Yearless(*month, *day);
  }

  std::optional<Day> WithMonthName(size_t i) {
    int month = 0, day = 0;
    size_t next = 0;
    if (const auto number = DayOfMonth(words_[i].text, false)) {  // 3 March, 3rd of March
      size_t at = i + 1;
      if (Is(at, "of")) ++at;
      const std::string* name = At(at);
      const auto index = name == nullptr ? std::nullopt : IndexOf(kMonths, *name, true);
      if (!index) return std::nullopt;
      month = static_cast<int>(*index) + 1, day = *number, next = at + 1;
    } else if (const auto index = IndexOf(kMonths, words_[i].text, true)) {  // March 3rd
      size_t at = i + 1;
      if (Is(at, "the")) ++at;
      const std::string* number_word = At(at);
      const auto number_after = number_word == nullptr ? std::nullopt : DayOfMonth(*number_word, false);
      if (!number_after) return std::nullopt;
      month = static_cast<int>(*index) + 1, day = *number_after, next = at + 1;
    } else {
      return std::nullopt;
    }
    if (const std::string* year = At(next)) {
      if (const auto value = Digits(*year, 4, 4); value && *value >= 1900 && *value <= 2999) {
        used_ = next + 1 - i;
        return MakeDay(*value, month, day);
      }
    }
    used_ = next - i;
    return Yearless(month, day);
  }

  std::optional<Day> Relative(size_t i) {
    const std::string& word = words_[i].text;
    const auto take = [&](size_t words, Day day) {
      used_ = words;
      return day;
    };
    if (word == "today" || word == "tonight") return take(1, today_);
    if (word == "tomorrow" || word == "tomorow" || word == "tommorow" || word == "tommorrow" || word == "tmrw") {
      return take(1, today_ + days(1));
    }
    if (word == "yesterday") return take(1, today_ - days(1));
    const std::span<const Word> rest = std::span(words_).subspan(i);
    if (const size_t n = std::max(MatchPhrase(rest, "day after tomorrow"), MatchPhrase(rest, "overmorrow"))) {
      return take(n, today_ + days(2));
    }
    if (const size_t n = MatchPhrase(rest, "day before yesterday")) return take(n, today_ - days(2));
    // in 3 days, in a week; 3 days from now, a week from today
    const bool in = word == "in" || word == "within";
    const size_t count_at = in ? i + 1 : i;
    const std::string* count_word = At(count_at);
    if (count_word == nullptr) return std::nullopt;
    std::optional<int> count = Digits(*count_word, 1, 3);
    if (*count_word == "a" || *count_word == "an") count = 1;
    if (!count) {
      const std::vector<NumberMatch> numbers = FindNumbers(*count_word);
      if (numbers.size() == 1 && numbers[0].value <= 999) count = static_cast<int>(numbers[0].value);
    }
    const std::string* unit = At(count_at + 1);
    if (!count || unit == nullptr) return std::nullopt;
    size_t end = count_at + 2;
    if (!in) {
      if (!Is(end, "from") || !(Is(end + 1, "now") || Is(end + 1, "today"))) return std::nullopt;
      end += 2;
    } else if (Is(end, "time")) {
      ++end;  // in two weeks' time
    }
    if (*unit == "day" || *unit == "days") return take(end - i, today_ + days(*count));
    if (*unit == "week" || *unit == "weeks") return take(end - i, today_ + days(7 * *count));
    if (*unit == "fortnight") return take(end - i, today_ + days(14 * *count));
    if (*unit == "month" || *unit == "months") {
      year_month_day date = year_month_day(today_) + months(*count);
      if (!date.ok()) date = date.year() / date.month() / std::chrono::last;
      return take(end - i, Day(date));
    }
    return std::nullopt;
  }

  std::optional<Day> Weekday(size_t i) {
    const std::string& word = words_[i].text;
    const bool next = word == "next", same = word == "this" || word == "coming", on = word == "on";
    const size_t at = next || same || on ? i + 1 : i;
    const std::string* name = At(at);
    if (name == nullptr) return std::nullopt;
    const auto index = IndexOf(kWeekdays, *name, !options_.in_passing || at > i);
    if (!index) return std::nullopt;
    // "Friday, the 4th of December": the date says it all.
    const size_t date_at = Is(at + 1, "the") ? at + 2 : at + 1;
    if (date_at < words_.size()) {
      std::optional<Day> date = Numeric(date_at);
      if (!date) date = WithMonthName(date_at);
      if (date) {
        used_ += date_at - i;
        return date;
      }
    }
    used_ = at + 1 - i;
    const weekday wanted(*index);
    const days ahead = wanted - weekday(today_);  // 0 to 6
    if (same) return today_ + ahead;
    if (next) {
      const Day monday = today_ - (weekday(today_) - std::chrono::Monday);
      return monday + days(7) + (wanted - std::chrono::Monday);
    }
    return today_ + (ahead == days(0) ? days(7) : ahead);
  }

  // "the 5th": of this month or the next
  std::optional<Day> OrdinalOnly(size_t i) {
    if (options_.in_passing) return std::nullopt;
    const auto number = DayOfMonth(words_[i].text, true);
    if (!number) return std::nullopt;
    year_month_day month = year_month_day(today_);
    for (int step = 0; step < 12; ++step) {
      const year_month_day candidate = (month.year() / month.month() / 1) + months(options_.prefer_past ? -step : step);
      const auto day = MakeDay(static_cast<int>(candidate.year()),
                               static_cast<int>(static_cast<unsigned>(candidate.month())), *number);
      if (day && (options_.prefer_past ? *day <= today_ : *day >= today_)) {
        used_ = 1;
        return day;
      }
    }
    return std::nullopt;
  }

  const std::string_view text_;
  const std::vector<Word> words_;
  const Day today_;
  const DateOptions options_;
  size_t used_ = 0;  // words of the match
};

}  // namespace

std::vector<DateMatch> FindDates(std::string_view text, Day today, const DateOptions& options) {
  return Finder(text, today, options).Run();
}

std::optional<Day> ParseIsoDate(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = Digits(text.substr(0, 4), 4, 4), month = Digits(text.substr(5, 2), 2, 2),
             day = Digits(text.substr(8, 2), 2, 2);
  if (!year || !month || !day) return std::nullopt;
  return MakeDay(*year, *month, *day);
}

std::string IsoDate(Day day) {
  const year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string LongDate(Day day) {
  const year_month_day date(day);
  return fmt::format("{} {} {} {}", kWeekdays[weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()));
}

Day LocalToday() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm local{};
  localtime_r(&now, &local);
  return Day(std::chrono::year(local.tm_year + 1900) / static_cast<int>(local.tm_mon + 1) /
             static_cast<int>(local.tm_mday));
}

}  // namespace bantam
