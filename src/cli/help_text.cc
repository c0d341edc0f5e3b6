#include "cli/help_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "cli/wrap.h"

namespace bantam::cli {
namespace {

constexpr size_t kColumn = 28;  // where descriptions begin

// A row of two columns; a first one that is too long has a line to itself.
std::string Row(const std::string& left, const std::string& right, size_t width) {
  std::string out = "  " + left;
  if (right.empty()) return out + "\n";
  if (out.size() + 2 > kColumn) out += "\n";
  const size_t used = out.back() == '\n' ? 0 : out.size();
  out += std::string(kColumn - used, ' ');
  return out + Wrap(right, kColumn, width) + "\n";
}

std::string OptionRow(const OptionInfo& option, bool argument, size_t width) {
  std::string left = fmt::format("{}", fmt::join(option.names, ", "));
  if (argument) {
    left += option.repeats ? "..." : "";
  } else {
    if (left.starts_with("--")) left = "    " + left;  // below the long names of those that have a short one
    if (!option.flag()) left += " " + ValueText(option);
  }
  const std::string terms = TermsOf(option, argument);
  std::string right = option.description;
  if (!terms.empty()) right += (right.empty() ? "[" : " [") + terms + "]";
  return Row(left, right, width);
}

// Paragraphs are filled anew; what is indented, as examples are, stays as it is.
std::string Notes(std::string_view notes, size_t width) {
  std::string out, paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) out += Wrap(paragraph, 0, width) + "\n";
    paragraph.clear();
  };
  while (!notes.empty()) {
    const std::string_view line = TakeLine(notes);
    if (line.empty() || line.starts_with(' ')) {
      end_paragraph();
      out += std::string(line) + "\n";
    } else {
      paragraph += (paragraph.empty() ? "" : " ") + std::string(line);
    }
  }
  end_paragraph();
  return out;
}

}  // namespace

std::string HelpText(const CommandInfo& command, size_t width) {
  std::string out = Wrap(command.summary, 0, width) + "\n\nUsage: " + Wrap(UsageOf(command), 7, width) + "\n";
  if (!command.arguments.empty()) out += "\nArguments:\n";
  for (const OptionInfo& argument : command.arguments) out += OptionRow(argument, true, width);
  if (!command.options.empty()) out += "\nOptions:\n";
  for (const OptionInfo& option : command.options) out += OptionRow(option, false, width);
  if (!command.commands.empty()) out += "\nCommands:\n";
  for (const CommandInfo& sub : command.commands) {
    out += Row(sub.name.substr(command.name.size() + 1), sub.summary, width);
  }
  if (!command.notes.empty()) out += "\n" + Notes(command.notes, width);
  return out;
}

size_t HelpWidth() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return std::clamp<size_t>(size.ws_col, 60, 110);
}

}  // namespace bantam::cli
