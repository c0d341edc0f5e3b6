// The list of subcommands. To add one: write its file, declare its setup function here, add a row.
#include "cli/commands.h"

namespace bantam::cli {

std::span<const Command> Commands() {
  static constexpr std::array<Command, 0> kCommands{};
  return kCommands;
}

}  // namespace bantam::cli
