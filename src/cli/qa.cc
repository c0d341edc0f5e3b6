// bantam qa: questions to the stretches of a text that answer them, by a model with a question-answering head.
#include <CLI/CLI.hpp>

#include "api/task_json.h"
#include "base/file_io.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/task_lines.h"
#include "tasks/question_answer.h"

namespace bantam::cli {
namespace {

struct Options {
  TaskOptions task;
  std::string question, context_file;
  AnswerOptions answer;
  int64_t stride = -1;
  bool any_place = false;
};

struct QaLine {
  std::string question, context;
};

Result<QaLine> ReadQaLine(std::string_view line, const std::string& place) {
  BANTAM_TRY(const json::value document, ParseJson(line, place));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, place));
  QaLine out;
  BANTAM_TRY(out.question, object.String("question"));
  BANTAM_TRY(out.context, object.String("context"));
  return out;
}

Result<QaLine> ParseQaLine(std::string_view line, const std::string& place) { return AsData(ReadQaLine(line, place)); }

Status RunQa(const Options& options) {
  AnswerOptions answer = options.answer;
  answer.align_to_words = !options.any_place;
  if (options.stride >= 0) answer.stride = static_cast<size_t>(options.stride);
  std::string context;
  if (!options.context_file.empty()) {
    BANTAM_TRY(context, ReadFile(options.context_file, 64 << 20));
  }
  BANTAM_TRY(LoadedModel model, LoadTaskModel(options.task));
  BANTAM_TRY(const auto answerer, QuestionAnswerer::Create(std::move(model)));
  const bool from_stdin = options.task.file.empty() || options.task.file == "-";
  const std::string name = from_stdin ? "standard input" : EscapeForTerminal(options.task.file, 400);
  return AnswerLines("qa", options.task.file,
                     [&](const std::vector<std::string>& lines, size_t first_number, std::string& out) -> Status {
                       std::vector<QaLine> parsed;
                       for (size_t i = 0; i < lines.size(); ++i) {
                         if (!options.context_file.empty()) {
                           parsed.push_back({lines[i], ""});
                         } else if (!options.question.empty()) {
                           parsed.push_back({options.question, lines[i]});
                         } else {
                           BANTAM_TRY(QaLine line, ParseQaLine(lines[i], fmt::format("{}:{}", name, first_number + i)));
                           parsed.push_back(std::move(line));
                         }
                       }
                       std::vector<Question> questions;
                       for (const QaLine& line : parsed) {
                         questions.push_back({line.question, options.context_file.empty() ? line.context : context});
                       }
                       BANTAM_TRY(const auto answered, answerer->Answer(questions, answer));
                       for (const AnsweredQuestion& one : answered) {
                         json::object line{{"answers", AnswersJson(one)}};
                         if (one.num_windows > 1) line["windows"] = one.num_windows;
                         out += ToJson(line) + "\n";
                       }
                       return Ok();
                     });
}

}  // namespace

Run SetUpQa(CLI::App& app) {
  auto options = std::make_shared<Options>();
  AddTaskOptions(app, options->task, "");
  auto* question =
      app.add_option("--question,-q", options->question, "One question: lines are then texts to answer from");
  app.add_option("--context,-c", options->context_file, "A file with one text to answer from: lines are then questions")
      ->excludes(question);
  app.add_option("--top-k,-k", options->answer.top_k, "Answers to print for a question, best first")
      ->check(CLI::Range(size_t{1}, size_t{1000}))
      ->capture_default_str();
  app.add_option("--max-answer", options->answer.max_answer_tokens, "Most tokens of an answer")
      ->check(CLI::Range(size_t{1}, size_t{512}))
      ->capture_default_str();
  app.add_option("--window", options->answer.max_tokens, "Most tokens of question and text read at once")
      ->check(CLI::Range(size_t{8}, size_t{1} << 20))
      ->capture_default_str();
  app.add_option("--stride", options->stride,
                 "Tokens that the windows of a long text share; by default half a window, at most 128")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20));
  app.add_flag("--maybe-none", options->answer.may_have_no_answer,
               "Let \"\" be an answer, with the score that the text has none (SQuAD 2)");
  app.add_flag("--any-place", options->any_place, "Answers may begin and end within words");
  app.footer(
      "One JSON object out for each line in, in order: {\"answers\": [{\"answer\": \"Ada\", \"score\": 0.98, "
      "\"start\": 7,\n"
      "\"end\": 10}]}, places in characters of the text. Without --question and --context a line is {\"question\": "
      "\"...\",\n"
      "\"context\": \"...\"}. Long texts are read in overlapping windows. As Transformers' question-answering.\n\n"
      "Examples:\n"
      "  echo 'Who wrote it?' | bantam qa --model ./my-squad-model --context report.txt\n"
      "  bantam qa --model ./my-squad-model --question 'When is it due?' --maybe-none mails.txt > answers.jsonl");
  return [options] { return RunQa(*options); };
}

}  // namespace bantam::cli
