// `bantam run MODEL` at a terminal: a conversation with the model, and commands that begin with a slash, as people who
// come from Ollama know them. A model without a chat template goes on with each line instead.
#pragma once

#include <string>

#include "cli/sampling_options.h"
#include "tasks/conversation.h"

namespace bantam::cli {

struct ChatOptions {
  bool raw = false;  // no template, no history: each message is a prompt as it stands
  std::string system;
  bool verbose = false;
};

// Until /bye or the end of the input. `sampling` is what /set parameter changes.
Status RunChat(Generator& generator, SamplingOptions sampling, const ChatOptions& options);

}  // namespace bantam::cli
