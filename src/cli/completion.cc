// bantam completion: what makes a shell complete commands, options and their values.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/completion_words.h"
#include "cli/output.h"

// Defined by embedded_files.S.
extern "C" {
extern const char bantam_completion_bash[], bantam_completion_bash_end[];
extern const char bantam_completion_zsh[], bantam_completion_zsh_end[];
extern const char bantam_completion_fish[], bantam_completion_fish_end[];
}

namespace bantam::cli {
namespace {

struct Options {
  std::string shell;
  std::vector<std::string> words;
};

std::string_view Script(const std::string& shell) {
  if (shell == "bash") return {bantam_completion_bash, bantam_completion_bash_end};
  if (shell == "zsh") return {bantam_completion_zsh, bantam_completion_zsh_end};
  return {bantam_completion_fish, bantam_completion_fish_end};
}

Status PrintWords(const CLI::App& program, const std::vector<std::string>& words) {
  const Completion completion = Complete(DescribeCommand(program, "bantam"), words);
  std::string out;
  for (const auto& [text, meaning] : completion.words) out += fmt::format("{}\t{}\n", text, meaning);
  if (completion.files) out += ":files\n";
  return Print(out);
}

}  // namespace

Run SetUpCompletion(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SHELL", options->shell, "Whose script to print")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.add_option("WORD", options->words,
                 "After --, a command line without its first word, as the script asks: print what may stand in the "
                 "place of its last word");
  app.footer(
      "Commands, options, what options take, models of the store and files. 'make install' puts the scripts where the "
      "shells look for them; without it:\n\n"
      "  source <(bantam completion bash)                      (in ~/.bashrc)\n"
      "  source <(bantam completion zsh)                       (in ~/.zshrc, after compinit)\n"
      "  bantam completion fish >~/.config/fish/completions/bantam.fish\n\n"
      "Examples:\n"
      "  bantam completion bash >~/.local/share/bash-completion/completions/bantam\n"
      "  bantam completion zsh -- quantize --ty");
  return [&app, options] {
    EndQuietlyOnClosedPipe();
    return options->words.empty() ? Print(Script(options->shell)) : PrintWords(*app.get_parent(), options->words);
  };
}

}  // namespace bantam::cli
