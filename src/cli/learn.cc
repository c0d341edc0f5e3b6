// bantam learn status|review|propose|promote|rollback: what an assistant learns from its traffic.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>

#include "base/paths.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/learn_commands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "route/forms/entity_finder.h"
#include "route/learning/learning_admin.h"
#include "route/router.h"
#include "route/state_folder.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string config;
  bool json = false;
  int num_threads = 0;
  int64_t to = -1;  // rollback; -1: the one before
};

// ---- the server that runs, if one does ----

// A program that embeds the library may hold the state folder, too, and die of a signal that it does not expect.
bool TakesHangup(int pid) {
  std::error_code failed;
  const Path theirs = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), failed);
  const Path ours = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed || theirs.filename() != ours.filename()) return false;
  std::ifstream status(fmt::format("/proc/{}/status", pid));  // of no size, so not for ReadFile
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("SigBlk:\t") && !line.starts_with("SigCgt:\t")) continue;
    uint64_t bits = 0;
    std::from_chars(line.data() + line.find('\t') + 1, line.data() + line.size(), bits, 16);
    if ((bits & (uint64_t{1} << (SIGHUP - 1))) != 0) return true;
  }
  return false;
}

// What a running server was told, as the end of a sentence.
std::string TellServer(const Path& state_folder) {
  const int pid = FileLock::Holder(StateFiles(state_folder).lock);
  if (pid == 0) return "from the next start on";
  if (TakesHangup(pid) && ::kill(pid, SIGHUP) == 0)
    return fmt::format("and the running server (process {}) was told to take it", pid);
  return fmt::format("once process {}, which has the assistant open, loads it again", pid);
}

// ---- status ----

std::string Percent(int64_t part, int64_t whole) {
  return whole == 0 ? "-" : fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string StatusText(const LearningStatus& status, const RouteFile& file) {
  const CandidateCounts& c = status.counts;
  const Generations& g = status.generations;
  std::string out = fmt::format("{}: {}\n\n", EscapeForTerminal(file.name),
                                g.current == 0 ? std::string("the route file's own head is in force")
                                               : fmt::format("generation {} is in force", g.current));
  std::vector<std::vector<std::string>> rows = {{"generation", "messages", "unsure", "rate", "asked back", "audited"}};
  for (const auto& [number, traffic] : status.traffic) {
    rows.push_back({fmt::format("{}", number), fmt::format("{}", traffic.messages),
                    fmt::format("{}", traffic.escalated), Percent(traffic.escalated, traffic.messages),
                    fmt::format("{}", traffic.asked_back), fmt::format("{}", traffic.audited)});
  }
  if (rows.size() > 1) out += AlignColumns(rows, {0, 1, 2, 3, 4, 5}) + "\n";
  out += fmt::format("candidates: {} {}, {} accepted, {} relabelled, {} rejected; {} wait for the teacher\n", c.pending,
                     file.learning->review ? "to review" : "learned from without a review", c.accepted, c.relabelled,
                     c.rejected, c.unlabelled);
  out += fmt::format("audited messages: {}, {} of them labelled\n", c.audited, c.audited_labelled);
  if (status.answered > 0) {
    out += fmt::format("of {} that the head in force had answered itself, {} wrongly: at most {:.2f} %, 95 % certain\n",
                       status.answered, status.wrong, 100 * status.upper_bound);
  }
  if (status.challenger) {
    out += fmt::format("\nchallenger: generation {}, {}", g.challenger, DescribeProposal(*status.challenger, file));
    const ShadowCounts& s = status.shadow;
    if (s.messages > 0) {
      out += fmt::format(
          "beside the head in force it has decided on {} messages: {} alike, {} that it alone would have "
          "answered, {} that it would not, {} otherwise\n",
          s.messages, Percent(s.agreed, s.messages), s.more, s.fewer, s.messages - s.agreed - s.more - s.fewer);
    }
  } else {
    out += "\nno challenger; `bantam learn propose` trains one\n";
  }
  return out;
}

Status ShowStatus(const Options& options) {
  BANTAM_TRY(const LearnTarget target, OpenLearnTarget(options.config));
  BANTAM_TRY(const LearningStatus status, ReadLearningStatus(target.file, target.folder));
  return Print(options.json ? ToJson(StatusJson(status)) + "\n" : StatusText(status, target.file));
}

// ---- propose ----

Status RunPropose(const Options& options) {
  BANTAM_TRY(LearnTarget target, OpenLearnTarget(options.config));
  const RouterOptions router{.num_threads = options.num_threads};
  std::optional<ProgressBar> bar(std::in_place, "learn propose");
  BANTAM_TRY(ModelFolder opened, OpenEncoder(target.file, router));
  BANTAM_TRY(std::shared_ptr<Embedder> embedder, LoadEncoder(target.file, std::move(opened), router));
  BANTAM_RETURN_IF_ERROR(LoadEntityModels(target.file, {.num_threads = options.num_threads}));
  BANTAM_TRY(const Proposal proposal,
             Propose(target.file, target.folder, std::move(embedder),
                     {.num_threads = options.num_threads,
                      .progress = [&](std::string_view stage, double fraction) { bar->Update(stage, fraction); }}));
  bar.reset();
  BANTAM_RETURN_IF_ERROR(RecordLearning(target.file, target.folder));
  const std::string told = TellServer(target.folder);
  const int64_t number = proposal.challenger.generation;
  if (options.json) {
    BANTAM_RETURN_IF_ERROR(Print(ToJson(ProposalJson(proposal)) + "\n"));
  } else {
    BANTAM_RETURN_IF_ERROR(Print(fmt::format("generation {}, {}", number, DescribeProposal(proposal, target.file))));
  }
  if (!proposal.proven)
    return Err(ErrorCode::kConflict, "generation {} cannot be promoted: {}", number, proposal.why_not);
  if (options.json) return Ok();
  return Print(
      fmt::format("\nit decides beside the head in force, without effect, {}; `bantam learn promote` takes it "
                  "into force\n",
                  told));
}

// ---- promote, rollback ----

Status Report(const Options& options, const LearnTarget& target, std::string_view verb, int64_t generation) {
  BANTAM_RETURN_IF_ERROR(RecordLearning(target.file, target.folder));
  const std::string told = TellServer(target.folder);
  if (options.json) return Print(ToJson(json::object{{verb, true}, {"generation", generation}}) + "\n");
  return Print(fmt::format(
      "{} is in force {}\n",
      generation == 0 ? std::string("the route file's own head") : fmt::format("generation {}", generation), told));
}

Status RunPromote(const Options& options) {
  BANTAM_TRY(const LearnTarget target, OpenLearnTarget(options.config));
  BANTAM_TRY(const int64_t generation, PromoteChallenger(target.file, target.folder));
  return Report(options, target, "promoted", generation);
}

Status RunRollback(const Options& options) {
  BANTAM_TRY(const LearnTarget target, OpenLearnTarget(options.config));
  BANTAM_TRY(const int64_t generation,
             RollBack(target.folder, options.to < 0 ? std::nullopt : std::optional(options.to)));
  return Report(options, target, "rolled_back", generation);
}

}  // namespace

Result<LearnTarget> OpenLearnTarget(const std::string& config) {
  BANTAM_TRY(RouteFile file, LoadRouteFile(config));
  if (!file.learning) {
    return Err(ErrorCode::kBadConfig,
               "{} has no \"learning\": nothing is learned from its traffic; docs/howto/learn.md "
               "says how to begin",
               EscapeForTerminal(config, 400));
  }
  BANTAM_TRY(Path folder, StateFolder(file.name));
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    return Err(ErrorCode::kNotFound,
               "the assistant \"{}\" has no state in {}: it has not been served yet, or BANTAM_HOME is another",
               EscapeForTerminal(file.name), EscapeForTerminal(folder.parent_path().string(), 400));
  }
  return LearnTarget{std::move(file), std::move(folder)};
}

void AddLearnOptions(CLI::App& app, std::string& config, bool& json) {
  app.add_option("-c,--config", config, "Route file of the assistant")->required()->type_name("FILE");
  app.add_flag("--json", json, "JSON instead of text");
}

Run SetUpLearn(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto chosen = std::make_shared<Run>();
  // First, because subcommands take over what stands here when they are added.
  app.footer(
      "A head that is promoted is shown to agree with the teacher, or with the person who corrected it, within the\n"
      "error budget. A running server goes on meanwhile, and takes what was decided at once.\n\n"
      "Examples:\n"
      "  bantam learn status -c bantam.yaml\n"
      "  bantam learn review -c bantam.yaml                      # what waits for a person\n"
      "  bantam learn review accept all -c bantam.yaml\n"
      "  bantam learn propose -c bantam.yaml && bantam learn promote -c bantam.yaml");
  const auto add = [&](const char* name, const char* summary, Status (*run)(const Options&)) {
    CLI::App* sub = app.add_subcommand(name, summary);
    AddLearnOptions(*sub, options->config, options->json);
    sub->callback([options, chosen, run] { *chosen = [options, run] { return run(*options); }; });
    return sub;
  };
  add("status", "Candidates, audited messages, how often the head is unsure, the challenger", ShowStatus);
  AddLearnReview(app, chosen);
  CLI::App* propose = add("propose", "Train a challenger and judge it on audited messages", RunPropose);
  propose->add_option("--threads", options->num_threads, "Threads; 0: all this process may use")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  propose->footer("Exit status: 0 proven, 69 not proven, or nothing to learn from.");
  add("promote", "Take the challenger into force, if it is proven", RunPromote);
  CLI::App* rollback = add("rollback", "Return to the head that was in force before", RunRollback);
  rollback->add_option("--to", options->to, "This earlier generation; 0: the route file's own head")
      ->check(CLI::NonNegativeNumber)
      ->type_name("GENERATION");
  app.require_subcommand(1);
  return [chosen] { return (*chosen)(); };
}

}  // namespace bantam::cli
