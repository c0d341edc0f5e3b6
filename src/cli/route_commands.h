// Set-up functions of the subcommands of `bantam route`; their list is in route.cc.
#pragma once

#include "cli/command.h"

namespace bantam::cli {

Run SetUpRouteTrain(CLI::App& app);
Run SetUpRouteEval(CLI::App& app);
Run SetUpRouteCurve(CLI::App& app);
Run SetUpRouteTest(CLI::App& app);
Run SetUpRouteExplain(CLI::App& app);
Run SetUpRouteInit(CLI::App& app);
Run SetUpRouteImport(CLI::App& app);

}  // namespace bantam::cli
