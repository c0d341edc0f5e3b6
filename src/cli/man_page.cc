#include "cli/man_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cli/topics.h"
#include "cli/wrap.h"

namespace bantam::cli {
namespace {

constexpr size_t kTopicWidth = 74;  // beside the page's margin in 80 columns

// Text for roff: nothing in it is a request or an escape.
std::string Plain(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char byte : text) {
    if (line_begins && (byte == '.' || byte == '\'')) out += "\\&";
    line_begins = byte == '\n';
    if (byte == '\\') {
      out += "\\e";
    } else if (byte == '-') {
      out += "\\-";  // an ASCII hyphen-minus, which can be copied into a shell
    } else {
      out += byte;
    }
  }
  return out;
}

std::string Bold(std::string_view text) { return "\\fB" + Plain(text) + "\\fR"; }
std::string Italic(std::string_view text) { return "\\fI" + Plain(text) + "\\fR"; }

std::string OptionEntry(const OptionInfo& option, bool argument) {
  std::string head;
  for (const std::string& name : option.names) {
    head += (head.empty() ? "" : ", ") + (argument ? Italic(name) : Bold(name));
  }
  if (!argument && !option.flag()) head += " " + Italic(ValueText(option));
  const std::string terms = TermsOf(option, argument);
  std::string text = Plain(option.description);
  if (!terms.empty()) text += (text.empty() ? "" : "\n") + Plain("[" + terms + "]");
  return fmt::format(".TP\n{}\n{}\n", head, text);
}

// Paragraphs are filled; indented lines, such as examples, stay as they are.
std::string NotesText(std::string_view notes) {
  std::string out;
  bool verbatim = false, paragraph = false;
  const auto set_verbatim = [&](bool on) {
    if (on != verbatim) out += on ? ".PP\n.nf\n" : ".fi\n";
    verbatim = on;
  };
  while (!notes.empty()) {
    const std::string_view line = TakeLine(notes);
    if (line.empty()) {
      set_verbatim(false);
      paragraph = false;
    } else if (line.starts_with(' ')) {
      set_verbatim(true);
      out += Plain(line) + "\n";
    } else {
      set_verbatim(false);
      if (!paragraph) out += ".PP\n";
      paragraph = true;
      out += Plain(line) + "\n";
    }
  }
  set_verbatim(false);
  return out;
}

std::string CommandSection(const CommandInfo& command) {
  std::string out =
      fmt::format(".SS {}\n{}.\n.PP\n{}\n", Plain(command.name), Plain(command.summary), Bold(UsageOf(command)));
  for (const OptionInfo& argument : command.arguments) out += OptionEntry(argument, true);
  for (const OptionInfo& option : command.options) {
    if (std::ranges::find(option.names, "--help") == option.names.end()) out += OptionEntry(option, false);
  }
  out += NotesText(command.notes);
  for (const CommandInfo& sub : command.commands) out += CommandSection(sub);
  return out;
}

}  // namespace

std::string ManPage(const CommandInfo& program) {
  std::string out = fmt::format(
      ".TH BANTAM 1 \"\" \"bantam {}\" \"User Commands\"\n"
      ".SH NAME\nbantam \\- small language models as an ordinary part of your program\n"
      ".SH SYNOPSIS\n{} {} [{}] [{}]\n"
      ".SH DESCRIPTION\n",
      BANTAM_VERSION, Bold("bantam"), Italic("COMMAND"), Italic("OPTIONS"), Italic("ARGUMENTS"));
  out += Plain(
      "Runs small language models on this machine's processor: it embeds, classifies, ranks and writes text, "
      "serves them over HTTP, and decides by a route file which questions are answered here and which go to "
      "a large model.\nEvery command says with --help what is below; 'bantam help TOPIC' shows one of the "
      "topics at the end.\n");
  out += ".SH COMMANDS\n";
  for (const CommandInfo& command : program.commands) out += CommandSection(command);
  out += ".SH TOPICS\n";
  for (const Topic& topic : Topics()) {
    const std::string text = TopicText(topic, kTopicWidth, [](std::string_view word) { return std::string(word); });
    const size_t heading = text.find('\n');
    out += fmt::format(".SS {}\n.nf\n{}.fi\n", Plain(std::string_view(text).substr(0, heading)),
                       Plain(std::string_view(text).substr(std::min(heading + 2, text.size()))));
  }
  return out;
}

}  // namespace bantam::cli
