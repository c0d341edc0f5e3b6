// The `bantam` program: parses the command line, runs one subcommand, turns its error into a message and an exit code.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/help_text.h"

namespace bantam::cli {
namespace {

int Main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error value of write(), not a death
  SetStderrLogSink(LogLevel::kInfo);
  CLI::App app("Small language models as an ordinary part of your program.", "bantam");
  app.set_version_flag("--version", BANTAM_VERSION);
  app.require_subcommand(1);
  app.footer("'bantam COMMAND --help' has a command's options and examples; 'bantam help' also lists topics.");
  app.formatter_fn([](const CLI::App* command, const std::string& name, CLI::AppFormatMode) {
    return HelpText(DescribeCommand(*command, name), HelpWidth());
  });
  Run chosen;
  for (const Command& command : Commands()) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    Run run = command.setup(*sub);
    // Nested subcommands (bantam route eval) set their own callbacks and return an empty function.
    if (run) sub->callback([&chosen, run] { chosen = run; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    const std::span words(argv, static_cast<size_t>(argc));
    const auto unknown =
        UnknownCommand(DescribeCommand(app, "bantam"), words.subspan(std::min<size_t>(1, words.size())));
    if (!unknown) app.exit(e);
    if (unknown) std::fprintf(stderr, "bantam: %s\n", unknown->message.c_str());
    return 64;
  }
  const Status status = chosen ? chosen() : Ok();
  if (status) return 0;
  std::fflush(stdout);
  // Several mistakes are several lines, each of them ours.
  std::string_view rest = status.error().message;
  do {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::fprintf(stderr, "bantam: %.*s\n", static_cast<int>(end), rest.data());
    rest.remove_prefix(std::min(end + 1, rest.size()));
  } while (!rest.empty());
  return ExitCode(status.error());
}

}  // namespace

int ExitCode(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return 64;
    case ErrorCode::kNotFound:
    case ErrorCode::kUnsupported:
    case ErrorCode::kCorrupt:
    case ErrorCode::kTooLarge:
      return 65;
    case ErrorCode::kUnavailable:
    case ErrorCode::kOverloaded:
    case ErrorCode::kDeadline:
    case ErrorCode::kConflict:
      return 69;
    case ErrorCode::kOutOfDisk:
    case ErrorCode::kForbidden:
    case ErrorCode::kUnauthenticated:
      return 74;
    case ErrorCode::kCancelled:
      return 130;  // as a shell has it for Ctrl-C
    case ErrorCode::kBadConfig:
      return 78;
    default:
      return 70;
  }
}

}  // namespace bantam::cli

int main(int argc, char** argv) {
  try {
    return bantam::cli::Main(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bantam: internal error: %s\n", e.what());
    return 70;
  }
}
