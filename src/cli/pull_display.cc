#include "cli/pull_display.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace bantam::cli {
namespace {

using Stage = PullProgress::Stage;

constexpr double kRedrawMs = 100;

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 1 : static_cast<double>(part) / static_cast<double>(whole);
}

// "1 h 04 min", "3 min 20 s", "7 s".
std::string Duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::min(seconds, 1e7));
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

}  // namespace

PullDisplay::PullDisplay(std::string title, bool json)
    : title_(std::move(title)), json_(json), terminal_(!json && ::isatty(STDERR_FILENO) == 1) {}

PullDisplay::~PullDisplay() { Clear(); }

void PullDisplay::Show(const PullProgress& progress) {
  if (progress.stage == Stage::kFetching && !begun_) {
    begun_ = true;
    began_ = MonotonicNow();
    bytes_at_begin_ = progress.all_completed;
  }
  if (json_) return ShowJson(progress);
  if (terminal_ && progress.stage == Stage::kFetching) return ShowLine(progress);
  ShowStep(progress);
}

void PullDisplay::ShowJson(const PullProgress& progress) {
  const std::optional<json::object> line = lines_.Line(progress);
  // Who no longer reads misses nothing that matters.
  if (line) (void)Print(ToJson(*line) + "\n").has_value();
}

void PullDisplay::ShowLine(const PullProgress& progress) {
  const bool whole = progress.all_completed == progress.all_total;
  if (drawn_ && !whole && MillisecondsSince(last_) < kRedrawMs) return;
  last_ = MonotonicNow();
  const double share = Share(progress.all_completed, progress.all_total);
  const double seconds = MillisecondsSince(began_) / 1e3;
  const auto come = static_cast<double>(progress.all_completed - std::min(bytes_at_begin_, progress.all_completed));
  std::string speed;
  if (seconds > 0.5 && come > 0) {
    const double per_s = come / seconds;
    speed = fmt::format("  {}/s  {} left", HumanBytes(static_cast<uint64_t>(per_s)),
                        Duration(static_cast<double>(progress.all_total - progress.all_completed) / per_s));
  }
  const std::string line = fmt::format("\r\x1B[K{}  {:3.0f} %  {}  {} of {}{}", title_, share * 100, Bar(share, 24),
                                       HumanBytes(progress.all_completed), HumanBytes(progress.all_total), speed);
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
  drawn_ = true;
}

void PullDisplay::ShowStep(const PullProgress& progress) {
  switch (progress.stage) {
    case Stage::kFetching:
      if (progress.file == file_) return;
      file_ = progress.file;
      return Say(progress.completed == 0
                     ? fmt::format("fetching {}, {}", EscapeForTerminal(progress.file), HumanBytes(progress.total))
                     : fmt::format("fetching {}, {} of {} are there", EscapeForTerminal(progress.file),
                                   HumanBytes(progress.completed), HumanBytes(progress.total)));
    case Stage::kWaiting:
      return Say("waiting for another process that pulls this model");
    case Stage::kRetrying:
      return Say(progress.why);
    default:
      return;
  }
}

void PullDisplay::Say(const std::string& line) {
  Clear();
  std::fprintf(stderr, "%s: %s\n", title_.c_str(), line.c_str());
}

void PullDisplay::Clear() {
  if (drawn_) std::fputs("\r\x1B[K", stderr);
  drawn_ = false;
}

}  // namespace bantam::cli
