// The program's commands, arguments and options as plain data, read from the parser that takes them: what help, the
// manual page and the shells' completion are written from, so that none of them can say something else.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace bantam::cli {

struct OptionInfo {
  std::vector<std::string> names;    // "-m" and "--model"; of an argument the one that it has in the usage
  std::string value;                 // "FILE", "MODEL|DIR|FILE", "N"; empty: a flag
  std::vector<std::string> choices;  // all that it takes, where that is a list
  std::string range;                 // "0 to 1024"
  std::string default_text;          // empty: none that is known beforehand
  std::string description;           // may have several lines
  std::vector<std::string> needs, excludes;
  bool required = false, repeats = false;

  bool flag() const { return value.empty(); }
};

struct CommandInfo {
  std::string name;  // as it is typed: "bantam route eval"
  std::string summary, notes;
  std::vector<OptionInfo> arguments, options;
  std::vector<CommandInfo> commands;
};

// Of `app` and all below it; `name`: how it is called.
CommandInfo DescribeCommand(const CLI::App& app, std::string name);

// What is wrong with the words after the program's name, where one of the first stands for a command and is none.
std::optional<Error> UnknownCommand(const CommandInfo& program, std::span<const char* const> words);

// "bantam embed [OPTIONS] [FILE]"
std::string UsageOf(const CommandInfo& command);

// "auto|f32|int8" where that is short, else what the value is called; with "..." where there may be several.
std::string ValueText(const OptionInfo& option);

// "one of none, simple, first; default: simple; not with --json", without what ValueText says beside an option and the
// usage of an argument; empty where there is nothing else to say.
std::string TermsOf(const OptionInfo& option, bool argument);

}  // namespace bantam::cli
