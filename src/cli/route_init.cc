// bantam route init: a route file to begin with.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "base/text_util.h"
#include "cli/output.h"
#include "cli/route_commands.h"
#include "route/import/starter.h"
#include "route/route_file.h"

namespace bantam::cli {
namespace {

struct Options {
  StarterAnswers answers;
  std::string topics, out = "bantam.yaml";
  bool force = false;
};

// Asks for what no flag said; only people are asked.
Status Ask(std::string& answer, const char* flag, const std::string& question, const std::string& otherwise) {
  if (!answer.empty()) return Ok();
  if (::isatty(STDIN_FILENO) != 1) {
    if (otherwise.empty()) return Err(ErrorCode::kInvalidArgument, "nobody to ask on this terminal: give {}", flag);
    answer = otherwise;
    return Ok();
  }
  std::fprintf(stderr, "%s%s ", question.c_str(), otherwise.empty() ? "" : fmt::format(" [{}]", otherwise).c_str());
  std::getline(std::cin, answer);
  if (!std::cin) return Err(ErrorCode::kCancelled, "no file was written");
  if (answer.find_first_not_of(" \t") == std::string::npos) answer = otherwise;
  return Ok();
}

Status Init(Options options) {
  if (!options.force && std::filesystem::exists(options.out)) {
    return Err(ErrorCode::kConflict, "{} is there already; give another place with -o, or --force to replace it",
               EscapeForTerminal(options.out, 400));
  }
  StarterAnswers& answers = options.answers;
  BANTAM_RETURN_IF_ERROR(Ask(answers.name, "--name", "What is the assistant called? One word.", "assistant"));
  BANTAM_RETURN_IF_ERROR(
      Ask(options.topics, "--topics", "What do people ask it about? A few words each, with commas between:", ""));
  BANTAM_RETURN_IF_ERROR(
      Ask(answers.model, "--model", "Who gets the rest: none, openai, or the address and name of a model?", "none"));
  answers.topics = SplitTopics(options.topics);
  BANTAM_TRY(const RouteFileDraft draft, StarterRouteFile(answers));
  const std::string yaml = WriteRouteFile(draft);
  BANTAM_TRY(const RouteFile file, ParseRouteFile(yaml, options.out));
  for (const std::string& warning : file.warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(options.out, yaml));
  const std::string shown = EscapeForTerminal(options.out, 400);
  return Print(
      fmt::format("wrote {0}: {1} routes and {2} tests\n"
                  "  put real sentences into it, then: bantam route test -c {0} && bantam serve -c {0}\n",
                  shown, file.routes.size(), file.tests.size()));
}

}  // namespace

Run SetUpRouteInit(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--name", options->answers.name, "The assistant's name, which clients ask for")->type_name("NAME");
  app.add_option("--topics", options->topics, "What people ask about, with commas between: \"refunds, opening hours\"")
      ->type_name("TOPICS");
  app.add_option("--model", options->answers.model,
                 "Who gets what is not answered here: none, openai, or an address and a model's name there")
      ->type_name("none|openai|ADDRESS");
  app.add_option("-o,--out", options->out, "Where the file goes")->type_name("FILE")->capture_default_str();
  app.add_flag("--force", options->force, "Replace a file that is there");
  app.footer(
      "Asks for what no option says. The file is right and its tests pass; its sentences are yours to write.\n\n"
      "Examples:\n"
      "  bantam route init\n"
      "  bantam route init --name desk --topics \"refunds, opening hours\" --model \"http://127.0.0.1:11434/v1 "
      "llama3.2\"");
  return [options] { return Init(*options); };
}

}  // namespace bantam::cli
