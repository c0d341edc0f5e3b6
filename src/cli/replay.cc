// bantam replay: the messages of an audit log, decided again.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/log_replay.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "learn/early_exit.h"
#include "route/redecide.h"
#include "route/redecide_plot.h"

namespace bantam::cli {
namespace {

struct Options : LogReplayOptions {
  int shown = 20;
  bool fail_on_change = false;
  std::string generation = "logged", early_exit;
};
constexpr std::string_view kLogged = "logged", kCurrent = "current";

// Which head decides: a generation, or nothing for the one in force.
Result<std::optional<int64_t>> GenerationIn(std::string_view word) {
  if (word == kLogged || word == kCurrent) return std::optional<int64_t>();
  int64_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [last, error] = std::from_chars(word.data(), end, number);
  if (error == std::errc() && last == end && number >= 0) return std::optional(number);
  return Err(ErrorCode::kInvalidArgument,
             "--generation is \"{}\"; write logged, current, or the number of a generation as `bantam learn status` "
             "lists them",
             EscapeForTerminal(word, 40));
}

// "generation 4 (head 3fa9c1d2e0b1)"
std::string Name(const OtherHead& head) {
  const std::string_view begin = std::string_view(head.head_sha256).substr(0, 12);
  return head.generation ? fmt::format("generation {} (head {})", *head.generation, EscapeForTerminal(begin))
                         : fmt::format("the head {}", begin.empty() ? "(none)" : EscapeForTerminal(begin));
}

std::string Words(const DecidedAs& decided) {
  return fmt::format("{}{} ({:.3f} {} {})", decided.decision,
                     decided.route.empty() ? std::string() : " " + EscapeForTerminal(decided.route, 60),
                     decided.confidence, decided.confidence >= decided.threshold ? ">=" : "<",
                     std::isfinite(decided.threshold) ? fmt::format("{:.3f}", decided.threshold) : "none");
}

std::string Text(const RedecideReport& r, int shown, bool by_logged_heads) {
  const Colours colours(STDOUT_FILENO);
  std::string out = fmt::format("{} messages decided again: {} with the same bits, {} decided otherwise\n", r.messages,
                                r.same_bits, r.changes.size());
  const auto note = [&](int64_t count, std::string_view words) {
    if (count > 0) out += fmt::format("  {} {}\n", count, words);
  };
  note(r.other_route_file, "were decided by another route file");
  constexpr size_t kMostNamed = 5;
  for (const OtherHead& head : std::span(r.other_heads).first(std::min(kMostNamed, r.other_heads.size()))) {
    note(head.messages,
         fmt::format(
             "were decided by {}{}: their scores are not expected to be the same", Name(head),
             by_logged_heads
                 ? ", which is none of those kept (encoder and early exits count), and are by the head in force now"
                 : ""));
  }
  if (r.other_heads.size() > kMostNamed)
    out += fmt::format("  and by {} other heads; --json names them all\n", r.other_heads.size() - kMostNamed);
  note(r.other_isa,
       "were computed on another level of instructions, or one that was not recorded: the last bits may differ");
  out += LeftOutText(r.left_out);
  const auto line = [&](std::string_view what, const std::string& before, const std::string& after) {
    out += fmt::format("  {:34}  {:>12}  {:>12}\n", what, before, after);
  };
  out += "\n" + colours.Dim(fmt::format("  {:34}  {:>12}  {:>12}", "", "then", "now")) + "\n";
  line("went to a large model", std::to_string(r.asked_before), std::to_string(r.asked_after));
  line("at a cost of", fmt::format("{:.6f}", r.cost_before), fmt::format("{:.6f}", r.cost_after));
  line(fmt::format("wrong, of {} whose route is known", r.labelled), std::to_string(r.wrong_before),
       std::to_string(r.wrong_after));
  int left = shown;
  for (const ChangedDecision& change : r.changes) {
    if (left-- == 0) break;
    out += fmt::format(
        "\n  {}  \"{}\"\n    {}\n    {} {}{}\n", colours.Dim(EscapeForTerminal(change.request_id, 60)),
        EscapeForTerminal(change.question, 100), Words(change.before), colours.Yellow("now"), Words(change.after),
        change.right_route.empty() ? std::string()
                                   : fmt::format("; right is {}", EscapeForTerminal(change.right_route, 60)));
  }
  if (r.changes.size() > static_cast<size_t>(shown))
    out += fmt::format("\n  and {} more; --json lists all\n", r.changes.size() - static_cast<size_t>(shown));
  return out;
}

json::object Json(const DecidedAs& decided) {
  return {{"decision", decided.decision},
          {"route", decided.route},
          {"confidence", decided.confidence},
          {"threshold", std::isfinite(decided.threshold) ? json::value(decided.threshold) : json::value()}};
}

std::string Json(const RedecideReport& r) {
  json::array changes, heads;
  for (const OtherHead& head : r.other_heads) {
    heads.push_back(json::object{{"head_sha256", head.head_sha256},
                                 {"generation", head.generation ? json::value(*head.generation) : json::value()},
                                 {"messages", head.messages}});
  }
  for (const ChangedDecision& change : r.changes) {
    changes.push_back(
        json::object{{"seq", change.sequence},
                     {"request_id", change.request_id},
                     {"question", change.question},
                     {"before", Json(change.before)},
                     {"after", Json(change.after)},
                     {"right_route", change.right_route.empty() ? json::value() : json::value(change.right_route)}});
  }
  return ToJson(json::object{
             {"messages", r.messages},
             {"same_bits", r.same_bits},
             {"changed", r.changes.size()},
             {"other_route_file", r.other_route_file},
             {"other_head", r.other_head},
             {"other_heads", std::move(heads)},
             {"other_isa", r.other_isa},
             {"skipped", LeftOutJson(r.left_out)},
             {"large_model", json::object{{"before", r.asked_before}, {"after", r.asked_after}}},
             {"cost", json::object{{"before", r.cost_before}, {"after", r.cost_after}}},
             {"wrong", json::object{{"labelled", r.labelled}, {"before", r.wrong_before}, {"after", r.wrong_after}}},
             {"changes", std::move(changes)}}) +
         "\n";
}

Status Replay(const Options& options) {
  BANTAM_TRY(const Path log, LogFile(options.source));
  LogReplayOptions wanted = options;
  BANTAM_TRY(wanted.generation, GenerationIn(options.generation));
  if (!options.early_exit.empty()) {
    BANTAM_TRY(wanted.max_disagreement, ParseDisagreement(options.early_exit));
  }
  const bool by_logged_heads = options.generation == kLogged;
  TextOpener opener(options.source);
  RedecideReport report;
  {
    ProgressBar bar("replay");
    BANTAM_TRY(const LogRouter made, RouterForLog(wanted, bar));
    LoggedHeads heads(*made.router, made.state_folder, made.options);
    BANTAM_TRY(report, Redecide(*made.router, log,
                                {.limit = options.limit,
                                 .open = [&](AuditRecord& record) { return opener.Open(record); },
                                 .progress = [&](double done) { bar.Update("deciding again", done); },
                                 .heads = by_logged_heads ? &heads : nullptr}));
  }
  if (!options.svg.empty()) {
    const std::string title = fmt::format("{} decided again", log.filename().string());
    BANTAM_RETURN_IF_ERROR(WriteFileAtomic(options.svg, RedecidePlot(report, title)));
  }
  BANTAM_RETURN_IF_ERROR(Print(options.json ? Json(report) : Text(report, options.shown, by_logged_heads)));
  if (!options.fail_on_change || report.changes.empty()) return Ok();
  return Err(ErrorCode::kCorrupt, "{} of {} messages are decided otherwise", report.changes.size(), report.messages);
}

}  // namespace

Run SetUpReplay(CLI::App& app) {
  auto options = std::make_shared<Options>();
  AddLogReplayOptions(app, *options);
  app.add_option("--show", options->shown, "How many changes are listed")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--generation", options->generation,
                 "Which head decides: logged (for each message the one that did), current (the one in force), or the "
                 "number of a generation")
      ->type_name("WHICH")
      ->capture_default_str();
  app.add_option("--early-exit", options->early_exit, "As the server was started with; default: the route file's")
      ->type_name("N%|off");
  app.add_flag("--fail-on-change", options->fail_on_change, "Exit status 65 if any decision changes");
  app.footer(
      "Nothing is answered, called or stored. The log has to hold texts (audit: {content: text}).\n\n"
      "Examples:\n"
      "  bantam replay -c bantam.yaml                        the assistant's own log: the same bits?\n"
      "  bantam replay audit.jsonl -c new.yaml               what would another route file change?\n"
      "  bantam replay -c bantam.yaml --generation current   what does the head in force change?\n"
      "  bantam replay -c new.yaml --svg change.svg          drawn, over the scale of confidence\n"
      "  bantam replay -c new.yaml --fail-on-change --json   in CI");
  return [options] { return Replay(*options); };
}

}  // namespace bantam::cli
