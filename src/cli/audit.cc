// bantam audit: the log of an assistant's decisions. verify, why and tail are here.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <thread>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/audit_commands.h"
#include "cli/audit_source.h"
#include "cli/commands.h"
#include "route/audit_explain.h"
#include "route/audit_format.h"
#include "route/audit_reader.h"

namespace bantam::cli {
namespace {

struct Options {
  AuditSource source;
  bool json = false;
  std::string contains;  // verify
  std::string id;        // why
  int64_t lines = 10;    // tail
  bool follow = false;
};

// With the texts as they are read; a line whose texts are encrypted verifies no longer then.
std::string OpenedLine(std::string_view line, const AuditRecord& record) {
  const auto parts = SplitAuditLine(line);
  if (!parts || !parts->texts.starts_with('"') || !record.sealed.empty()) return std::string(line);
  return fmt::format("{},\"hash\":\"{}\",\"texts\":{}}}", parts->body, parts->hash, FormatAuditTexts(record));
}

// A reader that went away is noticed by the flush at the end, not by an exception (as fmt::print would).
void Print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// ---- verify ----

Status Verify(const Options& options) {
  BANTAM_TRY(const Path file, LogFile(options.source));
  BANTAM_TRY(const AuditCheck check, VerifyAuditLog(file));
  std::string wanted = options.contains;
  bool found = wanted.empty();
  if (!found && !check.first_bad_line) {
    std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                   [](char c) { return c >= 'A' && c <= 'F' ? c + 32 : c; });
    BANTAM_RETURN_IF_ERROR(ReadAuditLog(file, [&](const AuditRecord& record, std::string_view) {
      found = record.hash == wanted;
      return !found;
    }));
  }
  const std::string name = EscapeForTerminal(file.string(), 400);
  if (options.json) {
    json::object result{{"ok", !check.first_bad_line && found},
                        {"records", check.records},
                        {"last_hash", check.last_hash},
                        {"purged", check.purged},
                        {"unfinished_bytes", check.unfinished_bytes}};
    result["first_bad_line"] = check.first_bad_line ? json::value(*check.first_bad_line) : json::value();
    result["problem"] = check.first_bad_line ? json::value(check.problem) : json::value();
    if (!wanted.empty()) result["contains"] = found;
    std::printf("%s\n", ToJson(result).c_str());
  }
  if (check.first_bad_line) {
    return Err(ErrorCode::kCorrupt, "{}:{}: {}; the {} records before it are intact", name, *check.first_bad_line,
               check.problem, check.records);
  }
  if (!found) {
    return Err(ErrorCode::kCorrupt, "{}: no record with the hash {}: the log was cut or rewritten since that was noted",
               name, EscapeForTerminal(wanted));
  }
  if (options.json) return Ok();
  std::printf("%s: %lld records, the chain is intact\nlast hash %s\n", name.c_str(),
              static_cast<long long>(check.records), check.last_hash.c_str());
  if (check.purged > 0) {
    std::printf("the texts of %lld records were taken out, each by a record that says so\n",
                static_cast<long long>(check.purged));
  }
  if (check.unfinished_bytes > 0) {
    std::printf(
        "the last %lld bytes are an unfinished record: being written right now, or torn by a crash (the next start "
        "moves them to %s.torn)\n",
        static_cast<long long>(check.unfinished_bytes), name.c_str());
  }
  return Ok();
}

// ---- why ----

struct FoundRecord {
  AuditRecord record;
  std::string line;
  int64_t line_number = 0;  // from 1
};

Status Why(const Options& options) {
  BANTAM_TRY(const Path file, LogFile(options.source));
  int64_t number = 0;
  const char* end = options.id.data() + options.id.size();
  const bool is_number = std::from_chars(options.id.data(), end, number).ptr == end && !options.id.empty();
  const std::string_view request_id = RequestIdIn(options.id);
  // The id as it is, or a record's number, or the beginning of exactly one id.
  std::vector<FoundRecord> exact, beginning;
  int64_t line_number = 0;
  const Status read = ReadAuditLog(file, [&](const AuditRecord& record, std::string_view line) {
    ++line_number;
    if (record.request_id == request_id || (is_number && record.sequence == number))
      exact.push_back({record, std::string(line), line_number});
    if (!request_id.empty() && record.request_id.starts_with(request_id) && beginning.size() < 2)
      beginning.push_back({record, std::string(line), line_number});
    return true;
  });
  // A line that is no record hides what comes after it, not what came before.
  if (!read && (read.error().code != ErrorCode::kCorrupt || (exact.empty() && beginning.empty()))) return read;
  if (exact.empty() && beginning.size() > 1) {
    return Err(ErrorCode::kInvalidArgument, "several request ids begin with \"{}\": give the whole id",
               EscapeForTerminal(options.id));
  }
  auto& found = exact.empty() ? beginning : exact;
  if (found.empty()) {
    return Err(ErrorCode::kNotFound,
               "no decision \"{}\" in {}: an answer's id is in its field `id` and in `bantam audit tail`",
               EscapeForTerminal(options.id), EscapeForTerminal(file.string(), 400));
  }
  TextOpener opener(options.source);
  for (FoundRecord& one : found) {
    const Status opened = opener.OpenIfAny(one.record);
    std::printf("%s%s", options.json ? OpenedLine(one.line, one.record).c_str() : ExplainDecision(one.record).c_str(),
                options.json || found.size() > 1 ? "\n" : "");
    BANTAM_RETURN_IF_ERROR(opened);
  }
  // Of the chain only what leads to the last of them matters: what was spoilt later does not touch it.
  BANTAM_TRY(const AuditCheck check, VerifyAuditLog(file));
  if (!check.first_bad_line || *check.first_bad_line > found.back().line_number) return Ok();
  return Err(ErrorCode::kCorrupt,
             "do not trust what is said of this decision: the log was changed at or before it; {}:{}: {} (see `bantam "
             "audit verify`)",
             EscapeForTerminal(file.string(), 400), *check.first_bad_line, check.problem);
}

// ---- tail ----

std::string LocalTime(int64_t time_us) {
  const std::time_t seconds = time_us / 1'000'000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char text[32];
  std::strftime(text, sizeof text, "%m-%d %H:%M:%S", &local);
  return text;
}

// Cut to a column's width, counted in bytes: route names are ASCII.
std::string Column(std::string_view text, size_t width) {
  std::string safe = EscapeForTerminal(text, 200);
  if (safe.size() > width) safe = safe.substr(0, width - 1) + "~";
  return safe;
}

void PrintRow(const AuditRecord& r) {
  // A rule's turn and what a person or a teacher said have nothing that was estimated.
  const std::string confidence =
      r.source == "rule" || !IsAnswer(r)
          ? "-"
          : fmt::format("{:5.3f} {} {:5.3f}", r.confidence, r.confidence >= r.threshold ? ">=" : "< ", r.threshold);
  Print(fmt::format("{:14}  {:22}  {:8}  {:11}  {:14}  {:>8.1f}  {:>9}  {:20}  {}\n", LocalTime(r.time_us),
                    r.route.empty() ? "-" : Column(r.route, 22), Column(r.decision, 8), Column(r.source, 11),
                    confidence, r.latency_ms, r.cost == 0 ? std::string("-") : fmt::format("{:.6f}", r.cost),
                    Column(r.outcome, 20), EscapeForTerminal(r.request_id)));
}

Status Tail(const Options& options) {
  BANTAM_TRY(const Path file, LogFile(options.source));
  int64_t last = 0;  // record that was read; 0: none was
  BANTAM_TRY(AuditReader reader, AuditReader::OpenAtLast(file, options.lines));
  if (!options.json) {
    Print(fmt::format("{:14}  {:22}  {:8}  {:11}  {:14}  {:>8}  {:>9}  {:20}  {}\n", "time", "route", "decision",
                      "source", "confidence", "ms", "cost", "outcome", "request"));
  }
  TextOpener opener(options.source);
  for (;;) {
    BANTAM_TRY(const auto line, reader.NextLine());
    if (line) {
      BANTAM_TRY(AuditLine parsed, ParseAuditLine(*line, reader.Where()));
      last = parsed.record.sequence;
      if (options.json) {
        BANTAM_RETURN_IF_ERROR(opener.OpenIfAny(parsed.record));
        Print(OpenedLine(*line, parsed.record) + "\n");
      } else {
        PrintRow(parsed.record);
      }
      continue;
    }
    if (std::fflush(stdout) != 0 || !options.follow) return Ok();  // the reader of our output has gone
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (reader.replaced()) {  // by a purge, in whose file all the records are
      BANTAM_TRY(reader, last > 0 ? AuditReader::OpenAfter(file, last) : AuditReader::OpenAtLast(file, 0));
    }
  }
}

}  // namespace

Run SetUpAudit(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto chosen = std::make_shared<Run>();
  // First, because subcommands take over what stands here when they are added.
  app.footer(
      "Examples:\n"
      "  bantam audit tail -f -c examples/helpdesk/bantam.yaml\n"
      "  bantam audit why chatcmpl-1a2b3c --assistant helpdesk\n"
      "  bantam audit verify --log audit.jsonl");
  const auto add = [&](const char* name, const char* summary, Status (*run)(const Options&)) {
    CLI::App* sub = app.add_subcommand(name, summary);
    if (run == Verify) {
      AddLogSource(*sub, options->source);  // the chain needs no key
    } else {
      AddAuditSource(*sub, options->source);
    }
    sub->add_flag("--json", options->json, "JSON instead of text");
    sub->callback([options, chosen, run] { *chosen = [options, run] { return run(*options); }; });
    return sub;
  };
  CLI::App* verify = add("verify", "Check that no record was changed, removed or re-ordered", Verify);
  verify
      ->add_option("--contains", options->contains, "And that the record with this hash, noted earlier, is still there")
      ->type_name("HASH");
  CLI::App* why = add("why", "Explain one decision", Why);
  why->add_option("ID", options->id, "Request id (or its beginning), or the number of the record")->required();
  CLI::App* tail = add("tail", "The last decisions", Tail);
  tail->add_option("-n,--lines", options->lines, "How many")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000'000));
  tail->add_flag("-f,--follow", options->follow, "Wait for more");
  const auto add_own = [&](const char* name, const char* summary, Run (*set_up)(CLI::App&)) {
    CLI::App* sub = app.add_subcommand(name, summary);
    Run run = set_up(*sub);
    sub->callback([chosen, run] { *chosen = run; });
  };
  add_own("export", "The log for other programs, as JSON Lines or CSV", SetUpAuditExport);
  add_own("purge", "Take texts out by age, conversation or request, without breaking the chain", SetUpAuditPurge);
  app.require_subcommand(1);
  return [chosen] { return (*chosen)(); };
}

}  // namespace bantam::cli
