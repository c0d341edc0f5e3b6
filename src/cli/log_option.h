// --log-format: a log for machines, of events and of each request, in place of a few words for people.
#pragma once

#include <memory>
#include <string>

#include "base/log_writer.h"

namespace CLI {
class App;
}

namespace bantam::cli {

class LogOption {
 public:
  void AddTo(CLI::App& app);
  bool given() const { return !format_.empty(); }
  // Null where it is not given: the log stays as it was.
  std::unique_ptr<LogWriter> Open() const;

 private:
  std::string format_;
};

}  // namespace bantam::cli
