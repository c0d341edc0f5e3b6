// The list of subcommands. To add one: write its file, declare its setup function here, add a row.
#include "cli/commands.h"

namespace bantam::cli {

std::span<const Command> Commands() {
  static constexpr std::array kCommands = {
      Command{"bench", "Time the encoder on this machine", SetUpBench},
      Command{"tokenize", "Text to token ids, as JSON lines", SetUpTokenize},
  };
  return kCommands;
}

}  // namespace bantam::cli
