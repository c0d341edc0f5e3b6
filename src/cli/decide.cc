// bantam decide: one typed question about each line of text, answered with probabilities.
#include <CLI/CLI.hpp>

#include <algorithm>

#include "api/served_model.h"
#include "api/task_json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/task_lines.h"

namespace bantam::cli {
namespace {

using Kind = DecisionQuestion::Kind;

struct Options {
  TaskOptions task;
  std::string question;
  std::vector<std::string> choices, levels, descriptions;
  bool yes_no = false;
};

Result<DecisionQuestion> QuestionOf(const Options& options) {
  constexpr size_t kMostOptions = 255;
  DecisionQuestion question{.label = "--question", .instructions = options.question};
  question.kind = options.yes_no ? Kind::kYesNo : options.levels.empty() ? Kind::kChoice : Kind::kScale;
  std::vector<std::string> names = options.levels.empty() ? options.choices : options.levels;
  if (options.yes_no) names = {"yes", "no"};
  if (names.size() < 2 || names.size() > kMostOptions) {
    return Err(ErrorCode::kInvalidArgument,
               "{} possible answers, expected 2 to {}: --choices A,B,..., --levels A,B,... "
               "or --yes-no",
               names.size(), kMostOptions);
  }
  for (std::string& name : names) question.options.push_back({.name = std::move(name)});
  for (const std::string& description : options.descriptions) {
    const size_t mark = std::min(description.find('='), description.size());
    const auto option = std::ranges::find(question.options, description.substr(0, mark), &DecisionOption::name);
    if (mark == description.size() || option == question.options.end()) {
      return Err(ErrorCode::kInvalidArgument, "--describe {}: expected OPTION=TEXT, with one of the possible answers",
                 EscapeForTerminal(description, 80));
    }
    option->description = description.substr(mark + 1);
  }
  return question;
}

Result<ServedModel> LoadAny(const TaskOptions& options) {
  BANTAM_TRY(const WeightType encoder, options.dtype.Type());
  BANTAM_TRY(const WeightType decoder, options.dtype.TypeOfDecoder());
  BANTAM_TRY(ModelFolder opened, OpenModel(options.model));
  GeneratorOptions generator{.weight_type = decoder};
  generator.engine.num_threads = options.threads;
  BANTAM_TRY(
      ServedModel model,
      LoadServedModel(std::move(opened), {.weight_type = encoder, .num_threads = options.threads}, generator, nullptr));
  if (model.decider != nullptr) return model;
  return Err(ErrorCode::kUnsupported,
             "{} cannot decide: that takes a model that writes text, embeds, or classifies inference (bantam show)",
             EscapeForTerminal(options.model, 400));
}

Status RunDecide(const Options& options) {
  BANTAM_TRY(const DecisionQuestion question, QuestionOf(options));
  json::object legend;
  for (size_t i = 0; i < question.options.size(); ++i) legend[std::to_string(i)] = question.options[i].name;
  BANTAM_TRY(const ServedModel model, LoadAny(options.task));
  return AnswerTexts("decide", options.task, [&](const std::vector<TaskLine>& lines, std::string& out) -> Status {
    for (const TaskLine& line : lines) {
      if (line.pair) return Err(ErrorCode::kInvalidArgument, "decide reads single texts, not pairs");
      BANTAM_TRY(const Decisions decided, model.decider->Decide({.state = line.text, .questions = {&question, 1}}));
      out += ToJson(DecisionJson(question, legend, decided.probabilities[0])) + "\n";
    }
    return Ok();
  });
}

}  // namespace

Run SetUpDecide(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->task.dtype = DtypeOption::Automatic();
  AddTaskOptions(app, options->task, "Lines are JSON: \"text\" or {\"text\": \"...\"}");
  app.add_option("--question,-q", options->question, "What each text is asked")->required();
  auto* choices = app.add_option("--choices,-c", options->choices, "The possible answers: one of them")->delimiter(',');
  auto* levels = app.add_option("--levels", options->levels, "The possible answers: a scale, from low to high")
                     ->delimiter(',')
                     ->excludes(choices);
  app.add_flag("--yes-no", options->yes_no, "The possible answers: yes or no")->excludes(choices)->excludes(levels);
  app.add_option("--describe", options->descriptions,
                 "OPTION=TEXT: what an answer means; of --yes-no \"yes\" and \"no\". May be repeated");
  app.footer(
      "One JSON object out for each line in, in order, as POST /v1/systemone has it: {\"type\": \"choice\", "
      "\"choice\": \"billing\",\n"
      "\"probabilities\": {\"billing\": 0.8, ...}, \"confidence\": 0.7}; with --levels \"score\" and \"legend\", with "
      "--yes-no \"noul\",\n"
      "the probability of yes. Any model that writes text, embeds, or classifies inference.\n\n"
      "Examples:\n"
      "  echo 'I was charged twice' | bantam decide --model all-MiniLM-L6-v2 -q 'Which queue?' -c "
      "billing,technical,sales\n"
      "  bantam decide --model smollm2 -q 'Is the customer angry?' --yes-no mails.txt > angry.jsonl");
  return [options] { return RunDecide(*options); };
}

}  // namespace bantam::cli
