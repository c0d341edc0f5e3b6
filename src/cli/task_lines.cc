#include "cli/task_lines.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "cli/progress.h"

namespace bantam::cli {
namespace {

// Lines that are answered together: enough to fill batches, few enough that memory stays small and the bar moves.
constexpr size_t kLinesAtOnce = 64;

}  // namespace

void AddTaskOptions(CLI::App& app, TaskOptions& options, const std::string& json_help) {
  app.add_option("--model,-m", options.model, "A name from 'bantam list', or a folder (with a slash, as in ./my-model)")
      ->type_name("MODEL|DIR|FILE")
      ->required();
  options.dtype.AddTo(app, "Weights: f32, as the reference computes; int8, smaller and faster; or int4, smallest");
  app.add_option("--threads,-t", options.threads, "Threads; by default all that this process may use")
      ->check(CLI::Range(1, 1024));
  if (!json_help.empty()) app.add_flag("--json", options.json, json_help);
  app.add_option("FILE", options.file, "A file of lines; standard input without one, or for -");
}

Result<LoadedModel> LoadTaskModel(const TaskOptions& options) {
  BANTAM_TRY(const WeightType type, options.dtype.Type());
  BANTAM_TRY(LoadedModel model, LoadModel(options.model, {.weight_type = type, .num_threads = options.threads}));
  BANTAM_RETURN_IF_ERROR(options.dtype.Check(model.encoder(), options.model));
  return model;
}

namespace {

Result<TaskLine> ReadTaskLine(std::string_view line, const std::string& place) {
  BANTAM_TRY(const json::value document, ParseJson(line, place));
  if (document.is_string()) return TaskLine{std::string(document.get_string()), std::nullopt};
  if (const json::array* pair = document.if_array()) {
    if (pair->size() == 2 && (*pair)[0].is_string() && (*pair)[1].is_string()) {
      return TaskLine{std::string((*pair)[0].get_string()), std::string((*pair)[1].get_string())};
    }
    return Err(ErrorCode::kCorrupt, "{}: expected an array of two strings", place);
  }
  if (!document.is_object()) {
    return Err(ErrorCode::kCorrupt,
               "{}: expected \"text\", {{\"text\": \"...\", \"text_pair\": \"...\"}} or [\"text\", "
               "\"pair\"]",
               place);
  }
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, place));
  TaskLine out;
  BANTAM_TRY(out.text, object.String("text"));
  if (object.Has("text_pair")) {
    BANTAM_TRY(out.pair, object.String("text_pair"));
  }
  return out;
}

}  // namespace

Result<TaskLine> ParseTaskLine(std::string_view line, const std::string& place) {
  return AsData(ReadTaskLine(line, place));
}

Status AnswerLines(const std::string& title, const std::string& file, const AnswerBlock& answer) {
  BANTAM_TRY(LineReader reader, LineReader::Open(file));
  EndQuietlyOnClosedPipe();
  // Lines on the same terminal would tear the bar apart.
  std::optional<ProgressBar> progress;
  if (::isatty(STDOUT_FILENO) == 0) progress.emplace(title);
  size_t num_lines = 0;
  while (true) {
    BANTAM_TRY(const std::vector<std::string> lines, reader.Next(kLinesAtOnce));
    if (lines.empty()) return Ok();
    std::string out;
    BANTAM_RETURN_IF_ERROR(answer(lines, num_lines + 1, out));
    BANTAM_RETURN_IF_ERROR(Print(out));
    num_lines += lines.size();
    if (progress && reader.Fraction() > 0) progress->Update(fmt::format("{} lines", num_lines), reader.Fraction());
  }
}

Status AnswerTexts(const std::string& title, const TaskOptions& options,
                   const std::function<Status(const std::vector<TaskLine>& lines, std::string& out)>& answer) {
  const std::string name =
      options.file.empty() || options.file == "-" ? "standard input" : EscapeForTerminal(options.file, 400);
  return AnswerLines(
      title, options.file, [&](const std::vector<std::string>& lines, size_t first_number, std::string& out) -> Status {
        std::vector<TaskLine> parsed;
        for (size_t i = 0; i < lines.size(); ++i) {
          if (!options.json) {
            parsed.push_back({lines[i], std::nullopt});
            continue;
          }
          BANTAM_TRY(TaskLine line, ParseTaskLine(lines[i], fmt::format("{}:{}", name, first_number + i)));
          parsed.push_back(std::move(line));
        }
        return answer(parsed, out);
      });
}

}  // namespace bantam::cli
