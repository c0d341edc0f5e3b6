// Days in what people type: "tomorrow", "next friday", "in 3 days", "3 March", "2030-12-01", "03.12.2030".
//
// Rules that are choices: a weekday is the first such day after today; "next friday" is the Friday of the week after
// this one (weeks begin on Monday); a day without a year is the next one that comes; numbers with points, slashes or
// dashes are day, month, year, unless the second cannot be a month. Forms repeat the full date when they ask for
// confirmation.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bantam {

using Day = std::chrono::sys_days;  // a calendar day, no time zone

struct DateMatch {
  Day day;
  size_t begin = 0, end = 0;  // bytes
};

struct DateOptions {
  bool in_passing =
      false;  // in a sentence about something else: no abbreviations ("sat", "mar"), no day without a month
  bool prefer_past = false;  // a day without a year is the last one that was
};

std::vector<DateMatch> FindDates(std::string_view text, Day today, const DateOptions& options = {});

// YYYY-MM-DD only.
std::optional<Day> ParseIsoDate(std::string_view text);
std::string IsoDate(Day day);   // "2030-12-06"
std::string LongDate(Day day);  // "Friday 6 December 2030"
Day LocalToday();               // in the time zone of this machine

}  // namespace bantam
