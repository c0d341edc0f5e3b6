// What `bantam COMMAND --help` prints.
#pragma once

#include "cli/command_tree.h"

namespace bantam::cli {

// Lines of at most `width` columns, but for examples and words that are longer.
std::string HelpText(const CommandInfo& command, size_t width);

// Columns of the terminal on standard output, within what reads well; 100 where there is none.
size_t HelpWidth();

}  // namespace bantam::cli
