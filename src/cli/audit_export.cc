// bantam audit export: the log for other programs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/json.h"
#include "base/text_util.h"
#include "cli/audit_commands.h"
#include "cli/audit_source.h"
#include "cli/output.h"
#include "route/audit_format.h"
#include "route/audit_reader.h"

namespace bantam::cli {
namespace {

constexpr size_t kPrintBytes = size_t{1} << 20;

struct Options {
  AuditSource source;
  std::string format = "jsonl", since, until;
  bool texts = false;
};

// The record as it was written, without what proves it and, unless they are asked for, without texts.
Result<std::string> JsonLine(const AuditRecord& record, std::string_view line, std::string_view where, bool texts) {
  BANTAM_TRY(const json::value document, ParseJson(line, where, {.max_depth = 8, .max_bytes = kMaxAuditLineBytes}));
  json::object out;
  for (const auto& [key, value] : document.as_object()) {
    if (key != "texts" && key != "question" && key != "answer") out[key] = value;
  }
  if (json::value* similar = out.if_contains("similar"); similar != nullptr && similar->is_object()) {
    similar->get_object().erase("reason");
    if (texts && record.similar && !record.similar->reason.empty())
      similar->get_object()["reason"] = record.similar->reason;
  }
  if (texts && !record.question.empty()) out["question"] = record.question;
  if (texts && !record.answer.empty()) out["answer"] = record.answer;
  return ToJson(out) + "\n";
}

// RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe.
std::string Cell(std::string_view text) {
  std::string cell;
  if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos) cell += '\'';
  cell += text;
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string Number(double number) {
  std::string text;
  AppendJsonNumber(number, text);
  return text == "null" ? std::string() : text;
}

constexpr std::string_view kCsvHead =
    "seq,time,request_id,session,route,decision,source,outcome,problem,model,confidence,threshold,p_correct,latency_ms,"
    "cost,question_sha256,answer_sha256,route_file_sha256,head_sha256,hash";

std::string CsvLine(const AuditRecord& r, bool texts) {
  std::string out = fmt::format("{},{}", r.sequence, FormatTime(r.time_us));
  const auto text = [&](std::string_view value) { (out += ',') += Cell(value); };
  for (const auto* value :
       {&r.request_id, &r.session_hash, &r.route, &r.decision, &r.source, &r.outcome, &r.problem, &r.model})
    text(*value);
  out += fmt::format(",{},{},{},{},{}", Number(r.confidence), Number(r.threshold),
                     r.p_correct ? Number(*r.p_correct) : std::string(), Number(r.latency_ms), Number(r.cost));
  for (const auto* value : {&r.question_sha256, &r.answer_sha256, &r.route_file_sha256, &r.head_sha256, &r.hash})
    text(*value);
  if (texts) {
    text(r.question);
    text(r.answer);
  }
  return out + "\r\n";
}

Status Export(const Options& options) {
  int64_t since = INT64_MIN, until = INT64_MAX;
  if (!options.since.empty()) {
    BANTAM_TRY(since, ParseWhen("--since", options.since));
  }
  if (!options.until.empty()) {
    BANTAM_TRY(until, ParseWhen("--until", options.until));
  }
  BANTAM_TRY(const Path file, LogFile(options.source));
  BANTAM_TRY(AuditReader reader, AuditReader::Open(file));
  TextOpener opener(options.source);
  const bool csv = options.format == "csv";
  std::string out = csv ? fmt::format("{}{}\r\n", kCsvHead, options.texts ? ",question,answer" : "") : std::string();
  for (;;) {
    BANTAM_TRY(const auto line, reader.NextLine());
    if (!line) break;
    BANTAM_TRY(AuditLine parsed, ParseAuditLine(*line, reader.Where()));
    AuditRecord& record = parsed.record;
    if (record.time_us < since || record.time_us >= until) continue;
    if (options.texts) BANTAM_RETURN_IF_ERROR(opener.Open(record));
    if (csv) {
      out += CsvLine(record, options.texts);
    } else {
      BANTAM_TRY(const std::string json, JsonLine(record, *line, reader.Where(), options.texts));
      out += json;
    }
    if (out.size() < kPrintBytes) continue;
    BANTAM_RETURN_IF_ERROR(Print(out));
    out.clear();
  }
  return Print(out);
}

}  // namespace

Run SetUpAuditExport(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.footer(
      "Examples:\n"
      "  bantam audit export -c bantam.yaml --since 7d > week.jsonl\n"
      "  bantam audit export -c bantam.yaml --format csv --since 2026-11-01 --until 2026-12-01 --texts > november.csv");
  AddAuditSource(app, options->source);
  app.add_option("--format", options->format, "jsonl or csv")
      ->check(CLI::IsMember({"jsonl", "csv"}))
      ->capture_default_str();
  app.add_option("--since", options->since, "From this day or time (UTC) on, or so long ago: 7d")->type_name("WHEN");
  app.add_option("--until", options->until, "Before this day or time")->type_name("WHEN");
  app.add_flag("--texts", options->texts, "With what was asked and answered, where the log holds it");
  return [options] {
    EndQuietlyOnClosedPipe();
    return Export(*options);
  };
}

}  // namespace bantam::cli
