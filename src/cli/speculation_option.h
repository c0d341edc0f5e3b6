// --speculate and --draft: whether tokens are drafted and verified several at once.
#pragma once

#include <string>

#include "engine/speculation.h"

namespace CLI {
class App;
}  // namespace CLI

namespace bantam::cli {

class SpeculationOption {
 public:
  // `by_default`: "auto" or "off".
  explicit SpeculationOption(std::string by_default = "auto") : mode_(std::move(by_default)) {}
  void AddTo(CLI::App& app);
  SpeculationOptions Options() const;
  std::string draft() const { return mode_ == "off" ? "" : draft_; }  // "": none

 private:
  std::string mode_, draft_;
};

}  // namespace bantam::cli
