// Declarations of every subcommand's set-up function, and the list of them.
#pragma once

#include <array>
#include <span>

#include "cli/command.h"

namespace bantam::cli {

std::span<const Command> Commands();

Run SetUpBench(CLI::App& app);
Run SetUpTokenize(CLI::App& app);

}  // namespace bantam::cli
