// How text is chosen, for the commands that generate it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tasks/generate.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bantam::cli {

class SamplingOptions {
 public:
  void AddTo(CLI::App& app);
  // Everything of a call but its prompt. Without --seed a new one each time.
  GenerateCall Call() const;
  bool has_max_tokens() const;  // somebody said so; otherwise Call() has a default

  // By the names of the HTTP API ("top_k"), or Ollama's ("num_predict", "repeat_penalty"). kInvalidArgument lists the
  // names. The ranges are CheckSampling's to check.
  Status Set(std::string_view name, std::string_view value);
  std::vector<std::pair<std::string, std::string>> Values() const;

 private:
  SamplingParams sampling_{.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f};
  std::optional<uint64_t> seed_;
  int max_tokens_ = 256, n_ = 1;
  CLI::Option* max_tokens_option_ = nullptr;
  bool max_tokens_set_ = false;
  std::vector<std::string> stop_;
  bool ignore_eos_ = false;
};

}  // namespace bantam::cli
