// bantam tag: lines of text to labelled spans, by a model with a token-classification head.
#include <CLI/CLI.hpp>

#include "api/task_json.h"
#include "cli/commands.h"
#include "cli/task_lines.h"
#include "tasks/tag.h"

namespace bantam::cli {
namespace {

struct Options {
  TaskOptions task;
  std::string aggregation = "simple";
  int64_t stride = -1;
  std::vector<std::string> ignored = {"O"};
};

Status RunTag(const Options& options) {
  TagOptions tag{.ignored_labels = options.ignored};
  BANTAM_TRY(tag.aggregation, ParseAggregation(options.aggregation));
  if (options.stride >= 0) tag.stride = static_cast<size_t>(options.stride);
  BANTAM_TRY(LoadedModel model, LoadTaskModel(options.task));
  BANTAM_TRY(const auto tagger, Tagger::Create(std::move(model)));
  return AnswerTexts("tag", options.task, [&](const std::vector<TaskLine>& lines, std::string& out) -> Status {
    std::vector<std::string_view> texts;
    for (const TaskLine& line : lines) {
      if (line.pair) return Err(ErrorCode::kInvalidArgument, "a tagger reads single texts, not pairs");
      texts.push_back(line.text);
    }
    BANTAM_TRY(const auto tagged, tagger->Tag(texts, tag));
    for (const TaggedText& text : tagged) {
      json::object line{{"entities", EntitiesJson(text, tag.aggregation)}};
      if (text.num_windows > 1) line["windows"] = text.num_windows;
      out += ToJson(line) + "\n";
    }
    return Ok();
  });
}

}  // namespace

Run SetUpTag(CLI::App& app) {
  auto options = std::make_shared<Options>();
  AddTaskOptions(app, options->task, "Lines are JSON: \"text\" or {\"text\": \"...\"}, which may hold line feeds");
  app.add_option(
         "--aggregation,-a", options->aggregation,
         "none: each token; simple: tokens side by side with one label; first, average, max: words, labelled as "
         "their first token, by the average, or by the surest token")
      ->check(CLI::IsMember({"none", "simple", "first", "average", "max"}))
      ->capture_default_str();
  app.add_option("--stride", options->stride,
                 "Tokens that the windows of a long text share; by default a quarter of a window, at most 128")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20));
  app.add_option("--ignore", options->ignored, "Labels to leave out")->delimiter(',')->capture_default_str();
  app.footer(
      "One JSON object out for each line in, in order: {\"entities\": [{\"entity_group\": \"PER\", \"score\": 0.99,\n"
      "\"word\": \"ada lovelace\", \"start\": 0, \"end\": 12}]}, places in characters of the line. A text longer than "
      "the\n"
      "model reads is read in overlapping windows, and \"windows\" says how many. As Transformers' "
      "token-classification.\n\n"
      "Examples:\n"
      "  echo 'Ada Lovelace was born in London' | bantam tag --model ./my-ner-model\n"
      "  bantam tag --model ./my-pos-model --aggregation first --ignore '' book.txt > tags.jsonl");
  return [options] { return RunTag(*options); };
}

}  // namespace bantam::cli
