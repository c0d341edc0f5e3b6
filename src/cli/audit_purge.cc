// bantam audit purge: texts leave the log, and the chain stays.
#include "route/state_purge.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/json.h"
#include "base/text_util.h"
#include "cli/audit_commands.h"
#include "cli/audit_source.h"
#include "cli/output.h"
#include "route/audit_format.h"
#include "route/yaml_reader.h"

namespace bantam::cli {
namespace {

struct Options {
  AuditSource source;
  std::string older_than, session, request;
  bool dry_run = false, json = false;
};

std::string Json(const Options& options, const StatePurgeReport& report) {
  const PurgeReport& log = report.log;
  return ToJson(json::object{{"records", log.records},
                             {"sequence", log.sequence == 0 ? json::value() : json::value(log.sequence)},
                             {"torn_removed", log.torn_removed},
                             {"candidates", report.learned.candidates},
                             {"examples", report.learned.examples},
                             {"queued", report.queued},
                             {"dry_run", options.dry_run}}) +
         "\n";
}

std::string Text(const Options& options, const std::string& name, const StatePurgeReport& report) {
  const PurgeReport& log = report.log;
  const std::string_view goes = options.dry_run ? "would be" : "were";
  std::string out;
  if (log.records == 0) {
    out = fmt::format("{}: no record that has texts fits\n", name);
  } else {
    out = fmt::format("{}: the texts of {} records {} taken out{}{}\n", name, log.records, goes,
                      options.dry_run ? std::string() : fmt::format(", as record {} says", log.sequence),
                      log.torn_removed ? fmt::format("; {}.torn was removed, too", name) : std::string());
  }
  const Forgotten& learned = report.learned;
  if (learned.candidates + learned.examples + report.queued > 0) {
    out += fmt::format("{} candidates, {} examples of learned heads and {} queued questions {} taken out as well\n",
                       learned.candidates, learned.examples, report.queued, goes);
  }
  return out;
}

Status Purge(const Options& options) {
  PurgeRequest request{.session_hash = options.session,
                       .request_id = std::string(RequestIdIn(options.request)),
                       .dry_run = options.dry_run};
  if (!options.older_than.empty()) {
    const auto age = ParseDuration(options.older_than);
    if (!age) {
      return Err(ErrorCode::kInvalidArgument, "--older-than is \"{}\"; write a number with its unit, such as 90d",
                 EscapeForTerminal(options.older_than, 60));
    }
    request.before_us = WallMicros() - std::chrono::microseconds(*age).count();
  }
  if (!request.before_us && request.session_hash.empty() && request.request_id.empty()) {
    return Err(ErrorCode::kInvalidArgument, "which texts? Give --older-than 90d, --session HASH or --request ID");
  }
  BANTAM_TRY(const Path file, LogFile(options.source));
  StatePurgeReport report;
  if (options.source.log.empty()) {
    BANTAM_TRY(const Path folder, FindStateFolder(options.source.assistant));
    BANTAM_TRY(const StateLock lock, StateLock::Acquire(folder));
    TextOpener opener(options.source);
    BANTAM_TRY(report,
               PurgeState(lock, folder, request, [&](AuditRecord& record) { return opener.OpenIfAny(record); }));
  } else {
    BANTAM_TRY(report.log, PurgeAuditLog(file, request));
  }
  return Print(options.json ? Json(options, report) : Text(options, EscapeForTerminal(file.string(), 400), report));
}

}  // namespace

Run SetUpAuditPurge(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.footer(
      "All that are given have to fit. The hashes of texts stay in the log, and so does everything else; 'bantam "
      "audit\n"
      "verify' goes on proving it. Messages that the assistant learns from go as well, and with --session or "
      "--request\n"
      "the conversation, questions in the queue, late answers and the whole cache. Stop the server first. By age a "
      "server\n"
      "does it by itself, at its start and while it runs, with audit: {retention: 90d} in its route file. With --log\n"
      "only that file is purged.\n\n"
      "Examples:\n"
      "  bantam audit purge -c bantam.yaml --older-than 90d\n"
      "  bantam audit purge -c bantam.yaml --session 3f1c... --dry-run");
  AddAuditSource(app, options->source);
  app.add_option("--older-than", options->older_than, "Texts of records that are older: 90d")->type_name("AGE");
  app.add_option("--session", options->session, "Texts of one conversation, by the 'session' of its records")
      ->type_name("HASH");
  app.add_option("--request", options->request, "Texts of one request, by its id")->type_name("ID");
  app.add_flag("--dry-run", options->dry_run, "Only say how many");
  app.add_flag("--json", options->json, "JSON instead of text");
  return [options] { return Purge(*options); };
}

}  // namespace bantam::cli
