// All that `bantam help` says as one manual page in roff, for man and mandoc.
#pragma once

#include <string>

#include "cli/command_tree.h"

namespace bantam::cli {

std::string ManPage(const CommandInfo& program);

}  // namespace bantam::cli
