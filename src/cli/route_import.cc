// bantam route import: the configuration of another program as a route file.
#include <CLI/CLI.hpp>
#include <map>

#include "base/text_util.h"
#include "cli/output.h"
#include "cli/route_commands.h"
#include "cli/route_data.h"
#include "route/import/import.h"
#include "route/route_file.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string from, name, out;
  std::vector<std::string> files;
  bool lossy = false;
};

const std::map<std::string, ImportSource> kSources = {{"rasa", ImportSource::kRasa},
                                                      {"semantic-router", ImportSource::kSemanticRouter},
                                                      {"litellm", ImportSource::kLiteLlm}};

std::string Joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "\n") + line;
  return out;
}

Status Import(const Options& options) {
  const std::vector<Path> files(options.files.begin(), options.files.end());
  BANTAM_TRY(Imported imported, ImportRouteFile(kSources.at(options.from), files, options.name));
  if (!imported.losses.empty() && !options.lossy) {
    return Err(ErrorCode::kBadConfig, "{}\n{} of these {} no counterpart in a route file; --lossy imports the rest",
               Joined(imported.losses), imported.losses.size(), imported.losses.size() == 1 ? "has" : "have");
  }
  RouteFileDraft& draft = imported.draft;
  draft.header = {fmt::format("Imported from {}. docs/howto/route-file.md explains every key.", options.from)};
  if (!imported.losses.empty()) {
    draft.header.insert(draft.header.end(), {"", "Not imported:"});
    for (const std::string& loss : imported.losses) draft.header.push_back("  " + loss);
  }
  const std::string yaml = WriteRouteFile(draft);
  const Path out = options.out.empty() ? Path("imported.yaml") : Path(options.out);
  const Result<RouteFile> file = ParseRouteFile(yaml, out);
  if (!file) return Err(ErrorCode::kBadConfig, "what was found makes no route file:\n{}", file.error().message);
  for (const std::string& loss : imported.losses) std::fprintf(stderr, "not imported: %s\n", loss.c_str());
  for (const std::string& warning : file->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  if (options.out.empty()) return Print(yaml);
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(out, yaml));
  const std::string shown = EscapeForTerminal(options.out, 400);
  return Print(fmt::format("wrote {}: {} routes. Next: bantam check -c {}\n", shown, file->routes.size(), shown));
}

}  // namespace

Run SetUpRouteImport(CLI::App& app) {
  auto options = std::make_shared<Options>();
  std::vector<std::string> names;
  for (const auto& [name, source] : kSources) names.push_back(name);
  app.add_option("--from", options->from, "Whose files they are: rasa, semantic-router or litellm")
      ->required()
      ->type_name("PROGRAM")
      ->check(CLI::IsMember(names));
  app.add_option("file", options->files, "The files; of Rasa several: nlu, domain, rules")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  app.add_option("--name", options->name, "The assistant's name; default: assistant")->type_name("NAME");
  app.add_option("-o,--out", options->out, "Where the route file goes; default: standard output")->type_name("FILE");
  app.add_flag("--lossy", options->lossy,
               "Import what can be; what cannot is told on standard error and in the file's first lines");
  app.footer(
      "Nothing is left out silently: what has no counterpart is an error with its place, unless --lossy is given.\n"
      "Exit status: 0 written, 78 something has no counterpart.\n\n"
      "Examples:\n"
      "  bantam route import --from rasa data/nlu.yml domain.yml data/rules.yml --name desk -o bantam.yaml\n"
      "  bantam route import --from semantic-router layer.json\n"
      "  bantam route import --from litellm config.yaml --lossy -o bantam.yaml");
  return [options] { return Import(*options); };
}

}  // namespace bantam::cli
