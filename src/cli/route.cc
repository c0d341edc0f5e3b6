// bantam route: what concerns the head and the route file. Each of its subcommands is a file route_NAME.cc and a row
// here.
#include <CLI/CLI.hpp>
#include <array>
#include <memory>

#include "cli/commands.h"
#include "cli/route_commands.h"

namespace bantam::cli {

Run SetUpRoute(CLI::App& app) {
  static constexpr std::array kCommands = {
      Command{"init", "Write a route file to begin with, from three answers", SetUpRouteInit},
      Command{"import", "Make a route file of another program's configuration", SetUpRouteImport},
      Command{"train", "Train an intent head on labelled examples", SetUpRouteTrain},
      Command{"eval", "Say how good a head is on labelled lines", SetUpRouteEval},
      Command{"curve", "Accuracy against cost over the thresholds, from the log of what was decided", SetUpRouteCurve},
      Command{"test", "Run the tests of a route file", SetUpRouteTest},
      Command{"explain", "Say why a text is decided as it is", SetUpRouteExplain},
  };
  app.require_subcommand(1);
  app.footer("Run 'bantam route COMMAND --help' for a command's options and examples.");
  auto chosen = std::make_shared<Run>();
  for (const Command& command : kCommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    sub->callback([chosen, run = command.setup(*sub)] { *chosen = run; });
  }
  return [chosen] { return (*chosen)(); };
}

}  // namespace bantam::cli
