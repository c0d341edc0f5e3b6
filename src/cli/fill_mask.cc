// bantam fill-mask: the likeliest tokens in the place of a mask, by a masked language model.
#include <CLI/CLI.hpp>

#include "api/task_json.h"
#include "cli/commands.h"
#include "cli/task_lines.h"
#include "tasks/fill_mask.h"

namespace bantam::cli {
namespace {

struct Options {
  TaskOptions task;
  FillOptions fill;
};

Status RunFillMask(const Options& options) {
  BANTAM_TRY(LoadedModel model, LoadTaskModel(options.task));
  BANTAM_TRY(const auto filler, MaskFiller::Create(std::move(model)));
  return AnswerTexts("fill-mask", options.task, [&](const std::vector<TaskLine>& lines, std::string& out) -> Status {
    std::vector<std::string_view> texts;
    for (const TaskLine& line : lines) {
      if (line.pair) return Err(ErrorCode::kInvalidArgument, "fill-mask reads single texts, not pairs");
      texts.push_back(line.text);
    }
    BANTAM_TRY(const auto filled, filler->Fill(texts, options.fill));
    for (const FilledText& text : filled) {
      json::object line{{"masks", MasksJson(text)}};
      if (text.truncated) line["truncated"] = true;
      out += ToJson(line) + "\n";
    }
    return Ok();
  });
}

}  // namespace

Run SetUpFillMask(CLI::App& app) {
  auto options = std::make_shared<Options>();
  AddTaskOptions(app, options->task, "Lines are JSON: \"text\" or {\"text\": \"...\"}");
  app.add_option("--top-k,-k", options->fill.top_k, "Tokens to print for a mask, best first")
      ->check(CLI::Range(size_t{1}, size_t{1'000'000}))
      ->capture_default_str();
  app.add_option("--targets", options->fill.targets, "Only these tokens; of a longer word its first token")
      ->delimiter(',');
  app.footer(
      "One JSON object out for each line in, in order: {\"masks\": [[{\"token\": 3000, \"token_str\": \"paris\", "
      "\"score\": 0.4,\n"
      "\"sequence\": \"...\"}, ...]]}, an array for each mask of the line. The mask is the model's own: [MASK] or "
      "<mask>,\n"
      "mostly. As Transformers' fill-mask.\n\n"
      "Examples:\n"
      "  echo 'The capital of France is [MASK].' | bantam fill-mask --model ./bert-base-uncased\n"
      "  bantam fill-mask --model ./bert-base-uncased --targets 'he,she' sentences.txt > filled.jsonl");
  return [options] { return RunFillMask(*options); };
}

}  // namespace bantam::cli
