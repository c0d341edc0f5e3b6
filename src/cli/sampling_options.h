// How text is chosen, for the commands that generate it.
#pragma once

#include <optional>

#include "tasks/generate.h"

namespace CLI {
class App;
}

namespace bantam::cli {

class SamplingOptions {
 public:
  void AddTo(CLI::App& app);
  // Everything of a call but its prompt. Without --seed a new one each time.
  GenerateCall Call() const;

 private:
  SamplingParams sampling_{.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f};
  std::optional<uint64_t> seed_;
  int max_tokens_ = 256, n_ = 1;
  std::vector<std::string> stop_;
  bool ignore_eos_ = false;
};

}  // namespace bantam::cli
