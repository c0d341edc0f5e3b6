// bantam help: what --help says, the ideas behind it, and all of it as a manual page.
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/help_text.h"
#include "cli/man_page.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/topics.h"
#include "route/suggest.h"

namespace bantam::cli {
namespace {

struct Options {
  std::vector<std::string> words;
  bool man = false;
};

std::string Overview(const CommandInfo& program) {
  std::string out = HelpText(program, HelpWidth()) + "\nTopics, for 'bantam help TOPIC':\n";
  for (const Topic& topic : Topics()) out += fmt::format("  {:26}{}\n", topic.name, TopicSummary(topic));
  return out;
}

Error Unknown(const CommandInfo& command, const std::string& word, bool topics) {
  std::vector<std::string> known;
  for (const CommandInfo& sub : command.commands) known.push_back(sub.name.substr(command.name.size() + 1));
  if (topics) {
    for (const Topic& topic : Topics()) known.emplace_back(topic.name);
  }
  const std::string shown = EscapeForTerminal(word);
  if (const auto nearest = Nearest(word, known)) {
    return Err(ErrorCode::kInvalidArgument, "no help on \"{}\"; did you mean 'bantam help{} {}'?", shown,
               command.name.substr(std::string_view("bantam").size()), *nearest);
  }
  return Err(ErrorCode::kInvalidArgument, "no help on \"{}\"; '{}' lists what there is", shown,
             topics ? "bantam help" : command.name + " --help");
}

Status RunHelp(const CommandInfo& program, const Options& options) {
  EndQuietlyOnClosedPipe();
  if (options.man) return Print(ManPage(program));
  const CommandInfo* command = &program;
  for (const std::string& word : options.words) {
    const auto found = std::ranges::find(command->commands, command->name + " " + word, &CommandInfo::name);
    const auto topic = std::ranges::find(Topics(), word, &Topic::name);
    if (found != command->commands.end()) {
      command = &*found;
    } else if (options.words.size() == 1 && topic != Topics().end()) {
      const Colours colours(STDOUT_FILENO);
      return Print(TopicText(*topic, std::min<size_t>(HelpWidth(), 80),
                             [&](std::string_view text) { return colours.Bold(text); }));
    } else {
      return Unknown(*command, word, command == &program);
    }
  }
  return Print(command == &program ? Overview(program) : HelpText(*command, HelpWidth()));
}

}  // namespace

Run SetUpHelp(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("WORD", options->words, "A command and its subcommand, or a topic; without one, all there are")
      ->type_name("COMMAND|TOPIC");
  app.add_flag("--man", options->man, "Print all of it as a manual page, bantam.1");
  app.footer(
      "Examples:\n"
      "  bantam help\n"
      "  bantam help route explain\n"
      "  bantam help error-budget");
  return [&app, options] { return RunHelp(DescribeCommand(*app.get_parent(), "bantam"), *options); };
}

}  // namespace bantam::cli
