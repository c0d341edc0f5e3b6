// Set-up of the subcommands of `bantam cache` that have a file of their own.
#pragma once

#include <memory>

#include "cli/command.h"

namespace bantam::cli {

void AddCachePairs(CLI::App& app, std::shared_ptr<Run> chosen);

}  // namespace bantam::cli
