// What a shell offers when somebody presses Tab after `bantam ...`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/command_tree.h"

namespace bantam::cli {

struct Completion {
  struct Word {
    std::string text, meaning;  // the meaning in one line
  };
  std::vector<Word> words;
  bool files = false;  // names of files fit, too
};

// In the place of the last of `words`, which may be its beginning or empty; the others come before it, without the
// program's name. In the place of "--option=be" it is what fits "be". Bash gives that as three words, which is fine.
Completion Complete(const CommandInfo& program, std::span<const std::string> words);

}  // namespace bantam::cli
