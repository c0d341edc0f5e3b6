#include "cli/route_data.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

namespace bantam::cli {

void AddDataOptions(CLI::App& app, DataOptions& options, const char* what) {
  app.add_option("--data,-d", options.files, what)->type_name("FILE")->check(CLI::ExistingFile);
  app.add_option("--splits,--split", options.splits,
                 "Only lines whose \"split\" is one of these, separated by commas: train,oos_train")
      ->delimiter(',');
  app.add_option("--label", options.default_label, "The label of lines without one, such as oos");
}

Result<std::vector<LabelledText>> ReadData(const DataOptions& options) {
  std::vector<LabelledText> all;
  for (const std::string& file : options.files) {
    BANTAM_TRY(std::vector<LabelledText> examples,
               ReadExamples(file, {.default_label = options.default_label, .splits = options.splits}));
    all.insert(all.end(), std::make_move_iterator(examples.begin()), std::make_move_iterator(examples.end()));
  }
  return all;
}

Result<EmbeddedExamples> EmbedExamples(Embedder& embedder, std::span<const LabelledText> examples,
                                       ProgressBar& progress, std::span<const int> layers) {
  const MonotonicTime start = MonotonicNow();
  std::vector<std::string> texts;
  for (const LabelledText& example : examples) texts.push_back(example.text);
  const auto report = [&](size_t done) {
    progress.Update("reading texts", static_cast<double>(done) / static_cast<double>(texts.size()));
  };
  BANTAM_TRY(HeadVectors vectors, EmbedForHead(embedder, texts, layers, report));
  EmbeddedExamples result{std::move(vectors), 0};
  result.seconds = MillisecondsSince(start) / 1000;
  return result;
}

Result<std::unique_ptr<Embedder>> LoadEmbedder(const std::string& model, const std::string& weight_type, int threads) {
  BANTAM_TRY(const WeightType type, ParseWeightType(weight_type));
  return Embedder::Load(model, {.weight_type = type, .num_threads = threads});
}

Path ReportPath(const Path& head) { return Path(head.string() + ".report.json"); }

std::optional<double> ReportedTrainSeconds(const Path& head_path, const Head& head) {
  const auto text = ReadFile(ReportPath(head_path), 1 << 20);
  if (!text) return std::nullopt;
  const auto document = ParseJson(*text, "report");
  if (!document) return std::nullopt;
  const auto report = JsonObject::From(*document, "report");
  if (!report || report->StringOr("head_sha256", "").value_or("") != head.Sha256()) return std::nullopt;
  const auto seconds = report->Number("train_seconds", 0, 1e12);
  return seconds ? std::optional(*seconds) : std::nullopt;
}

}  // namespace bantam::cli
