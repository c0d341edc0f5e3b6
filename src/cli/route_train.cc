// bantam route train: labelled examples to a head.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/paths.h"
#include "base/text_util.h"
#include "cli/dtype_option.h"
#include "cli/route_commands.h"
#include "cli/route_data.h"
#include "route/budget_report.h"
#include "route/state_folder.h"
#include "route/training_examples.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string route_file;
  DataOptions data;
  std::string model = "all-MiniLM-L6-v2";
  DtypeOption dtype{"int8"};
  std::string out, early_exit;
  TrainOptions train;
  bool no_name_hints = false;
  bool json = false;
};

// Where examples, model and head are, once -c or --data has been read.
struct Plan {
  std::vector<LabelledText> examples;
  std::string model, dtype;
  Path out;
  double max_disagreement = TrainOptions().max_disagreement;
  std::optional<RouteFile> file;  // with -c
};

Result<Plan> MakePlan(const Options& options) {
  if (options.route_file.empty() == options.data.files.empty()) {
    return Err(ErrorCode::kInvalidArgument, "give either a route file (-c FILE) or examples (--data FILE --out HEAD)");
  }
  if (!options.route_file.empty()) {
    BANTAM_TRY(RouteFile file, LoadRouteFile(options.route_file));
    BANTAM_TRY(const Path folder, StateFolder(file.name));
    const Path out = options.out.empty() ? StateFiles(folder).head : Path(options.out);
    Plan plan{TrainingExamples(file), file.encoder_model, file.encoder_dtype, out, file.max_disagreement, {}};
    plan.file = std::move(file);
    return plan;
  }
  if (options.out.empty()) return Err(ErrorCode::kInvalidArgument, "say where the head goes: --out HEAD.safetensors");
  BANTAM_TRY(std::vector<LabelledText> examples, ReadData(options.data));
  if (!options.no_name_hints) {
    for (LabelledText& hint : NameHints(examples)) examples.push_back(std::move(hint));
  }
  return Plan{
      std::move(examples), options.model, options.dtype.value(), options.out, TrainOptions().max_disagreement, {}};
}

json::value Exits(const TrainedHead& trained) {
  const ExitPlan& plan = trained.head.exits();
  if (plan.heads.empty()) return nullptr;
  json::array layers;
  for (const ExitHead& exit : plan.heads) layers.push_back(exit.layer);
  const double wanted = trained.head.metadata().max_disagreement;
  const auto certainty = plan.CertaintyFor(wanted);
  return json::object{{"layers", std::move(layers)},
                      {"of", plan.num_layers},
                      {"max_disagreement", wanted},
                      {"certainty", certainty ? json::value(*certainty) : json::value()}};
}

json::array Doubtful(const Plan& plan, const TrainedHead& trained) {
  json::array doubtful;
  for (const DoubtfulExample& d : trained.report.doubtful) {
    const LabelledText& example = plan.examples[static_cast<size_t>(d.row)];
    doubtful.push_back(json::object{{"text", example.text},
                                    {"label", example.label},
                                    {"likelier", trained.head.labels()[static_cast<size_t>(d.label)]},
                                    {"probability", d.probability}});
  }
  return doubtful;
}

// What the file's error budgets allow with this head; nothing where it has none.
Result<std::optional<DecisionPolicy>> CertifyBudgets(const Plan& plan, const Head& head, Embedder& embedder,
                                                     ProgressBar& progress) {
  if (!plan.file || !plan.file->budget) return std::optional<DecisionPolicy>();
  Calibration calibration{head.calibration(), head.labels()};
  if (!plan.file->calibration.empty()) {
    BANTAM_TRY(const EmbeddedExamples embedded, EmbedExamples(embedder, plan.file->calibration, progress));
    calibration.points = CalibrationOf(head, plan.file->calibration, embedded.vectors);
  }
  return std::optional<DecisionPolicy>(std::in_place, *plan.file, head.metadata().threshold, calibration);
}

json::object Report(const Plan& plan, const TrainedHead& trained, double embed_seconds,
                    const std::optional<DecisionPolicy>& budgets) {
  const HeadMetadata& m = trained.head.metadata();
  const TrainReport& r = trained.report;
  json::object folds{{"count", r.folds},
                     {"examples", r.held_out},
                     {"in_scope_accuracy", r.accuracy},
                     {"ece", r.ece},
                     {"false_rejection", r.false_rejection},
                     {"set_size", r.set_size}};
  folds["oos_recall"] = m.num_out_of_scope > 0 ? json::value(r.out_of_scope_recall) : json::value();
  json::object report{{"head", plan.out.string()},
                      {"head_sha256", trained.head.Sha256()},
                      {"model", m.encoder.model},
                      {"dtype", m.encoder.weight_type},
                      {"labels", trained.head.labels().size()},
                      {"examples", m.num_examples},
                      {"oos_examples", m.num_out_of_scope},
                      {"temperature", m.temperature},
                      {"threshold", m.threshold},
                      {"iterations", r.iterations},
                      {"folds", folds},
                      {"doubtful", Doubtful(plan, trained)},
                      {"early_exit", Exits(trained)},
                      {"embed_seconds", embed_seconds},
                      {"train_seconds", r.train_seconds}};
  if (budgets) report["decision"] = PolicyJson(*budgets);
  return report;
}

std::string Summary(const Plan& plan, const TrainedHead& trained, double embed_seconds, bool early_exit,
                    const std::optional<DecisionPolicy>& budgets) {
  const HeadMetadata& m = trained.head.metadata();
  const TrainReport& r = trained.report;
  std::string out = fmt::format(
      "{} examples of {} labels and {} out of scope, read by {} ({}) in {:.1f} s\n"
      "trained in {:.1f} s: {} folds to calibrate on, then {} iterations on all examples\n\n"
      "on the {} examples held out\n"
      "  accuracy                  {:6.2f} %\n"
      "  calibration error (ECE)   {:6.2f} %   after the temperature {:.3f}\n"
      "  falsely rejected          {:6.2f} %   at the threshold {:.3f}\n"
      "  prediction set            {:6.2f}     labels, mean, with the right one in {:g} %\n",
      m.num_examples, trained.head.labels().size(), m.num_out_of_scope, EscapeForTerminal(m.encoder.model),
      m.encoder.weight_type, embed_seconds, r.train_seconds, r.folds, r.iterations, r.held_out, 100 * r.accuracy,
      100 * r.ece, m.temperature, 100 * r.false_rejection, m.threshold, r.set_size, 100 * kSetCoverage);
  if (m.num_out_of_scope > 0)
    out += fmt::format("  out of scope, rejected    {:6.2f} %\n", 100 * r.out_of_scope_recall);
  if (const ExitPlan& exits = trained.head.exits(); !exits.heads.empty()) {
    std::string layers;
    for (const ExitHead& exit : exits.heads) layers += fmt::format("{}{}", layers.empty() ? "" : ", ", exit.layer);
    out += fmt::format("  early exits               after layers {} of {}, {:g} % decided otherwise at most\n", layers,
                       exits.num_layers, 100 * m.max_disagreement);
  } else if (early_exit && !r.enough_for_exits) {
    out += "  early exits               none: too few examples to show that they decide the same\n";
  } else if (early_exit) {
    out += "  early exits               none: no earlier layer decides enough of them\n";
  }
  if (!r.doubtful.empty()) {
    constexpr size_t kShown = 5;
    out += "\ndoubtful: models that had not seen the example are sure of another label\n";
    for (size_t i = 0; i < std::min(kShown, r.doubtful.size()); ++i) {
      const DoubtfulExample& d = r.doubtful[i];
      const LabelledText& example = plan.examples[static_cast<size_t>(d.row)];
      out += fmt::format("  \"{}\" is in {}, likelier in {} ({:.0f} %)\n", EscapeForTerminal(example.text, 60),
                         EscapeForTerminal(example.label),
                         EscapeForTerminal(trained.head.labels()[static_cast<size_t>(d.label)]), 100 * d.probability);
    }
    if (r.doubtful.size() > kShown)
      out += fmt::format("  {} more in {}\n", r.doubtful.size() - kShown,
                         EscapeForTerminal(ReportPath(plan.out).string(), 400));
  }
  if (budgets) {
    out += "\n";
    for (const std::string& line : DescribeBudgets(*budgets, *plan.file)) out += line + "\n";
  }
  return out + fmt::format("\nwrote {}\n", EscapeForTerminal(plan.out.string(), 400));
}

Status RunTrain(const Options& options) {
  TrainOptions train = options.train;
  BANTAM_TRY(Plan plan, MakePlan(options));
  if (!options.early_exit.empty()) {
    BANTAM_TRY(plan.max_disagreement, ParseDisagreement(options.early_exit));
  }
  train.max_disagreement = plan.max_disagreement;
  BANTAM_TRY(const auto embedder, LoadEmbedder(plan.model, plan.dtype, options.train.num_threads));
  if (options.route_file.empty()) BANTAM_RETURN_IF_ERROR(options.dtype.Check(embedder->encoder(), plan.model));
  std::optional<ProgressBar> progress(std::in_place, "route train");
  const bool early_exit = train.max_disagreement > 0;
  const int num_layers = embedder->encoder().num_layers();
  const std::vector<int> layers = early_exit ? ExitLayers(num_layers) : std::vector<int>();
  BANTAM_TRY(const EmbeddedExamples embedded, EmbedExamples(*embedder, plan.examples, *progress, layers));
  train.progress = [&](std::string_view stage, double fraction) { progress->Update(stage, fraction); };
  BANTAM_TRY(const TrainedHead trained,
             TrainHead(plan.examples, embedded.vectors, IdentityOf(*embedder), train, embedded.layers, num_layers));
  BANTAM_TRY(const std::optional<DecisionPolicy> budgets, CertifyBudgets(plan, trained.head, *embedder, *progress));
  progress.reset();
  BANTAM_RETURN_IF_ERROR(trained.head.Save(plan.out));
  const std::string report = ToJson(Report(plan, trained, embedded.seconds, budgets)) + "\n";
  BANTAM_RETURN_IF_ERROR(WriteFileAtomic(ReportPath(plan.out), report));
  return Print(options.json ? report : Summary(plan, trained, embedded.seconds, early_exit, budgets));
}

}  // namespace

Run SetUpRouteTrain(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("-c,--config", options->route_file,
                 "Route file: its examples, its encoder; the head goes to its state folder")
      ->type_name("FILE");
  AddDataOptions(app, options->data, "Files of lines {\"text\": ..., \"label\": ...}; the label oos is out of scope");
  app.add_option("--model,-m", options->model, "Encoder: a model in the store or a folder (with -c: the route file's)")
      ->type_name("MODEL|DIR|FILE")
      ->capture_default_str();
  options->dtype.AddTo(app, "Weights of the encoder: int8, f32 or int4 (with -c: the route file's)");
  app.add_option("--out,-o", options->out, "Where the head goes; HEAD.report.json is written beside it")
      ->type_name("FILE");
  app.add_option("--inverse-regularization,-C", options->train.inverse_regularization, "C of the logistic regression")
      ->capture_default_str();
  app.add_option("--folds", options->train.folds, "Folds to calibrate on; 0: 5, or 10 up to 2,000 examples")
      ->capture_default_str();
  app.add_option("--oos-share", options->train.out_of_scope_share, "Out-of-scope share of the messages that will come")
      ->capture_default_str();
  app.add_option("--max-false-rejection", options->train.max_false_rejection,
                 "Of held-out in-scope examples, at the head's own threshold")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_flag("--no-name-hints", options->no_name_hints,
               "Do not learn from the names of labels, as \"card_declined\", too (--data)");
  app.add_option("--early-exit", options->early_exit,
                 "Let texts be decided before the last layer, where at most this share is decided otherwise; or off "
                 "(default: 0.2%, with -c the route file's)")
      ->type_name("N%");
  app.add_option("--threads", options->train.num_threads, "Threads; 0: all this process may use")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--json", options->json, "Print the report as JSON");
  app.footer(
      "The same examples give the same bytes, on any number of threads.\n\n"
      "Examples:\n"
      "  bantam route train -c examples/helpdesk/bantam.yaml\n"
      "  bantam route train --data train.jsonl --model all-MiniLM-L6-v2 --out head.safetensors\n"
      "  bantam route train --data clinc150_full.jsonl --splits train,oos_train --out head.safetensors --json");
  return [options] { return RunTrain(*options); };
}

}  // namespace bantam::cli
