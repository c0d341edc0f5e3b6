// What somebody types to a model: a line, or several between """ and """.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace bantam::cli {

// Reads standard input. Not thread-safe.
class MessageReader {
 public:
  // Asks with `prompt`, further lines with dots, on standard error. Nothing at the end of the input. With an
  // InterruptGuard, Ctrl-C gives "" and drops what was typed so far; interrupted() tells it from an empty line.
  Result<std::optional<std::string>> Next(const std::string& prompt);
  bool interrupted() const { return interrupted_; }

 private:
  Result<std::optional<std::string>> Line(const std::string& prompt);

  std::string buffer_;
  bool interrupted_ = false;
};

}  // namespace bantam::cli
