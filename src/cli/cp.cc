// bantam cp: a second name for a model.
#include <CLI/CLI.hpp>

#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "store/copy_model.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string source, name;
};

Status RunCp(const Options& options) {
  BANTAM_TRY(const CopiedModel copy, CopyModel(options.source, options.name));
  return Print(fmt::format("{}: {}, shared with {}\n", copy.name, HumanBytes(copy.size_bytes),
                           EscapeForTerminal(options.source)));
}

}  // namespace

Run SetUpCp(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("SOURCE", options->source, "A name from 'bantam list', or what 'bantam pull' was told")
      ->type_name("MODEL")
      ->required();
  app.add_option("NAME", options->name, "The new name")->required();
  app.footer(
      "The two share their bytes, and are otherwise apart: pulling or removing one leaves the other as it is. Programs "
      "that\ninsist on a model's name get it so.\n\n"
      "Examples:\n"
      "  bantam cp smollm2 gpt-3.5-turbo\n"
      "  bantam cp all-MiniLM-L6-v2 text-embedding-3-small");
  return [options] { return RunCp(*options); };
}

}  // namespace bantam::cli
