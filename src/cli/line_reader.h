// Lines of a file or of standard input, for commands that answer line by line.
#pragma once

#include <string>
#include <vector>

#include "base/file_io.h"

namespace bantam::cli {

// Not thread-safe.
class LineReader {
 public:
  // "" and "-" are standard input.
  static Result<LineReader> Open(const std::string& file);

  // Up to `limit` lines, without their ends; a last line may lack its end. Returns fewer, but at least one, when
  // reading on would wait: a program at the other end of two pipes gets its answer before it sends more. Empty at the
  // end of the input. kTooLarge for a line above 16 MiB.
  Result<std::vector<std::string>> Next(size_t limit);

  // How much of the input has been handed out, 0 to 1; 0 where its size is not known (a pipe, a terminal).
  double Fraction() const;

 private:
  LineReader(UniqueFd owned, int fd, std::string name, uint64_t size)
      : owned_(std::move(owned)), fd_(fd), name_(std::move(name)), size_bytes_(size) {}
  Status Fill();
  bool WouldWait() const;

  UniqueFd owned_;
  int fd_;
  std::string name_;
  uint64_t size_bytes_;
  uint64_t given_bytes_ = 0;
  std::string buffer_;
  size_t begin_ = 0, searched_ = 0;  // of the first line not handed out, and how far its end was looked for
  bool at_end_ = false;
};

}  // namespace bantam::cli
