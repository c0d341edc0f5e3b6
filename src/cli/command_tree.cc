#include "cli/command_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text_util.h"
#include "route/suggest.h"

namespace bantam::cli {
namespace {

constexpr size_t kLongestChoices = 32;  // columns that a list of choices may take beside the option's name

// CLI11 writes the type of a value and its checks as one text, "INT:INT in [0 - 9]", "TEXT:{a,b}", "FILE:FILE".
void ReadType(const CLI::Option& option, OptionInfo& info) {
  std::string type = option.get_type_name();
  if (const size_t list = type.find(":{"); list != std::string::npos) {
    info.choices = CLI::detail::split(type.substr(list + 2, type.rfind('}') - list - 2), ',');
    type.resize(list);
  }
  if (const size_t range = type.find(" in ["); range != std::string::npos) {
    const std::string bounds = type.substr(range + 5, type.rfind(']') - range - 5);
    const size_t dash = bounds.find(" - ");
    const std::string low = bounds.substr(0, dash), high = bounds.substr(dash + 3);
    // A high bound of seven digits is there against mistakes, and tells nobody anything.
    if (high.size() < 7) {
      info.range = low + " to " + high;
    } else if (low != "0") {
      info.range = "at least " + low;
    }
  }
  size_t colon = type.find(':');
  if (colon != std::string::npos && colon > 0 && type[colon - 1] == '[') colon = type.find(':', colon + 1);
  type.resize(std::min(colon, type.size()));
  if (type == "INT" || type == "UINT" || type == "FLOAT") type = "N";
  if (type == "TEXT" && option.get_positional()) type = option.get_name(true);
  info.value = type;
}

std::vector<std::string> NamesOf(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::sort(names.begin(), names.end());  // the set is in the order of addresses
  return names;
}

OptionInfo DescribeOption(const CLI::Option& option) {
  OptionInfo info;
  if (option.get_positional()) {
    info.names.push_back(option.get_name(true));
  } else {
    for (const std::string& name : option.get_snames()) info.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) info.names.push_back("--" + name);
  }
  info.description = option.get_description();
  if (option.get_items_expected_max() > 0) {
    ReadType(option, info);
    info.default_text = option.get_default_str();
  }
  info.needs = NamesOf(option.get_needs());
  info.excludes = NamesOf(option.get_excludes());
  info.required = option.get_required();
  info.repeats = option.get_expected_max() == CLI::detail::expected_max_vector_size;
  return info;
}

}  // namespace

CommandInfo DescribeCommand(const CLI::App& app, std::string name) {
  CommandInfo info;
  info.name = std::move(name);
  info.summary = app.get_description();
  info.notes = app.get_footer();
  for (const CLI::Option* option : app.get_options({})) {
    if (option->get_group().empty()) continue;  // hidden
    (option->get_positional() ? info.arguments : info.options).push_back(DescribeOption(*option));
  }
  for (const CLI::App* command : app.get_subcommands(std::function<bool(const CLI::App*)>())) {
    info.commands.push_back(DescribeCommand(*command, info.name + " " + command->get_name()));
  }
  return info;
}

std::optional<Error> UnknownCommand(const CommandInfo& program, std::span<const char* const> words) {
  const CommandInfo* command = &program;
  for (const std::string_view word : words) {
    if (command->commands.empty() || word.starts_with('-')) return std::nullopt;
    std::vector<std::string> known;
    const CommandInfo* found = nullptr;
    for (const CommandInfo& sub : command->commands) {
      known.push_back(sub.name.substr(command->name.size() + 1));
      if (known.back() == word) found = &sub;
    }
    if (found == nullptr) {
      const auto nearest = Nearest(word, known);
      return Err(ErrorCode::kInvalidArgument, "there is no \"{} {}\"; {}", command->name, EscapeForTerminal(word, 40),
                 nearest ? fmt::format("did you mean '{} {}'?", command->name, *nearest)
                         : fmt::format("'{} --help' lists those that there are", command->name));
    }
    command = found;
  }
  return std::nullopt;
}

std::string UsageOf(const CommandInfo& command) {
  std::string usage = command.name + " [OPTIONS]";
  for (const OptionInfo& argument : command.arguments) {
    const std::string name = argument.names[0] + (argument.repeats ? "..." : "");
    usage += argument.required ? " " + name : " [" + name + "]";
  }
  return command.commands.empty() ? usage : usage + " COMMAND";
}

std::string ValueText(const OptionInfo& option) {
  std::string text = fmt::format("{}", fmt::join(option.choices, "|"));
  if (text.empty() || text.size() > kLongestChoices) text = option.value;
  return text + (option.repeats ? "..." : "");
}

std::string TermsOf(const OptionInfo& option, bool argument) {
  std::vector<std::string> terms;
  if (option.required && !argument) terms.emplace_back("required");
  if (!option.choices.empty() && (argument || ValueText(option).starts_with(option.value))) {
    terms.push_back(fmt::format("one of {}", fmt::join(option.choices, ", ")));
  }
  if (!option.range.empty()) terms.push_back(option.range);
  if (!option.default_text.empty()) terms.push_back("default: " + option.default_text);
  if (!option.needs.empty()) terms.push_back(fmt::format("only with {}", fmt::join(option.needs, ", ")));
  if (!option.excludes.empty()) terms.push_back(fmt::format("not with {}", fmt::join(option.excludes, ", ")));
  return fmt::format("{}", fmt::join(terms, "; "));
}

}  // namespace bantam::cli
