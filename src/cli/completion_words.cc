#include "cli/completion_words.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "cli/topics.h"
#include "files/model_store.h"

namespace bantam::cli {
namespace {

const OptionInfo* FindOption(const CommandInfo& command, std::string_view name) {
  const auto has_name = [&](const OptionInfo& option) {
    return std::ranges::find(option.names, name) != option.names.end();
  };
  const auto found = std::ranges::find_if(command.options, has_name);
  return found == command.options.end() ? nullptr : &*found;
}

std::string_view LastWord(const CommandInfo& command) {
  return std::string_view(command.name).substr(command.name.rfind(' ') + 1);
}

const CommandInfo* FindCommand(const CommandInfo& command, std::string_view name) {
  const auto found =
      std::ranges::find_if(command.commands, [&](const CommandInfo& sub) { return LastWord(sub) == name; });
  return found == command.commands.end() ? nullptr : &*found;
}

std::string_view FirstLine(std::string_view text) { return text.substr(0, text.find('\n')); }

class Words {
 public:
  explicit Words(std::string_view beginning) : beginning_(beginning) {}

  void Add(std::string_view text, std::string_view meaning) {
    if (text.starts_with(beginning_)) out_.words.push_back({std::string(text), std::string(FirstLine(meaning))});
  }

  void AddCommands(const CommandInfo& command) {
    for (const CommandInfo& sub : command.commands) Add(LastWord(sub), sub.summary);
  }

  void AddOptions(const CommandInfo& command, const std::set<const OptionInfo*>& given) {
    for (const OptionInfo& option : command.options) {
      if (given.contains(&option) && !option.repeats) continue;
      for (const std::string& name : option.names) Add(name, option.description);
    }
  }

  // The parts of "MODEL|DIR|FILE" or "auto|off|N" tell what fits.
  void AddValues(const CommandInfo& program, const OptionInfo& option) {
    for (const std::string& choice : option.choices) Add(choice, "");
    std::string_view rest = option.value;
    while (!rest.empty()) {
      const std::string_view part = rest.substr(0, rest.find('|'));
      rest.remove_prefix(std::min(part.size() + 1, rest.size()));
      if (part == "MODEL") {
        AddModels();
      } else if (part == "COMMAND") {
        AddCommands(program);
      } else if (part == "TOPIC") {
        for (const Topic& topic : Topics()) Add(topic.name, TopicSummary(topic));
      } else if (part == "FILE" || part == "DIR" || part.find("PATH") != std::string_view::npos) {
        out_.files = true;
      } else if (option.choices.empty() && std::ranges::all_of(part, [](char c) { return c >= 'a' && c <= 'z'; })) {
        Add(part, "");
      }
    }
  }

  bool empty() const { return out_.words.empty() && !out_.files; }
  Completion Take() { return std::move(out_); }

 private:
  void AddModels() {
    const auto models = ListModels();
    if (!models) return;  // a store that cannot be read has no names to offer
    for (const StoredModel& model : *models) Add(model.name, "");
  }

  std::string beginning_;
  Completion out_;
};

}  // namespace

Completion Complete(const CommandInfo& program, std::span<const std::string> words) {
  if (words.empty()) return {};
  const CommandInfo* command = &program;
  const OptionInfo* open = nullptr;  // whose value comes next
  std::set<const OptionInfo*> given;
  size_t num_arguments = 0;
  bool options_end = false;
  for (const std::string& word : words.first(words.size() - 1)) {
    if (open != nullptr) {
      if (word != "=") open = nullptr;
    } else if (!options_end && word == "--") {
      options_end = true;
    } else if (!options_end && word.size() > 1 && word[0] == '-') {
      const size_t equals = word.find('=');
      const OptionInfo* const option = FindOption(*command, word.substr(0, equals));
      if (option == nullptr) continue;
      given.insert(option);
      if (!option->flag() && equals == std::string::npos) open = option;
    } else if (const CommandInfo* const sub = FindCommand(*command, word); sub != nullptr && num_arguments == 0) {
      command = sub;
      given.clear();
    } else {
      ++num_arguments;
    }
  }

  const std::string& last = words.back();
  if (open != nullptr) {
    Words out(last == "=" ? "" : last);
    out.AddValues(program, *open);
    return out.Take();
  }
  const size_t equals = last.find('=');
  if (!options_end && last.starts_with("--") && equals != std::string::npos) {
    Words out(std::string_view(last).substr(equals + 1));
    const OptionInfo* const option = FindOption(*command, last.substr(0, equals));
    if (option != nullptr) out.AddValues(program, *option);
    return out.Take();
  }
  Words out(last);
  if (!options_end && last.starts_with('-')) {
    out.AddOptions(*command, given);
    return out.Take();
  }
  out.AddCommands(*command);
  const auto& arguments = command->arguments;
  if (!arguments.empty() && (num_arguments < arguments.size() || arguments.back().repeats)) {
    out.AddValues(program, arguments[std::min(num_arguments, arguments.size() - 1)]);
  }
  if (out.empty() && last.empty() && !options_end) out.AddOptions(*command, given);
  return out.Take();
}

}  // namespace bantam::cli
