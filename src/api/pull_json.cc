#include "api/pull_json.h"

namespace bantam {
namespace {
constexpr double kPauseMs = 100;
}

std::optional<json::object> PullLines::Line(const PullProgress& progress) {
  using Stage = PullProgress::Stage;
  switch (progress.stage) {
    case Stage::kAsking:
      return json::object{{"status", "pulling manifest"}};
    case Stage::kWaiting:
      return json::object{{"status", "waiting for another pull of this model"}};
    case Stage::kVerifying:
      return json::object{{"status", "verifying what is there"}};
    case Stage::kWriting:
      return json::object{{"status", "writing manifest"}};
    case Stage::kDone:
      return json::object{{"status", "success"}};
    case Stage::kRetrying: {
      json::object line{{"status", "retrying"}, {"reason", progress.why}};
      if (!progress.file.empty()) line["file"] = progress.file;
      return line;
    }
    case Stage::kFetching:
      break;
  }
  // The first and the last of a file always.
  const bool whole = progress.completed == progress.total;
  if (progress.file == file_ && !whole && MillisecondsSince(last_) < kPauseMs) return std::nullopt;
  file_ = progress.file;
  last_ = MonotonicNow();
  return json::object{{"status", "pulling " + progress.digest},
                      {"digest", progress.digest},
                      {"file", progress.file},
                      {"total", progress.total},
                      {"completed", progress.completed}};
}

}  // namespace bantam
