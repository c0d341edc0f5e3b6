// What both filters and methods do to texts.
#pragma once

#include <optional>

#include "text/jinja/heap.h"

namespace bantam::jinja {

// `characters`: null for white space.
Result<Value> StripText(Heap& heap, const MarkedText& text, const MarkedText* characters, bool left, bool right);
// `count` below 0: all.
Result<Value> ReplaceText(Heap& heap, const MarkedText& text, const MarkedText& from, const MarkedText& to,
                          int64_t count);

// How many bytes the line end at `at` takes as str.splitlines() knows them; 0: there is none.
size_t LineEnd(std::string_view text, size_t at);

// int(text, base) and float(text): white space around, underscores between digits, a sign.
std::optional<Int> ParseInt(std::string_view text, int base);
std::optional<double> ParseFloat(std::string_view text);

}  // namespace bantam::jinja
