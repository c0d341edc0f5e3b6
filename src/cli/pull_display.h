// What `bantam pull` shows while it works: one line that is drawn again at a terminal, a line for each step elsewhere,
// or JSON lines in the shape of Ollama's /api/pull.
#pragma once

#include <map>
#include <string>

#include "api/pull_json.h"
#include "base/clock.h"
#include "store/pull.h"

namespace bantam::cli {

class PullDisplay {
 public:
  PullDisplay(std::string title, bool json);
  ~PullDisplay();  // clears the line
  void Show(const PullProgress& progress);

 private:
  void ShowJson(const PullProgress& progress);
  void ShowLine(const PullProgress& progress);
  void ShowStep(const PullProgress& progress);
  void Say(const std::string& line);
  void Clear();

  const std::string title_;
  const bool json_, terminal_;
  PullLines lines_;
  bool drawn_ = false;
  MonotonicTime last_;
  // Of the speed: bytes that were there at the first look do not count.
  MonotonicTime began_;
  uint64_t bytes_at_begin_ = 0;
  bool begun_ = false;
  std::string file_;  // that the last step was about
};

}  // namespace bantam::cli
