// bantam audit purge: texts leave the log, and the chain stays.
#include "route/audit_purge.h"

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
  BANTAM_TRY(const PurgeReport report, PurgeAuditLog(file, request));
  if (options.json) {
    return Print(ToJson(json::object{{"records", report.records},
                                     {"sequence", report.sequence == 0 ? json::value() : json::value(report.sequence)},
                                     {"torn_removed", report.torn_removed},
                                     {"dry_run", options.dry_run}}) +
                 "\n");
  }
  const std::string name = EscapeForTerminal(file.string(), 400);
  if (report.records == 0) return Print(fmt::format("{}: no record that has texts fits; nothing was changed\n", name));
  if (options.dry_run)
    return Print(fmt::format("{}: the texts of {} records would be taken out\n", name, report.records));
  return Print(fmt::format("{}: the texts of {} records were taken out, as record {} says{}\n", name, report.records,
                           report.sequence,
                           report.torn_removed ? fmt::format("; {}.torn was removed, too", name) : std::string()));
}

}  // namespace

Run SetUpAuditPurge(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.footer(
      "All that are given have to fit. The hashes of texts stay, and so does everything else; 'bantam audit verify' "
      "goes\n"
      "on proving it. Stop the server first. A route file does it by itself with audit: {retention: 90d}.\n\n"
      "Examples:\n"
      "  bantam audit purge -c bantam.yaml --older-than 90d\n"
      "  bantam audit purge -c bantam.yaml --session 3f1c... --dry-run");
  AddLogSource(app, options->source);
  app.add_option("--older-than", options->older_than, "Texts of records that are older: 90d")->type_name("AGE");
  app.add_option("--session", options->session, "Texts of one conversation, by the 'session' of its records")
      ->type_name("HASH");
  app.add_option("--request", options->request, "Texts of one request, by its id")->type_name("ID");
  app.add_flag("--dry-run", options->dry_run, "Only say how many");
  app.add_flag("--json", options->json, "JSON instead of text");
  return [options] { return Purge(*options); };
}

}  // namespace bantam::cli
