#include "route/learning/proposal.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "base/text_util.h"
#include "route/budget_report.h"

namespace bantam {
namespace {

json::object HeadJson(const JudgedHead& head) {
  return {{"generation", head.generation}, {"head_sha256", head.head_sha256}, {"learned", head.learned},
          {"threshold", head.threshold},   {"answered", head.answered},       {"wrong", head.wrong},
          {"coverage", head.coverage},     {"upper_bound", head.upper_bound}};
}

Result<JudgedHead> ReadHead(const JsonObject& report, std::string_view key) {
  constexpr int64_t kMost = int64_t{1} << 53;
  BANTAM_TRY(const JsonObject object, report.Object(key));
  JudgedHead head;
  BANTAM_TRY(head.generation, object.Int("generation", 0, kMost));
  BANTAM_TRY(head.head_sha256, object.String("head_sha256"));
  BANTAM_TRY(head.learned, object.Int("learned", 0, kMost));
  BANTAM_TRY(head.threshold, object.NumberOr("threshold", std::numeric_limits<double>::infinity(), 0, 1e300));
  BANTAM_TRY(head.answered, object.Int("answered", 0, kMost));
  BANTAM_TRY(head.wrong, object.Int("wrong", 0, kMost));
  BANTAM_TRY(head.coverage, object.Number("coverage", 0, 1));
  BANTAM_TRY(head.upper_bound, object.Number("upper_bound", 0, 1));
  return head;
}

Result<Proposal> Parse(const JsonObject& object) {
  constexpr int64_t kMost = int64_t{1} << 53;
  Proposal read;
  BANTAM_TRY(read.time_us, object.Int("time_us", 0, INT64_MAX));
  BANTAM_TRY(read.route_file_sha256, object.String("route_file_sha256"));
  BANTAM_TRY(read.audited, object.Int("audited", 0, kMost));
  BANTAM_TRY(read.calibration, object.Int("calibration", 0, kMost));
  BANTAM_TRY(read.earlier, object.Int("earlier_challengers", 0, kMost));
  BANTAM_TRY(read.look, object.IntOr("look", 0, 0, kMost));
  BANTAM_TRY(read.looked, object.BoolOr("looked", true));
  BANTAM_TRY(read.current, ReadHead(object, "current"));
  BANTAM_TRY(read.challenger, ReadHead(object, "challenger"));
  BANTAM_TRY(read.fresh_answered, object.IntOr("fresh_answered", 0, 0, kMost));
  BANTAM_TRY(read.fresh_wrong, object.IntOr("fresh_wrong", 0, 0, kMost));
  BANTAM_TRY(read.limit, object.Number("upper_bound_error", 0, 1));
  BANTAM_TRY(read.delta, object.Number("delta", 0, 1));
  BANTAM_TRY(read.min_coverage_gain, object.Number("min_coverage_gain", 0, 1));
  BANTAM_TRY(read.proven, object.Bool("proven"));
  BANTAM_TRY(read.why_not, object.StringOr("why_not", ""));
  BANTAM_TRY(read.seconds, object.Number("seconds", 0, 1e300));
  if (const json::value* missing = object.Find("missing"); missing != nullptr && !missing->is_null()) {
    BANTAM_TRY(read.missing, object.Int("missing", 1, kMost));
  }
  return read;
}

std::string Row(std::string_view who, const JudgedHead& head) {
  return fmt::format("  {:<12}{:>10}{:>10}{:>10}{:>12}{:>14}{:>12}\n", who, head.generation, head.learned,
                     std::isfinite(head.threshold) ? fmt::format("{:.3f}", head.threshold) : std::string("none"),
                     fmt::format("{:.1f} %", 100 * head.coverage), fmt::format("{} of {}", head.wrong, head.answered),
                     fmt::format("{:.2f} %", 100 * head.upper_bound));
}

}  // namespace

json::object ProposalJson(const Proposal& p) {
  return {{"time_us", p.time_us},
          {"route_file_sha256", p.route_file_sha256},
          {"audited", p.audited},
          {"calibration", p.calibration},
          {"earlier_challengers", p.earlier},
          {"look", p.look},
          {"looked", p.looked},
          {"current", HeadJson(p.current)},
          {"challenger", HeadJson(p.challenger)},
          {"fresh_answered", p.fresh_answered},
          {"fresh_wrong", p.fresh_wrong},
          {"upper_bound_error", p.limit},
          {"delta", p.delta},
          {"coverage_gain", p.coverage_gain()},
          {"min_coverage_gain", p.min_coverage_gain},
          {"proven", p.proven},
          {"why_not", p.proven ? json::value() : json::value(p.why_not)},
          {"missing", p.missing ? json::value(*p.missing) : json::value()},
          {"guarantee", "agreement with the teacher, or with the person who corrected it; not truth"},
          {"seconds", p.seconds}};
}

Result<Proposal> ReadProposal(const GenerationFiles& files) {
  const std::string name = EscapeForTerminal(files.report.string(), 400);
  BANTAM_TRY(const std::string text, ReadFile(files.report, uint64_t{1} << 20));
  const auto read = [&]() -> Result<Proposal> {
    BANTAM_TRY(const json::value document, ParseJson(text, name, {.max_depth = 8, .max_bytes = size_t{1} << 20}));
    BANTAM_TRY(const JsonObject object, JsonObject::From(document, name));
    return Parse(object);
  };
  Result<Proposal> proposal = read();
  if (!proposal) return Err(ErrorCode::kCorrupt, "{}", proposal.error().message);
  return proposal;
}

namespace {
constexpr std::string_view kGeneration = "generation ", kHead = ", head ";
}  // namespace

std::string HeadWords(const JudgedHead& head) {
  return fmt::format("{}{}{}{}", kGeneration, head.generation, kHead, head.head_sha256);
}

std::optional<int64_t> GenerationOf(std::string_view head_sha256, std::string_view words) {
  int64_t number = 0;
  if (head_sha256.empty() || !words.starts_with(kGeneration)) return std::nullopt;
  words.remove_prefix(kGeneration.size());
  const auto [end, error] = std::from_chars(words.data(), words.data() + words.size(), number);
  if (error != std::errc()) return std::nullopt;
  words.remove_prefix(static_cast<size_t>(end - words.data()));
  if (!words.starts_with(kHead) || !words.substr(kHead.size()).starts_with(head_sha256)) return std::nullopt;
  return number;
}

std::string DescribeProposal(const Proposal& p, const RouteFile& file) {
  std::string out =
      fmt::format("judged on {} audited messages, drawn at random from all that were decided on", p.audited);
  if (p.calibration > 0) out += fmt::format(", and {} of the calibration file", p.calibration);
  out += fmt::format("\n\n  {:<12}{:>10}{:>10}{:>10}{:>12}{:>14}{:>12}\n", "", "generation", "learned", "threshold",
                     "answers", "wrong", "at most");
  out += Row("in force", p.current) + Row("challenger", p.challenger) + "\n";
  if (p.current.generation > 0) {
    out += fmt::format("since it is in force, the head in force erred in {} of {} audited answers\n", p.fresh_wrong,
                       p.fresh_answered);
  }
  if (p.proven) {
    out += fmt::format("PROVEN: it errs in at most {} of its answers, {} certain, and answers {:+.1f} points more\n",
                       PercentText(p.limit), PercentText(1 - p.delta), 100 * p.coverage_gain());
  } else {
    out += fmt::format("NOT PROVEN: {}\n", p.why_not);
  }
  if (p.missing) {
    const double rate = file.learning ? file.learning->explore_rate : 0;
    out += fmt::format("{} more audited messages {}{}\n", *p.missing,
                       p.looked ? "would do, if it errs on them as on these" : "to the next look",
                       rate > 0 ? fmt::format(": some {:.0f} messages at the explore_rate of {:g}",
                                              std::ceil(static_cast<double>(*p.missing) / rate), rate)
                                : std::string());
  }
  out += "right means: as the teacher says, or the person who corrected it. Whether they are right nobody has asked\n";
  if (p.looked && p.look > 1) {
    out += fmt::format(
        "this was look {} at audited messages: each spends less of the chance that a bound is wrong, {} here, so that "
        "all of them together keep to the delta of the file\n",
        p.look, PercentText(p.delta));
  }
  return out;
}

}  // namespace bantam
