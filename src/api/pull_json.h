// The progress of a pull as the lines of JSON that Ollama's /api/pull has: the same from the command line.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/json.h"
#include "store/pull.h"

namespace bantam {

// One pull's. One thread at a time.
class PullLines {
 public:
  // Nothing where the line would come too soon after the last one of its file.
  std::optional<json::object> Line(const PullProgress& progress);

 private:
  std::string file_;
  MonotonicTime last_{};
};

}  // namespace bantam
