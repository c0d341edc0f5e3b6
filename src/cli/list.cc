// bantam list: the models of this machine.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <ctime>

#include "base/clock.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/text_util.h"
#include "base/utc_time.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "files/model_folder.h"
#include "files/model_format.h"
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
  uint64_t parameters = 0;                           // 0: not told
  ModelFormat format;                                // empty where its files cannot be read
  std::string sha256;                                // of the weights, where a record has it
  int64_t modified = 0;                              // seconds since 1970
  std::optional<std::vector<std::string>> problems;  // with --verify, when there is a manifest
};

std::string State(const Row& row) {
  if (!row.model.manifest) return row.model.path.extension() == ".gguf" ? "GGUF file" : "no manifest";
  if (!row.problems) return "";
  return row.problems->empty()
             ? "ok"
             : fmt::format("{} problem{}", row.problems->size(), row.problems->size() == 1 ? "" : "s");
}

// "gguf Q4_K_M"
std::string FormatText(const ModelFormat& format) {
  if (format.format.empty()) return "?";
  return format.format + (format.quantization.empty() ? "" : " " + format.quantization);
}

// "3 days ago"
std::string Ago(int64_t seconds) {
  const auto text = [](int64_t count, std::string_view unit) {
    return fmt::format("{} {}{} ago", count, unit, count == 1 ? "" : "s");
  };
  if (seconds < 60) return "just now";
  if (seconds < 3600) return text(seconds / 60, "minute");
  if (seconds < 86'400) return text(seconds / 3600, "hour");
  if (seconds < 14 * 86'400) return text(seconds / 86'400, "day");
  if (seconds < 60 * 86'400) return text(seconds / (7 * 86'400), "week");
  if (seconds < 730 * 86'400) return text(seconds / (30 * 86'400), "month");
  return text(seconds / (365 * 86'400), "year");
}

// When the model came: its manifest is written last, and again when a pull changes it.
int64_t ModifiedAt(const Path& path) {
  struct stat info{};
  const Path manifest = path / "bantam.json";
  return ::stat(manifest.c_str(), &info) == 0 || ::stat(path.c_str(), &info) == 0 ? info.st_mtim.tv_sec : 0;
}

// What its files say. A list shows damaged models too.
void Inspect(Row& row) {
  row.modified = ModifiedAt(row.model.path);
  if (row.model.manifest) row.parameters = row.model.manifest->parameters;
  const auto model = OpenModel(row.model.name);
  if (!model) return;
  row.format = FormatOf(*model);
  if (row.parameters == 0) row.parameters = CountParameters(*model);
  if (!model->identity.known()) return;
  if (const auto sha256 = model->identity.Sha256()) row.sha256 = *sha256;
}

std::string ListAsText(const std::vector<Row>& rows, const Options& options) {
  std::vector<std::vector<std::string>> table = {{"NAME", "ID", "SIZE", "PARAMETERS", "FORMAT", "LICENCE", "MODIFIED"}};
  const int64_t now = WallMicros() / 1'000'000;
  const bool state = std::any_of(rows.begin(), rows.end(), [](const Row& row) { return !State(row).empty(); });
  if (state) table[0].push_back(options.verify ? "VERIFIED" : "");
  for (const Row& row : rows) {
    const auto& manifest = row.model.manifest;
    table.push_back({row.model.name, row.sha256.substr(0, 12), row.size_bytes > 0 ? HumanBytes(row.size_bytes) : "?",
                     row.parameters > 0 ? HumanCount(row.parameters) : "?", FormatText(row.format),
                     manifest ? EscapeForTerminal(manifest->license) : "?", Ago(now - row.modified)});
    if (state) table.back().push_back(State(row));
  }
  std::string out = AlignColumns(table, {2, 3});
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
      model["parameters"] = row.parameters;
      model["size_bytes"] = row.size_bytes;
      if (!manifest->reference.empty()) model["reference"] = manifest->reference;
      if (!manifest->revision.empty()) model["revision"] = manifest->revision;
    } else {
      model["problem"] = row.model.problem;
      if (row.parameters > 0) model["parameters"] = row.parameters;
      if (row.size_bytes > 0) model["size_bytes"] = row.size_bytes;
    }
    if (!row.sha256.empty()) model["sha256"] = row.sha256;
    if (!row.format.format.empty()) {
      model["format"] = row.format.format;
      model["quantization_level"] = row.format.quantization;
    }
    model["modified_at"] = UtcTimeText(row.modified);
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
    Inspect(row);
    rows.push_back(std::move(row));
  }
  if (options.json) {
    BANTAM_RETURN_IF_ERROR(Print(ListAsJson(rows)));
  } else if (rows.empty()) {
    return Print(fmt::format(
        "No models in {} yet. 'make setup' in the repository fetches all-MiniLM-L6-v2, 'bantam pull' others.\n",
        EscapeForTerminal(store.string(), 400)));
  } else {
    BANTAM_RETURN_IF_ERROR(Print(ListAsText(rows, options)));
  }
  if (num_problems == 0) return Ok();
  return Err(
      ErrorCode::kCorrupt,
      "{} file{} not as fetched: 'bantam pull' mends what it fetched, and 'make setup' fetches the default model "
      "again after its folder is removed",
      num_problems, num_problems == 1 ? " is" : "s are");
}

}  // namespace

Run SetUpList(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_flag("--json", options->json, "One JSON object instead of a table");
  app.add_flag("--verify", options->verify, "Compare every file with the sha256 it was fetched with");
  app.footer(
      "The models lie in $BANTAM_HOME/models, by default ~/.local/share/bantam/models. ID: the first digits of the "
      "weights' sha256.\n\n"
      "Examples:\n"
      "  bantam list\n"
      "  bantam list --verify --json");
  return [options] { return RunList(*options); };
}

}  // namespace bantam::cli
