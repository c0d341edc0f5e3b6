#include "route/redecide.h"

#include <algorithm>
#include <map>

#include "kernels/isa.h"
#include "route/actions/action.h"
#include "route/learning/proposal.h"
#include "route/router_parts.h"

namespace bantam {
namespace {

// A log that was written by this program reads back to the same float.
bool SameBits(const AuditRecord& record, const AssistantAnswer& answer) {
  if (static_cast<float>(record.confidence) != answer.confidence) return false;
  const size_t count = std::min<size_t>(answer.nearest.size(), 3);
  return record.nearest.size() == count &&
         std::equal(record.nearest.begin(), record.nearest.end(), answer.nearest.begin(),
                    [](const NearestExample& a, const NearestExample& b) { return a.similarity == b.similarity; });
}

bool AsksLargeModel(const RouteFile& file, const AssistantAnswer& answer) {
  return answer.decision == DecisionKind::kEscalate ||
         (answer.decision == DecisionKind::kUnsure && !file.fallback_upstream.empty());
}

bool IsHere(std::string_view decision) { return decision == "answer" || decision == "form"; }

// A route that stands in for the right one below it is right.
bool IsWrong(const RouteFile& file, std::string_view decision, std::string_view route, std::string_view right_route) {
  return IsHere(decision) && !file.IsWithin(right_route, route);
}

int64_t& CountFor(RedecideReport& report, float confidence, std::string_view before, std::string_view after,
                  bool changed) {
  const auto steps = static_cast<float>(report.by_confidence.size());
  const auto step = static_cast<size_t>(std::clamp(confidence * steps, 0.0f, steps - 1));
  ChangeCounts& counts = report.by_confidence[step];
  if (!changed) return counts.same;
  if (IsHere(before) == IsHere(after)) return counts.otherwise;
  return IsHere(after) ? counts.taken : counts.handed_on;
}

// The threshold that most messages were held to.
class Thresholds {
 public:
  void Add(double threshold) { ++counts_[threshold]; }
  double Usual() const {
    const auto most = std::ranges::max_element(counts_, {}, [](const auto& entry) { return entry.second; });
    return most == counts_.end() ? 0 : most->first;
  }

 private:
  std::map<double, int64_t> counts_;
};

void CountOtherHead(RedecideReport& report, const std::string& head_sha256) {
  ++report.other_head;
  auto found = std::ranges::find(report.other_heads, head_sha256, &OtherHead::head_sha256);
  if (found == report.other_heads.end()) {
    report.other_heads.push_back({.head_sha256 = head_sha256});
    found = std::prev(report.other_heads.end());
  }
  ++found->messages;
}

// What the log itself says of heads: it names each that was proposed or promoted.
Status NameOtherHeads(const Path& log, RedecideReport& report) {
  if (report.other_heads.empty()) return Ok();
  return ReadAuditLog(log, [&](const AuditRecord& record, std::string_view) {
    if (record.decision != kLearningDecision) return true;
    for (OtherHead& head : report.other_heads) {
      if (const auto number = GenerationOf(head.head_sha256, record.problem)) head.generation = number;
    }
    return true;
  });
}

}  // namespace

Result<RedecideReport> Redecide(Router& router, const Path& log, const RedecideOptions& options) {
  RedecideReport report;
  BANTAM_TRY(const LoggedMessages loaded, ReadLoggedMessages(log, {.limit = options.limit, .open = options.open}));
  report.left_out = loaded.left_out;
  const double mean_cost = loaded.mean_cost().value_or(0);
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  const std::string_view isa = IsaName(kernels->isa);
  Thresholds before, after;
  for (const LoggedMessage& message : loaded.messages) {
    const AuditRecord& record = message.record;
    const std::string& right_route = message.right_route;
    if (options.progress)
      options.progress(static_cast<double>(report.messages) / static_cast<double>(loaded.messages.size()));
    AssistantRequest request;
    request.messages = {{"user", record.question}};
    request.request_id = record.request_id;
    Router* by = &router;
    if (options.heads != nullptr) {
      BANTAM_TRY(Router * then, options.heads->Find(record.head_sha256));
      if (then != nullptr) by = then;
    }
    const RouteFile& file = by->file();
    BANTAM_TRY(const AssistantAnswer answer, by->Answer(request, {}));
    ++report.messages;
    report.other_route_file += record.route_file_sha256 != file.sha256;
    if (record.head_sha256 != by->parts().intents->identity()) CountOtherHead(report, record.head_sha256);
    report.other_isa += record.isa != isa;
    report.same_bits += SameBits(record, answer);
    const bool asked_before = record.cost > 0 || record.source == "upstream";
    const bool asked_after = AsksLargeModel(file, answer);
    report.asked_before += asked_before;
    report.asked_after += asked_after;
    report.cost_before += record.cost;
    report.cost_after += !asked_after ? 0 : record.cost > 0 ? record.cost : mean_cost;
    const std::string decision(DecisionKindName(answer.decision));
    if (!right_route.empty()) {
      ++report.labelled;
      report.wrong_before += IsWrong(file, record.decision, record.route, right_route);
      report.wrong_after += IsWrong(file, decision, answer.route, right_route);
    }
    const bool changed = record.decision != decision || record.route != answer.route;
    ++CountFor(report, answer.confidence, record.decision, decision, changed);
    before.Add(record.threshold);
    after.Add(answer.threshold);
    if (!changed) continue;
    report.changes.push_back({.sequence = record.sequence,
                              .request_id = record.request_id,
                              .question = record.question,
                              .before = {record.decision, record.route, record.confidence, record.threshold},
                              .after = {decision, answer.route, answer.confidence, answer.threshold},
                              .right_route = right_route});
  }
  report.threshold_before = before.Usual();
  report.threshold_after = after.Usual();
  BANTAM_RETURN_IF_ERROR(NameOtherHeads(log, report));
  return report;
}

}  // namespace bantam
