// A progress bar on standard error, for long work at a terminal; silent when stderr is not one, and for work under 0.3
// s.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace bantam::cli {

class ProgressBar {
 public:
  explicit ProgressBar(std::string title);
  ~ProgressBar();  // clears the line
  // fraction: 0..1. May be called often: draws at most ten times a second.
  void Update(std::string_view stage, double fraction);

 private:
  std::string title_;
  bool terminal_;
  bool drawn_ = false;
  MonotonicTime start_, last_;
};

}  // namespace bantam::cli
