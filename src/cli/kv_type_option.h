// --kv-type of the commands that write text.
#pragma once

#include <optional>
#include <string>

#include "layers/paged_attention.h"

namespace CLI {
class App;
}  // namespace CLI

namespace bantam::cli {

class KvTypeOption {
 public:
  void AddTo(CLI::App& app);
  std::optional<KvType> type() const { return ParseKvType(value_); }  // none: as the weights suggest

 private:
  std::string value_ = "auto";
};

}  // namespace bantam::cli
