// What commands print on standard output: aligned for people, JSON lines for programs.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bantam::cli {

Status Print(std::string_view text);

// For commands that only read and print: with the reader gone (`bantam list | head -1`) they end as other Unix filters
// do, without a message.
void EndQuietlyOnClosedPipe();

// "name:     value" lines, values in one column, the further lines of a value below its first. Empty values are left
// out.
std::string AlignFields(const std::vector<std::pair<std::string, std::string>>& fields);
// Rows of equal length; the first is the heading. Columns whose index is in `right` are aligned to the right.
std::string AlignColumns(const std::vector<std::vector<std::string>>& rows, const std::vector<size_t>& right = {});

}  // namespace bantam::cli
