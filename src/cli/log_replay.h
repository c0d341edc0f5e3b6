// What `bantam replay` and `bantam route curve` share: a log whose messages are decided again by a route file, and how
// that is shown.
#pragma once

#include <memory>
#include <string>

#include "cli/audit_source.h"
#include "cli/progress.h"
#include "route/logged_messages.h"
#include "route/router.h"

namespace bantam::cli {

struct LogReplayOptions {
  AuditSource source;
  int64_t limit = 0;
  int threads = 0;
  bool json = false;
  std::string svg;
  std::optional<int64_t> generation = {};       // of the heads, in place of the one in force
  std::optional<double> max_disagreement = {};  // of early exits, in place of the file's
};

void AddLogReplayOptions(CLI::App& app, LogReplayOptions& options);

// Of the route file and the head that is in force for it; it neither calls nor stores anything.
struct LogRouter {
  std::unique_ptr<Router> router;
  Path state_folder;      // of the assistant
  RouterOptions options;  // that it was made with: another head of the same encoder takes them, too
};
// `bar` outlives the router.
Result<LogRouter> RouterForLog(const LogReplayOptions& options, ProgressBar& bar);

// Lines that say how many messages were not decided again, each with the reason.
std::string LeftOutText(const LeftOut& left_out);

}  // namespace bantam::cli
