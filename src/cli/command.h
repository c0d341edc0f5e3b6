// One file per subcommand, one list of them (commands.cc). A command adds its options to `app`, and returns what to run
// once they are parsed; the exit code comes from ExitCode(error).
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"

namespace CLI {
class App;
}

namespace bantam::cli {

// Runs the command; the error, if any, is printed by main as "bantam: MESSAGE" and becomes the exit code.
using Run = std::function<Status()>;

struct Command {
  const char* name;
  const char* summary;
  // Adds options and an epilogue with examples to `app` (its own sub-app).
  Run (*setup)(CLI::App& app);
};

// sysexits.h: 64 usage, 65 data, 69 unavailable, 70 internal, 74 I/O, 78 config.
int ExitCode(const Error& error);

}  // namespace bantam::cli
