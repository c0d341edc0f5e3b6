#include "cli/log_replay.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/paths.h"
#include "base/text_util.h"
#include "route/learning/generations.h"

namespace bantam::cli {

namespace {

Status CheckGeneration(const RouteFile& file, const Path& state_folder, std::optional<int64_t> generation) {
  if (!generation) return Ok();
  BANTAM_TRY(const Generations generations, ReadGenerations(state_folder));
  std::vector<int64_t> kept = file.learning ? generations.Kept() : std::vector<int64_t>{0};
  if (std::ranges::find(kept, *generation) != kept.end()) return Ok();
  std::ranges::sort(kept);
  return Err(ErrorCode::kNotFound, "the assistant \"{}\" keeps no generation {} of its head; there is {}",
             EscapeForTerminal(file.name), *generation, fmt::join(kept, ", "));
}

}  // namespace

void AddLogReplayOptions(CLI::App& app, LogReplayOptions& options) {
  app.add_option("LOG", options.source.log, "The audit log; default: the assistant's own")->type_name("PATH");
  app.add_option("-c,--config", options.source.assistant.config, "The route file to decide by")
      ->required()
      ->type_name("FILE");
  app.add_option("--key-file", options.source.key_file, "The key to encrypted texts; default: the route file's")
      ->type_name("PATH");
  app.add_option("--limit", options.limit, "Only so many messages, the latest ones; 0: all")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of the encoder; 0 uses what this process may")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--json", options.json, "JSON, with all there is");
  app.add_option("--svg", options.svg, "Draw it to FILE, too")->type_name("FILE");
}

Result<LogRouter> RouterForLog(const LogReplayOptions& options, ProgressBar& bar) {
  BANTAM_TRY(RouteFile file, LoadRouteFile(options.source.assistant.config));
  LogRouter made;
  BANTAM_TRY(made.state_folder, StateFolder(file.name));
  made.options = {.num_threads = options.threads,
                  .persistent = false,
                  .offline = true,
                  .max_disagreement = options.max_disagreement,
                  .progress = [&](std::string_view stage, double done) { bar.Update(stage, done); },
                  .generation = options.generation};
  BANTAM_RETURN_IF_ERROR(CheckGeneration(file, made.state_folder, options.generation));
  BANTAM_TRY(ModelFolder encoder, OpenEncoder(file, made.options));
  BANTAM_TRY(made.options.embedder, LoadEncoder(file, std::move(encoder), made.options));
  BANTAM_TRY(made.router, Router::Create(std::move(file), made.options));
  return made;
}

std::string LeftOutText(const LeftOut& left_out) {
  std::string out;
  const auto note = [&](int64_t count, std::string_view words) {
    if (count > 0) out += fmt::format("  {} {}\n", count, words);
  };
  note(left_out.without_texts, "more have no texts in the log");
  note(left_out.other_texts, "more have texts that were masked or cut, not what was decided on");
  note(left_out.in_conversation, "more were turns of a form, choices, or came after a clarifying question");
  note(left_out.beyond_limit, "more are older than --limit takes");
  return out;
}

}  // namespace bantam::cli
