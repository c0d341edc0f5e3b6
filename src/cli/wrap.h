// Text in lines.
#pragma once

#include <string>
#include <string_view>

namespace bantam::cli {

// The first line, which is taken off the text with its line feed.
std::string_view TakeLine(std::string_view& text);

// Broken between words, further lines beginning at column `indent`; the first line is at column `indent` already. Line
// feeds of the text stay. A word that is longer than the width has a line to itself.
std::string Wrap(std::string_view text, size_t indent, size_t width);

}  // namespace bantam::cli
