// bantam queue list|stats|send|drop: questions that wait for a large model (offline: queue).
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <span>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/assistant_option.h"
#include "cli/commands.h"
#include "cli/number_range.h"
#include "cli/output.h"
#include "cli/signal_stop.h"
#include "route/audit_format.h"
#include "route/escalation_queue.h"
#include "route/queue_admin.h"
#include "route/router.h"
#include "route/state_folder.h"

namespace bantam::cli {
namespace {

struct Options {
  AssistantOption assistant;
  std::string config;              // send
  std::vector<std::string> words;  // drop
  int64_t limit = 50;              // list
  bool json = false;
};

json::value TimeJson(int64_t time_us) { return time_us == 0 ? json::value() : json::value(FormatTime(time_us)); }

std::string TimeText(int64_t time_us) { return time_us == 0 ? "-" : FormatTime(time_us).substr(0, 19); }

// ---- list ----

std::string ListText(std::span<const QueuedQuestion> all, size_t shown) {
  if (all.empty()) return "no question waits\n";
  std::vector<std::vector<std::string>> rows = {{"number", "asked (UTC)", "model", "route", "request", "question"}};
  for (const QueuedQuestion& question : all.first(shown)) {
    rows.push_back({fmt::format("{}", question.number), TimeText(question.asked_us),
                    EscapeForTerminal(question.model, 30),
                    question.route.empty() ? "-" : EscapeForTerminal(question.route, 30),
                    EscapeForTerminal(question.request.request_id, 40), EscapeForTerminal(question.text(), 90)});
  }
  std::string out = AlignColumns(rows, {0});
  if (shown < all.size()) out += fmt::format("{} more; -n shows more of them\n", all.size() - shown);
  return out;
}

Status List(const Options& options) {
  BANTAM_TRY(const Path folder, FindStateFolder(options.assistant));
  BANTAM_TRY(const std::vector<QueuedQuestion> all, EscalationQueue::ReadAll(StateFiles(folder).queue));
  const size_t shown = std::min(all.size(), static_cast<size_t>(options.limit));
  if (!options.json) return Print(ListText(all, shown));
  std::string lines;
  for (const QueuedQuestion& question : std::span(all).first(shown)) {
    lines += ToJson(json::object{{"number", question.number},
                                 {"asked", TimeJson(question.asked_us)},
                                 {"model", question.model},
                                 {"route", question.route.empty() ? json::value() : json::value(question.route)},
                                 {"request_id", question.request.request_id},
                                 {"messages", question.request.messages.size()},
                                 {"question", question.text()}}) +
             "\n";
  }
  return Print(lines);
}

// ---- stats ----

struct OfModel {
  int64_t waiting = 0, oldest_us = 0;
};

Status Stats(const Options& options) {
  BANTAM_TRY(const Path folder, FindStateFolder(options.assistant));
  const StateFiles files(folder);
  BANTAM_TRY(const std::vector<QueuedQuestion> all, EscalationQueue::ReadAll(files.queue));
  const int process = FileLock::Holder(files.lock);
  std::map<std::string, OfModel> models;
  for (const QueuedQuestion& question : all) {
    OfModel& model = models[question.model];
    if (model.waiting++ == 0) model.oldest_us = question.asked_us;
  }
  if (options.json) {
    json::object of_models;
    for (const auto& [name, model] : models)
      of_models[name] = json::object{{"waiting", model.waiting}, {"oldest", TimeJson(model.oldest_us)}};
    return Print(ToJson(json::object{{"waiting", all.size()},
                                     {"most", EscalationQueue::kMostQuestions},
                                     {"models", std::move(of_models)},
                                     {"process", process == 0 ? json::value() : json::value(process)}}) +
                 "\n");
  }
  std::string out = fmt::format("{}\n  {} of at most {} questions wait\n", EscapeForTerminal(files.queue.string(), 400),
                                all.size(), EscalationQueue::kMostQuestions);
  for (const auto& [name, model] : models) {
    out += fmt::format("  {} for \"{}\", the oldest since {}\n", model.waiting, EscapeForTerminal(name, 60),
                       TimeText(model.oldest_us));
  }
  if (process != 0) out += fmt::format("  process {} has the assistant open\n", process);
  return Print(out);
}

// ---- send ----

std::string SentText(const SentQuestion& sent) {
  return fmt::format("{}  \"{}\"\n  {}\n", EscapeForTerminal(sent.question.request.request_id, 60),
                     EscapeForTerminal(sent.question.text(), 90),
                     sent.problem.empty() ? fmt::format("{}: {}", EscapeForTerminal(sent.question.model, 60),
                                                        EscapeForTerminal(sent.reply.text, 200))
                                          : fmt::format("given up: {}", EscapeForTerminal(sent.problem, 400)));
}

Status Send(const Options& options) {
  BANTAM_TRY(RouteFile file, LoadRouteFile(options.config));
  BANTAM_TRY(const Path folder, FindStateFolder({.config = options.config, .assistant = {}}));
  const StateFiles files(folder);
  if (const int process = FileLock::Holder(files.lock); process != 0) {
    return Err(ErrorCode::kConflict,
               "process {} has the assistant open; a server asks the large models itself, as soon as they can be "
               "reached, where the route file says offline: queue. To send from here, stop it first",
               process);
  }
  BANTAM_TRY(const std::vector<QueuedQuestion> waiting, EscalationQueue::ReadAll(files.queue));
  int64_t answered = 0, given_up = 0, left = 0;
  Status status = Ok();
  if (!waiting.empty()) {
    const SignalStop stop;
    BANTAM_TRY(const auto router, Router::Create(std::move(file), {.queue = true, .own_threads = false}));
    const auto take = [&](const SentQuestion& sent) {
      ++(sent.problem.empty() ? answered : given_up);
      if (!options.json) static_cast<void>(Print(SentText(sent)));  // a closed pipe is no reason not to send the rest
    };
    status = router->SendQueued(take, MonotonicTime::max(), stop.token());
    BANTAM_TRY(left, router->CountQueued());
  }
  BANTAM_RETURN_IF_ERROR(Print(
      options.json      ? ToJson(json::object{{"answered", answered}, {"given_up", given_up}, {"waiting", left}}) + "\n"
      : waiting.empty() ? std::string("no question waits\n")
                        : fmt::format("{} answered, {} given up, {} still wait\n", answered, given_up, left)));
  return status;
}

// ---- drop ----

Status Drop(const Options& options) {
  BANTAM_TRY(const Path folder, FindStateFolder(options.assistant));
  std::vector<int64_t> numbers;
  const bool all = options.words == std::vector<std::string>{"all"};
  for (const std::string& word : options.words) {
    if (all) break;
    const auto range = ParseNumberRange(word, EscalationQueue::kMostQuestions);
    if (!range) {
      return Err(ErrorCode::kInvalidArgument,
                 "\"{}\" is no question; give numbers as `bantam queue list` shows them: 7 or 7-12; or all by itself",
                 EscapeForTerminal(word, 40));
    }
    for (int64_t number = range->first; number <= range->last; ++number) numbers.push_back(number);
  }
  BANTAM_TRY(const int64_t dropped, DropQueued(folder, numbers));
  if (options.json) return Print(ToJson(json::object{{"dropped", dropped}}) + "\n");
  return Print(fmt::format("{} dropped\n", dropped));
}

}  // namespace

Run SetUpQueue(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto chosen = std::make_shared<Run>();
  // First, because subcommands take over what stands here when they are added.
  app.footer(
      "A server whose route file says offline: queue sends what waits by itself, as soon as the large model can be\n"
      "reached; list and stats work beside it, send and drop only without it.\n\n"
      "Examples:\n"
      "  bantam queue list -c bantam.yaml\n"
      "  bantam queue stats --assistant helpdesk --json\n"
      "  bantam queue send -c bantam.yaml                # exit status 69: some still wait\n"
      "  bantam queue drop 3 7-12 -c bantam.yaml");
  const auto add = [&](const char* name, const char* summary, Status (*run)(const Options&)) {
    CLI::App* sub = app.add_subcommand(name, summary);
    if (run == Send) {
      sub->add_option("-c,--config", options->config, "Route file of the assistant, which says how models are reached")
          ->required()
          ->type_name("FILE");
    } else {
      AddAssistantOption(*sub, options->assistant);
    }
    sub->add_flag("--json", options->json, run == List ? "JSON Lines, one question each" : "One JSON object");
    sub->callback([options, chosen, run] { *chosen = [options, run] { return run(*options); }; });
    return sub;
  };
  add("list", "The questions that wait, oldest first", List)
      ->add_option("-n,--limit", options->limit, "How many are listed")
      ->check(CLI::Range(int64_t{1}, EscalationQueue::kMostQuestions))
      ->capture_default_str();
  add("stats", "How many wait, for which model, and since when", Stats);
  add("send", "Ask the large models now; what cannot be asked stays", Send);
  add("drop", "Take questions out unasked; whoever waits for one is told", Drop)
      ->add_option("NUMBER", options->words, "7, 7-12, or all")
      ->required();
  app.require_subcommand(1);
  return [chosen] { return (*chosen)(); };
}

}  // namespace bantam::cli
