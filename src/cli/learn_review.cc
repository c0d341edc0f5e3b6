// bantam learn review: candidates, listed or judged.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/text_util.h"
#include "cli/learn_commands.h"
#include "cli/number_range.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "route/learning/learning_admin.h"

namespace bantam::cli {
namespace {

struct Options {
  std::string config;
  bool json = false;
  std::vector<std::string> words;  // accept ID..., reject ID..., label ROUTE ID...
  std::string verdict = "pending", route;
  bool audited = false, interactive = false;
  int64_t limit = 50;
};

// The candidates that the options speak of; those that are only judged on when asked for.
Result<std::vector<Candidate>> Chosen(const Options& options, const LearnTarget& target) {
  CandidateFilter filter{.audited = options.audited, .labelled = true};
  if (options.verdict != "all") filter.verdict = ParseVerdict(options.verdict);
  BANTAM_TRY(CandidateStore store, CandidateStore::Open(target.folder));
  BANTAM_TRY(std::vector<Candidate> list, store.List(filter));
  if (!options.route.empty())
    std::erase_if(list, [&](const Candidate& candidate) { return candidate.label != options.route; });
  return list;
}

// "7", "7-12", "all"
Result<std::vector<int64_t>> ReadIds(std::span<const std::string> words, const Options& options,
                                     const LearnTarget& target) {
  constexpr int64_t kMostAtOnce = CandidateStore::kMostCandidates;
  std::vector<int64_t> ids;
  for (const std::string& word : words) {
    if (word == "all") {
      BANTAM_TRY(const std::vector<Candidate> chosen, Chosen(options, target));
      for (const Candidate& candidate : chosen) ids.push_back(candidate.id);
      continue;
    }
    const auto range = ParseNumberRange(word, kMostAtOnce);
    if (!range) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"{}\" is no candidate; give ids as `bantam learn review` lists them: 7, "
                 "7-12, or all",
                 EscapeForTerminal(word, 40));
    }
    for (int64_t id = range->first; id <= range->last; ++id) ids.push_back(id);
  }
  return ids;
}

Status JudgeWords(const Options& options, const LearnTarget& target) {
  const std::string& verb = options.words[0];
  const size_t before_ids = verb == "label" ? 2 : 1;
  if ((verb != "accept" && verb != "reject" && verb != "label") || options.words.size() <= before_ids) {
    return Err(ErrorCode::kInvalidArgument,
               "write accept ID..., reject ID... or label ROUTE ID..., or nothing to list "
               "the candidates");
  }
  BANTAM_TRY(const std::vector<int64_t> ids, ReadIds(std::span(options.words).subspan(before_ids), options, target));
  const Verdict verdict = verb == "accept"   ? Verdict::kAccepted
                          : verb == "reject" ? Verdict::kRejected
                                             : Verdict::kRelabelled;
  if (!ids.empty()) {
    BANTAM_RETURN_IF_ERROR(ReviewCandidates(target.file, target.folder, ids, verdict,
                                            verb == "label" ? std::string_view(options.words[1]) : ""));
    BANTAM_RETURN_IF_ERROR(RecordLearning(target.file, target.folder));
  }
  if (options.json)
    return Print(ToJson(json::object{{"verdict", VerdictName(verdict)}, {"candidates", ids.size()}}) + "\n");
  return Print(fmt::format("{} {}\n", VerdictName(verdict), ids.size()));
}

std::string Said(const Candidate& candidate) {
  return fmt::format("{} says: {}", candidate.labelled_by == LabelledBy::kPerson ? "a person" : "the teacher",
                     candidate.label == kOutOfScopeLabel ? "none of the routes" : EscapeForTerminal(candidate.label));
}

Status List(const Options& options, const LearnTarget& target) {
  BANTAM_TRY(const std::vector<Candidate> chosen, Chosen(options, target));
  const size_t shown = std::min(chosen.size(), static_cast<size_t>(options.limit));
  if (options.json) {
    std::string lines;
    for (const Candidate& candidate : std::span(chosen).first(shown)) lines += ToJson(CandidateJson(candidate)) + "\n";
    return Print(lines);
  }
  if (chosen.empty()) return Print("no candidates of that kind\n");
  std::vector<std::vector<std::string>> rows = {{"id", "label", "by", "guess", "sure", "heard", "message"}};
  for (const Candidate& candidate : std::span(chosen).first(shown)) {
    rows.push_back({fmt::format("{}", candidate.id), EscapeForTerminal(candidate.label, 30),
                    std::string(LabelledByName(candidate.labelled_by)), EscapeForTerminal(candidate.guess, 30),
                    fmt::format("{:.2f}", candidate.confidence), fmt::format("{}", candidate.heard),
                    EscapeForTerminal(candidate.text, 90)});
  }
  std::string out = AlignColumns(rows, {0, 4, 5});
  if (shown < chosen.size()) out += fmt::format("{} more; -n shows more of them\n", chosen.size() - shown);
  return Print(out);
}

// One after the other, one key each.
Status Ask(const Options& options, const LearnTarget& target) {
  BANTAM_TRY(const std::vector<Candidate> chosen, Chosen(options, target));
  const Colours colours(STDOUT_FILENO);
  size_t number = 0;
  for (const Candidate& candidate : chosen) {
    BANTAM_RETURN_IF_ERROR(Print(fmt::format("\n{}  {}\n  {}; the head's guess was {} ({:.2f})\n",
                                             colours.Dim(fmt::format("{}/{}", ++number, chosen.size())),
                                             colours.Bold(EscapeForTerminal(candidate.text, 2'000)), Said(candidate),
                                             EscapeForTerminal(candidate.guess), candidate.confidence)));
    for (bool answered = false; !answered;) {
      BANTAM_RETURN_IF_ERROR(Print("  a accept, r reject, ROUTE or oos relabel, s skip, q quit: "));
      std::string answer;
      if (!std::getline(std::cin, answer) || answer == "q") return RecordLearning(target.file, target.folder);
      if (answer == "s") break;
      const Verdict verdict = answer == "a"   ? Verdict::kAccepted
                              : answer == "r" ? Verdict::kRejected
                                              : Verdict::kRelabelled;
      const Status done = ReviewCandidates(target.file, target.folder, std::span(&candidate.id, 1), verdict,
                                           verdict == Verdict::kRelabelled ? std::string_view(answer) : "");
      answered = done.has_value();
      if (!done && done.error().code != ErrorCode::kInvalidArgument) return done;
      if (!done) BANTAM_RETURN_IF_ERROR(Print(fmt::format("  {}\n", done.error().message)));
    }
  }
  BANTAM_RETURN_IF_ERROR(RecordLearning(target.file, target.folder));
  return Print(chosen.empty() ? "no candidates of that kind\n" : "that was the last one\n");
}

Status RunReview(const Options& options) {
  BANTAM_TRY(const LearnTarget target, OpenLearnTarget(options.config));
  if (!options.words.empty()) return JudgeWords(options, target);
  return options.interactive ? Ask(options, target) : List(options, target);
}

}  // namespace

void AddLearnReview(CLI::App& app, const std::shared_ptr<Run>& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("review", "List candidates; accept, reject or relabel them");
  AddLearnOptions(*sub, options->config, options->json);
  sub->add_option("VERDICT", options->words,
                  "accept ID..., reject ID... or label ROUTE ID...; an ID is 7, 7-12 or all. Nothing: list them");
  sub->add_option("--verdict", options->verdict, "Those that are pending, accepted, rejected, relabelled, or all")
      ->check(CLI::IsMember({"pending", "accepted", "rejected", "relabelled", "all"}))
      ->capture_default_str();
  sub->add_option("--route", options->route, "Those with this label alone");
  sub->add_flag("--audited", options->audited, "Those that heads are judged on, in place of those that may be learned");
  sub->add_option("-n,--limit", options->limit, "How many are listed")
      ->check(CLI::Range(int64_t{1}, CandidateStore::kMostCandidates))
      ->capture_default_str();
  sub->add_flag("-i,--interactive", options->interactive, "One after the other, with a key for each verdict");
  sub->footer(
      "Examples:\n"
      "  bantam learn review -c bantam.yaml -i\n"
      "  bantam learn review accept 3-9 12 -c bantam.yaml\n"
      "  bantam learn review label refund_status 14 -c bantam.yaml\n"
      "  bantam learn review accept all --route opening_hours -c bantam.yaml");
  sub->callback([options, chosen] { *chosen = [options] { return RunReview(*options); }; });
}

}  // namespace bantam::cli
