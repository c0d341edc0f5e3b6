// bantam list: the models of this machine.
#include <CLI/CLI.hpp>

#include "base/json.h"
#include "base/paths.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "files/model_store.h"

namespace bantam::cli {
namespace {

struct Options {
  bool json = false;
  bool verify = false;
};

struct Row {
  StoredModel model;
  uint64_t size_bytes = 0;                           // of the files the manifest names, or of the one file
  std::optional<std::vector<std::string>> problems;  // with --verify, when there is a manifest
};

std::string State(const Row& row) {
  if (!row.model.manifest) return row.model.path.extension() == ".gguf" ? "GGUF file" : "no manifest";
  if (!row.problems) return "";
  return row.problems->empty()
             ? "ok"
             : fmt::format("{} problem{}", row.problems->size(), row.problems->size() == 1 ? "" : "s");
}

std::string ListAsText(const std::vector<Row>& rows, const Options& options) {
  std::vector<std::vector<std::string>> table = {{"NAME", "SIZE", "PARAMETERS", "LICENCE"}};
  const bool state = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return !State(row).empty(); });
  if (state) table[0].push_back(options.verify ? "VERIFIED" : "");
  for (const Row& row : rows) {
    const auto& manifest = row.model.manifest;
    table.push_back({row.model.name, row.size_bytes > 0 ? HumanBytes(row.size_bytes) : "?",
                     manifest && manifest->parameters > 0 ? HumanCount(manifest->parameters) : "?",
                     manifest ? EscapeForTerminal(manifest->license) : "?"});
    if (state) table.back().push_back(State(row));
  }
  std::string out = AlignColumns(table, {1, 2});
  for (const Row& row : rows) {
    if (!row.problems) continue;
    for (const std::string& problem : *row.problems) out += fmt::format("{}: {}\n", row.model.name, problem);
  }
  return out;
}

std::string ListAsJson(const std::vector<Row>& rows) {
  json::array models;
  for (const Row& row : rows) {
    json::object model = {{"name", row.model.name}, {"path", row.model.path.string()}};
    if (const auto& manifest = row.model.manifest) {
      model["license"] = manifest->license;
      model["source"] = manifest->source;
      model["parameters"] = manifest->parameters;
      model["size_bytes"] = row.size_bytes;
      const auto weights = manifest->files.find("model.safetensors");
      if (weights != manifest->files.end()) model["sha256"] = weights->second.sha256;
    } else {
      model["problem"] = row.model.problem;
      if (row.size_bytes > 0) model["size_bytes"] = row.size_bytes;
    }
    if (row.problems) {
      model["verified"] = row.problems->empty();
      model["problems"] = json::array(row.problems->begin(), row.problems->end());
    }
    models.push_back(std::move(model));
  }
  return ToJson(json::object{{"models", std::move(models)}}) + "\n";
}

Status RunList(const Options& options) {
  EndQuietlyOnClosedPipe();
  BANTAM_TRY(const Path store, ModelsFolder());
  BANTAM_TRY(std::vector<StoredModel> models, ListModels());
  std::vector<Row> rows;
  size_t num_problems = 0;
  for (StoredModel& model : models) {
    Row row;
    row.model = std::move(model);
    if (row.model.manifest) {
      for (const auto& [name, file] : row.model.manifest->files) row.size_bytes += file.size;
      if (options.verify) {
        BANTAM_TRY(row.problems, VerifyModel(row.model));
        num_problems += row.problems->size();
      }
    } else if (std::error_code error; std::filesystem::is_regular_file(row.model.path, error)) {
      row.size_bytes = std::filesystem::file_size(row.model.path, error);
    }
    rows.push_back(std::move(row));
  }
  if (options.json) {
    BANTAM_RETURN_IF_ERROR(Print(ListAsJson(rows)));
  } else if (rows.empty()) {
    return Print(fmt::format("No models in {} yet. 'make setup' in the repository fetches all-MiniLM-L6-v2.\n",
                             EscapeForTerminal(store.string(), 400)));
  } else {
    BANTAM_RETURN_IF_ERROR(Print(ListAsText(rows, options)));
  }
  if (num_problems == 0) return Ok();
  return Err(ErrorCode::kCorrupt,
             "{} file{} not as fetched: 'make setup' fetches the default model again after its folder is removed",
             num_problems, num_problems == 1 ? " is" : "s are");
}

}  // namespace

Run SetUpList(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_flag("--json", options->json, "One JSON object instead of a table");
  app.add_flag("--verify", options->verify, "Compare every file with the sha256 it was fetched with");
  app.footer(
      "The models lie in $BANTAM_HOME/models, by default ~/.local/share/bantam/models.\n\n"
      "Examples:\n"
      "  bantam list\n"
      "  bantam list --verify --json");
  return [options] { return RunList(*options); };
}

}  // namespace bantam::cli
