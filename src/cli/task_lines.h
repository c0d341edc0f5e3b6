// What the commands share that answer lines with a model's head: options, the input, the loop.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/dtype_option.h"
#include "tasks/loaded_model.h"

namespace bantam::cli {

struct TaskOptions {
  std::string model;
  DtypeOption dtype{"f32"};
  int threads = 0;
  bool json = false;  // lines are JSON
  std::string file;
};

// --model, --dtype, --threads, --json and FILE. `json_help`: what a line is with --json.
void AddTaskOptions(CLI::App& app, TaskOptions& options, const std::string& json_help);

// With its heads.
Result<LoadedModel> LoadTaskModel(const TaskOptions& options);

// One line of the input, as text or as JSON.
struct TaskLine {
  std::string text;
  std::optional<std::string> pair;
};

// What is wrong with a line of the input is wrong with the data, not with the command line.
template <typename T>
Result<T> AsData(Result<T> read) {
  if (read || read.error().code != ErrorCode::kInvalidArgument) return read;
  return Err(ErrorCode::kCorrupt, "{}", read.error().message);
}

// A line of JSON: "text", {"text": "...", "text_pair": "..."} or ["text", "pair"]. `place` begins errors.
Result<TaskLine> ParseTaskLine(std::string_view line, const std::string& place);

// Calls `answer` with blocks of lines and their first line's number (from 1), prints what it appends to `out`, and
// draws a progress bar. Lines that came are answered before more is waited for.
using AnswerBlock = std::function<Status(const std::vector<std::string>& lines, size_t first_number, std::string& out)>;
Status AnswerLines(const std::string& title, const std::string& file, const AnswerBlock& answer);

// The same for texts. `answer` appends one line for each.
Status AnswerTexts(const std::string& title, const TaskOptions& options,
                   const std::function<Status(const std::vector<TaskLine>& lines, std::string& out)>& answer);

}  // namespace bantam::cli
