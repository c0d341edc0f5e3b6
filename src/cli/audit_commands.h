// The subcommands of `bantam audit` that stand in files of their own.
#pragma once

#include "cli/command.h"

namespace bantam::cli {

Run SetUpAuditExport(CLI::App& app);
Run SetUpAuditPurge(CLI::App& app);

}  // namespace bantam::cli
