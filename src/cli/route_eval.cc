// bantam route eval: how good is a head on labelled lines?
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/paths.h"
#include "base/text_util.h"
#include "cli/route_commands.h"
#include "cli/route_data.h"
#include "cli/route_exits.h"
#include "learn/evaluate.h"
#include "learn/reliability_plot.h"
#include "route/state_folder.h"
#include "route/training_examples.h"

namespace bantam::cli {
namespace {

constexpr int kCrossValidationFolds = 5;

struct Options {
  std::string route_file, head, model, plot, curve, early_exit;
  DataOptions data;
  int threads = 0;
  int confusions = 20;
  bool json = false;
};

// Everything that the output speaks of.
struct Evaluated {
  Evaluation figures;
  std::optional<double> threshold;  // none for cross-validation: each fold has its own
  std::optional<double> train_seconds;
  std::optional<DecisionTimes> times;  // none for cross-validation
  std::optional<ExitCurve> exits;      // of a head that has any
  std::string subject;                 // "head.safetensors on test.jsonl"
  std::string model, dtype;
};

// 4500 -> "4,500"
std::string WithThousands(int64_t count) {
  std::string text = std::to_string(count);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
  return text;
}

std::string Join(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + EscapeForTerminal(name);
  return out;
}

// Disagreement that early exits may cause: as asked for, or `otherwise`.
Result<double> WantedDisagreement(const Options& options, double otherwise) {
  return options.early_exit.empty() ? Result<double>(otherwise) : ParseDisagreement(options.early_exit);
}

Result<Evaluated> EvaluateHead(const Head& head, Embedder& embedder, const Options& options, double max_disagreement,
                               ProgressBar& progress) {
  BANTAM_RETURN_IF_ERROR(head.CheckEncoder(IdentityOf(embedder)));
  const bool curve = !options.curve.empty(), none = head.exits().heads.empty();
  if (none && (curve || (!options.early_exit.empty() && max_disagreement > 0))) {
    return Err(ErrorCode::kInvalidArgument,
               "the head has no early exits; train it with --early-exit, on enough examples to measure them");
  }
  if (curve && max_disagreement <= 0)
    return Err(ErrorCode::kInvalidArgument, "--curve needs early exits; drop --early-exit off");
  BANTAM_TRY(const std::vector<LabelledText> examples, ReadData(options.data));
  const std::vector<int> layers = max_disagreement > 0 ? ExitLayersOf(head) : std::vector<int>();
  BANTAM_TRY(const EmbeddedExamples embedded, EmbedExamples(embedder, examples, progress, layers));
  Evaluated result;
  result.figures = Evaluate(PredictAll(head, examples, embedded.vectors), head.metadata().out_of_scope_share);
  BANTAM_TRY(result.exits, MeasureExitCurve(head, embedder, examples, embedded, max_disagreement, curve));
  BANTAM_TRY(result.times, TimeDecisions(head, embedder, examples));
  result.threshold = head.metadata().threshold;
  return result;
}

// --head HEAD --data TEST
Result<Evaluated> FromHead(const Options& options, ProgressBar& progress) {
  if (options.data.files.empty())
    return Err(ErrorCode::kInvalidArgument, "give lines to evaluate on: --data TEST.jsonl");
  BANTAM_TRY(const Head head, Head::Load(options.head));
  const EncoderIdentity& encoder = head.metadata().encoder;
  BANTAM_TRY(const auto embedder,
             LoadEmbedder(options.model.empty() ? encoder.model : options.model, encoder.weight_type, options.threads));
  BANTAM_TRY(const double wanted, WantedDisagreement(options, head.metadata().max_disagreement));
  BANTAM_TRY(Evaluated result, EvaluateHead(head, *embedder, options, wanted, progress));
  result.train_seconds = ReportedTrainSeconds(options.head, head);
  result.subject = fmt::format("{} on {}", EscapeForTerminal(options.head), Join(options.data.files));
  return result;
}

// -c FILE: its head on --data, or its own examples by cross-validation.
Result<Evaluated> FromRouteFile(const Options& options, ProgressBar& progress) {
  BANTAM_TRY(const RouteFile file, LoadRouteFile(options.route_file));
  const std::vector<LabelledText> examples = TrainingExamples(file);
  BANTAM_TRY(const auto embedder, LoadEmbedder(file.encoder_model, file.encoder_dtype, options.threads));
  const EncoderIdentity encoder = IdentityOf(*embedder);
  TrainOptions train;
  train.num_threads = options.threads;
  train.progress = [&](std::string_view stage, double fraction) { progress.Update(stage, fraction); };
  const std::string name = EscapeForTerminal(options.route_file);

  if (options.data.files.empty()) {
    BANTAM_TRY(const EmbeddedExamples embedded, EmbedExamples(*embedder, examples, progress));
    const MonotonicTime start = MonotonicNow();
    BANTAM_TRY(const std::vector<Outcome> outcomes,
               CrossValidate(examples, embedded.vectors, encoder, kCrossValidationFolds, train));
    Evaluated result;
    result.figures = Evaluate(outcomes, train.out_of_scope_share);
    result.train_seconds = MillisecondsSince(start) / 1000 / kCrossValidationFolds;
    result.subject = fmt::format("the examples of {}, by {}-fold cross-validation", name, kCrossValidationFolds);
    return result;
  }

  BANTAM_TRY(const double wanted, WantedDisagreement(options, file.max_disagreement));
  BANTAM_TRY(const Path folder, StateFolder(file.name));
  const Path head_path = StateFiles(folder).head;
  if (Result<Head> head = Head::Load(head_path);
      head && head->metadata().encoder == encoder && head->metadata().examples_sha256 == ExamplesSha256(examples)) {
    BANTAM_TRY(Evaluated result, EvaluateHead(*head, *embedder, options, wanted, progress));
    result.train_seconds = ReportedTrainSeconds(head_path, *head);
    result.subject = fmt::format("the head of {} on {}", name, Join(options.data.files));
    return result;
  }
  // Missing or stale: train one for the occasion, and leave what is in the state folder to those who serve from it.
  const int num_layers = embedder->encoder().num_layers();
  const std::vector<int> layers = wanted > 0 ? ExitLayers(num_layers) : std::vector<int>();
  BANTAM_TRY(const EmbeddedExamples embedded, EmbedExamples(*embedder, examples, progress, layers));
  if (wanted > 0) train.max_disagreement = wanted;
  BANTAM_TRY(const TrainedHead trained,
             TrainHead(examples, embedded.vectors, encoder, train, embedded.layers, num_layers));
  BANTAM_TRY(Evaluated result, EvaluateHead(trained.head, *embedder, options, wanted, progress));
  result.train_seconds = trained.report.train_seconds;
  result.subject = fmt::format("a head trained now on {}, on {}", name, Join(options.data.files));
  return result;
}

json::value OrNull(const std::optional<double>& value) { return value ? json::value(*value) : json::value(); }

json::object ToJsonObject(const Evaluated& result) {
  const Evaluation& e = result.figures;
  json::array bins, confidence_bins, confusions;
  for (const ReliabilityBin& bin : e.bins) {
    bins.push_back(json::object{{"low", bin.low},
                                {"high", bin.high},
                                {"count", static_cast<int64_t>(bin.weight)},
                                {"confidence", bin.confidence},
                                {"accuracy", bin.accuracy}});
  }
  for (const ReliabilityBin& bin : e.confidence_bins) {  // out-of-scope lines count for what they weigh
    confidence_bins.push_back(json::object{{"low", bin.low},
                                           {"high", bin.high},
                                           {"weight", bin.weight},
                                           {"confidence", bin.confidence},
                                           {"accuracy", bin.accuracy}});
  }
  json::value times;
  if (result.times) times = json::object{{"median_ms", result.times->median_ms}, {"p99_ms", result.times->p99_ms}};
  for (const Confusion& c : e.confusions) {
    confusions.push_back(json::object{{"label", c.truth}, {"predicted", c.predicted}, {"count", c.count}});
  }
  return {{"in_scope_accuracy", OrNull(e.in_scope_accuracy)},
          {"accuracy", OrNull(e.accuracy)},
          {"macro_f1", OrNull(e.macro_f1)},
          {"oos_recall", OrNull(e.oos_recall)},
          {"oos_precision", OrNull(e.oos_precision)},
          {"oos_f1", OrNull(e.oos_f1)},
          {"oos_near_lines", e.num_near},
          {"oos_near_recall", OrNull(e.near_recall)},
          {"false_rejection", OrNull(e.false_rejection)},
          {"oos_recall_at_fr4", OrNull(e.oos_recall_at_fr4)},
          {"oos_f1_at_fr4", OrNull(e.oos_f1_at_fr4)},
          {"accuracy_at_fr4", OrNull(e.accuracy_at_fr4)},
          {"oos_auroc", OrNull(e.oos_auroc)},
          {"oos_score_auroc", OrNull(e.oos_score_auroc)},
          {"ece", OrNull(e.ece)},
          {"ece_confidence", OrNull(e.ece_confidence)},
          {"threshold", OrNull(result.threshold)},
          {"threshold_at_fr4", OrNull(e.threshold_at_fr4)},
          {"train_seconds", OrNull(result.train_seconds)},
          {"in_scope_lines", e.num_in_scope},
          {"oos_lines", e.num_out_of_scope},
          {"decision_ms", std::move(times)},
          {"early_exit", ToJsonValue(result.exits)},
          {"bins", std::move(bins)},
          {"confidence_bins", std::move(confidence_bins)},
          {"confusions", std::move(confusions)}};
}

std::string Table(const Evaluated& result, int max_confusions) {
  const Evaluation& e = result.figures;
  std::string out = fmt::format("{}: {} lines in scope, {} out of scope\n", result.subject,
                                WithThousands(e.num_in_scope), WithThousands(e.num_out_of_scope));
  const auto row = [&](const char* name, const std::optional<double>& value, std::string_view note = {}) {
    const std::string text = value ? fmt::format("{:6.2f} %", 100 * *value) : "     –  ";
    out += fmt::format("  {:<28}{}{}{}\n", name, text, note.empty() ? "" : "   ", note);
  };
  out += "\nwhich route\n";
  row("accuracy in scope", e.in_scope_accuracy, "best label, nothing rejected");
  row("calibration error (ECE)", e.ece, "of the label's probability, in scope, 15 bins");
  out += result.threshold ? fmt::format("\nwhether to answer, at the head's own threshold {:.3f}\n", *result.threshold)
                          : "\nwhether to answer, at each head's own threshold\n";
  row("accuracy of all lines", e.accuracy, "right label accepted, out of scope rejected");
  row("macro F1", e.macro_f1);
  row("falsely rejected", e.false_rejection, "of the lines in scope");
  row("out of scope: recall", e.oos_recall);
  if (e.near_recall) {
    row("  of those near a route", e.near_recall,
        fmt::format("{} lines that are likelier than not of one route, were they in scope", WithThousands(e.num_near)));
  }
  row("out of scope: precision", e.oos_precision);
  row("out of scope: F1", e.oos_f1);
  out += "\nout of scope, where 4 % in scope are falsely rejected\n";
  row("recall", e.oos_recall_at_fr4);
  row("F1", e.oos_f1_at_fr4);
  row("AUROC of the confidence", e.oos_auroc);
  row("AUROC of the score", e.oos_score_auroc, "without the label's probability in it");
  row("calibration error (ECE)", e.ece_confidence, "of the confidence, all lines, at the assumed share");
  if (result.exits) out += Table(*result.exits);
  if (result.times) {
    out += fmt::format("\na decision takes {:.3f} ms, 99 in 100 at most {:.3f}: one text alone, all layers\n",
                       result.times->median_ms, result.times->p99_ms);
  }
  if (result.train_seconds) out += fmt::format("\ntrained in {:.1f} s\n", *result.train_seconds);
  if (!e.confusions.empty() && max_confusions > 0) {
    const size_t shown = std::min(e.confusions.size(), static_cast<size_t>(max_confusions));
    out += fmt::format("\nconfused most often ({} of {} pairs)\n", shown, e.confusions.size());
    for (size_t i = 0; i < shown; ++i) {
      const Confusion& c = e.confusions[i];
      out +=
          fmt::format("  {:4}  {} taken for {}\n", c.count, EscapeForTerminal(c.truth), EscapeForTerminal(c.predicted));
    }
  }
  return out;
}

Status WritePlot(const Evaluated& result, const std::string& path) {
  const Evaluation& e = result.figures;
  if (!e.ece) return Err(ErrorCode::kInvalidArgument, "no line is in scope, so there is no reliability to plot");
  std::vector<ReliabilityPanel> panels = {
      {.title = "Which route: the label's probability",
       .subtitle = fmt::format("{} lines in scope, {:.1f} % right, calibration error {:.1f} %",
                               WithThousands(e.num_in_scope), 100 * *e.in_scope_accuracy, 100 * *e.ece),
       .axis = "probability",
       .bins = e.bins}};
  if (e.ece_confidence) {
    panels.push_back({.title = "Whether to answer: the confidence of answers",
                      .subtitle = fmt::format("{} lines ({} out of scope), calibration error {:.1f} %",
                                              WithThousands(e.num_in_scope + e.num_out_of_scope),
                                              WithThousands(e.num_out_of_scope), 100 * *e.ece_confidence),
                      .bins = e.confidence_bins});
  }
  const std::string svg = ReliabilityPlot("How far can it be trusted?", panels);
  return WriteFileAtomic(path, svg);
}

Status RunEval(const Options& options) {
  if (options.route_file.empty() == options.head.empty()) {
    return Err(ErrorCode::kInvalidArgument,
               "give either a route file (-c FILE) or a head (--head HEAD --data TEST.jsonl)");
  }
  std::optional<ProgressBar> progress(std::in_place, "route eval");
  BANTAM_TRY(const Evaluated result,
             options.head.empty() ? FromRouteFile(options, *progress) : FromHead(options, *progress));
  progress.reset();
  if (!options.plot.empty()) BANTAM_RETURN_IF_ERROR(WritePlot(result, options.plot));
  if (!options.curve.empty()) {
    if (!result.exits) return Err(ErrorCode::kInvalidArgument, "--curve needs a head with early exits, and --data");
    BANTAM_RETURN_IF_ERROR(WriteFileAtomic(options.curve, Svg(*result.exits, "Early exit: accuracy against time")));
  }
  return Print(options.json ? ToJson(ToJsonObject(result)) + "\n" : Table(result, options.confusions));
}

}  // namespace

Run SetUpRouteEval(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-c,--config", options->route_file,
                 "Route file; without --data its own examples are judged by cross-validation")
      ->type_name("FILE");
  app.add_option("--head", options->head, "A head that 'bantam route train' wrote")->type_name("FILE");
  AddDataOptions(app, options->data, "Files of lines {\"text\": ..., \"label\": ...}; the label oos is out of scope");
  app.add_option("--model,-m", options->model, "The head's encoder, where its own name for it does not lead there")
      ->type_name("MODEL|DIR|FILE");
  app.add_option("--threads", options->threads, "Threads; 0: all this process may use")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--plot", options->plot, "Write a reliability diagram (SVG)")->type_name("FILE");
  app.add_option("--early-exit", options->early_exit,
                 "Share of decisions that early exits may change, as N%; off; default: what the head was trained for");
  app.add_option("--curve", options->curve, "Write accuracy against time over several such shares (SVG), and list them")
      ->type_name("FILE");
  app.add_option("--confusions", options->confusions, "Pairs of confused labels to list")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  app.add_flag("--json", options->json, "Print everything as JSON");
  app.footer(
      "Examples:\n"
      "  bantam route eval -c examples/helpdesk/bantam.yaml\n"
      "  bantam route eval --head head.safetensors --data test.jsonl --json --plot reliability.svg\n"
      "  bantam route eval --head head.safetensors --data clinc150_full.jsonl --splits test,oos_test");
  return [options] { return RunEval(*options); };
}

}  // namespace bantam::cli
