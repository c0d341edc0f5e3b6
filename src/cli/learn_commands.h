// What the subcommands of `bantam learn` share.
#pragma once

#include <memory>
#include <string>

#include "cli/command.h"
#include "route/route_file.h"

namespace bantam::cli {

// The assistant whose learning is meant: its route file, which says how it learns, and its state folder.
struct LearnTarget {
  RouteFile file;
  Path folder;
};
// kBadConfig for a file without "learning".
Result<LearnTarget> OpenLearnTarget(const std::string& config);
void AddLearnOptions(CLI::App& app, std::string& config, bool& json);

// learn_review.cc
void AddLearnReview(CLI::App& app, const std::shared_ptr<Run>& chosen);

}  // namespace bantam::cli
