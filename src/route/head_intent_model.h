// The real intent model: encoder, trained head, examples.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "route/intent_model.h"
#include "route/route_file.h"
#include "route/state_folder.h"

namespace bantam {

struct IntentOptions {
  std::optional<Path> state_folder;  // where head and vectors lie (of a generation: its own folder); none: both are
                                     // made anew and forgotten
  bool may_write = true;
  bool keep_read = false;  // Understanding::read
  int num_threads = 0;
  std::optional<double> max_disagreement;  // instead of the file's early_exit; 0: every text is read to the end
  std::function<void(std::string_view stage, double fraction)> progress;
};

// Takes the stored head when it was trained on these examples with this encoder; trains one otherwise, and stores it.
Result<std::unique_ptr<IntentModel>> LoadIntentModel(const RouteFile& file, std::shared_ptr<Embedder> embedder,
                                                     const IntentOptions& options);

}  // namespace bantam
