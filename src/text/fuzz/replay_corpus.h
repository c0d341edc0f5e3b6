// For tests: the inputs that a fuzz target begins with.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing.h"

namespace bantam::text {

inline std::vector<std::string> ReplayCorpus(const Path& folder) {
  std::vector<Path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());  // the order of a folder is nobody's promise, and the mutations go by it
  std::vector<std::string> corpus;
  for (const Path& path : paths) {
    auto content = ReadFile(path);
    EXPECT_OK(content);
    corpus.push_back(*std::move(content));
  }
  return corpus;
}

}  // namespace bantam::text
