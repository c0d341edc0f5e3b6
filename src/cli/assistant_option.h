// The option by which commands name an assistant whose state they look at: -c FILE or --assistant NAME.
#pragma once

#include <string>

#include "base/file_io.h"

namespace CLI {
class App;
}

namespace bantam::cli {

struct AssistantOption {
  std::string config;     // a route file, whose `name` is the assistant's
  std::string assistant;  // the name itself
};

void AddAssistantOption(CLI::App& app, AssistantOption& option);

// $BANTAM_HOME/state/NAME, which exists. With neither option given: the only assistant that has state here.
Result<Path> FindStateFolder(const AssistantOption& option);

}  // namespace bantam::cli
