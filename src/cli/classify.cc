// bantam classify: lines of text, or pairs, to the labels of a classifier; or to labels of your own by an NLI model.
#include <CLI/CLI.hpp>

#include "api/task_json.h"
#include "cli/commands.h"
#include "cli/task_lines.h"
#include "tasks/zero_shot.h"

namespace bantam::cli {
namespace {

struct Options {
  TaskOptions task;
  size_t top_k = 1;
  std::string function;
  // Zero-shot
  std::vector<std::string> labels;
  std::string hypothesis_template = ZeroShotOptions().hypothesis_template, entailment;
  bool multi_label = false;
};

// {"label": "POSITIVE", "score": 0.98}, or {"labels": [...]} for more than one.
void AppendLine(const Classification& answer, std::span<const std::string> labels, size_t top_k, std::string& out) {
  json::object line;
  json::array ranking = LabelsJson(answer, labels, top_k);
  if (top_k == 1) {
    line = ranking[0].as_object();
  } else {
    line["labels"] = std::move(ranking);
  }
  if (answer.truncated) line["truncated"] = true;
  out += ToJson(line) + "\n";
}

Status RunOwnLabels(const Options& options, LoadedModel model) {
  ClassifyOptions classify;
  if (!options.function.empty()) {
    BANTAM_TRY(classify.function, ParseScoreFunction(options.function));
  }
  BANTAM_TRY(const auto classifier, Classifier::Create(std::move(model)));
  return AnswerTexts("classify", options.task, [&](const std::vector<TaskLine>& lines, std::string& out) -> Status {
    std::vector<TextInput> texts;
    for (const TaskLine& line : lines) texts.push_back({line.text, line.pair});
    BANTAM_TRY(const auto answers, classifier->Classify(texts, classify));
    for (const Classification& answer : answers) AppendLine(answer, classifier->labels(), options.top_k, out);
    return Ok();
  });
}

Status RunZeroShot(const Options& options, LoadedModel model) {
  const ZeroShotOptions zero_shot{.hypothesis_template = options.hypothesis_template,
                                  .multi_label = options.multi_label};
  BANTAM_TRY(const auto classifier, ZeroShotClassifier::Create(std::move(model), options.entailment));
  return AnswerTexts("classify", options.task, [&](const std::vector<TaskLine>& lines, std::string& out) -> Status {
    std::vector<std::string> texts;
    for (const TaskLine& line : lines) {
      if (line.pair) return Err(ErrorCode::kInvalidArgument, "--labels reads single texts, not pairs");
      texts.push_back(line.text);
    }
    BANTAM_TRY(const auto answers, classifier->Classify(texts, options.labels, zero_shot));
    for (const Classification& answer : answers) AppendLine(answer, options.labels, options.top_k, out);
    return Ok();
  });
}

Status RunClassify(const Options& options) {
  BANTAM_TRY(LoadedModel model, LoadTaskModel(options.task));
  return options.labels.empty() ? RunOwnLabels(options, std::move(model)) : RunZeroShot(options, std::move(model));
}

}  // namespace

Run SetUpClassify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  AddTaskOptions(app, options->task,
                 "Lines are JSON: \"text\", {\"text\": \"...\", \"text_pair\": \"...\"} or [\"text\", \"pair\"]");
  app.add_option("--top-k,-k", options->top_k, "Labels to print for a text, best first; 0 for all")
      ->capture_default_str();
  auto* function = app.add_option("--function", options->function,
                                  "From the model's numbers to scores; by default as its config.json says")
                       ->check(CLI::IsMember({"softmax", "sigmoid", "none"}));
  auto* labels = app.add_option("--labels", options->labels,
                                "Zero-shot: labels of your own, for a model of natural-language inference")
                     ->delimiter(',')
                     ->excludes(function);
  app.add_option("--template", options->hypothesis_template, "Zero-shot: the sentence a label becomes, {} in its place")
      ->capture_default_str()
      ->needs(labels);
  app.add_flag("--multi-label", options->multi_label, "Zero-shot: labels do not exclude each other")->needs(labels);
  app.add_option("--entailment", options->entailment,
                 "Zero-shot: the model's label for entailment, where its name does not begin with that")
      ->needs(labels);
  app.footer(
      "One JSON object out for each line in, in order: {\"label\": \"...\", \"score\": 0.98}, or {\"labels\": [...]} "
      "with\n"
      "another --top-k; \"truncated\": true where the text was longer than the model reads. Labels, scores and pairs "
      "as\n"
      "Transformers' text-classification and zero-shot-classification.\n\n"
      "Examples:\n"
      "  echo 'What a lovely day' | bantam classify --model ./my-sentiment-model\n"
      "  bantam classify --model ./my-topic-model --top-k 0 --function sigmoid texts.txt > labels.jsonl\n"
      "  echo '[\"A soccer game\", \"Some people play a sport\"]' | bantam classify --model ./my-nli-model --json\n"
      "  echo 'The parcel never came' | bantam classify --model ./my-nli-model --labels 'delivery,refund,praise'");
  return [options] { return RunClassify(*options); };
}

}  // namespace bantam::cli
