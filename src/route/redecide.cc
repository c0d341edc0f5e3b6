#include "route/redecide.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/sha256.h"
#include "kernels/isa.h"
#include "route/actions/action.h"
#include "route/feedback.h"
#include "route/router_parts.h"

namespace bantam {
namespace {

struct Loaded {
  std::vector<AuditRecord> messages;
  std::map<std::string, std::string> right_routes;  // by request id; kOutOfScopeLabel: none of them
  double asked_cost = 0;                            // of all that went to a large model, and how many
  int64_t asked = 0;
};

Result<Loaded> Load(const Path& log, const RedecideOptions& options, RedecideReport& report) {
  Loaded loaded;
  Status opened = Ok();
  BANTAM_RETURN_IF_ERROR(ReadAuditLog(log, [&](const AuditRecord& record, std::string_view) {
    const bool told = record.decision == kFeedbackDecision || record.decision == kLabelDecision;
    if (told && !record.route.empty()) loaded.right_routes[record.request_id] = record.route;
    if (!IsAnswer(record) || (record.source != "rule" && record.nearest.empty())) return true;  // nothing was judged
    if (record.source == "rule" || record.asked) return ++report.in_conversation, true;
    if (record.cost > 0) {
      loaded.asked_cost += record.cost;
      ++loaded.asked;
    }
    AuditRecord message = record;
    if (!message.sealed.empty() && options.open) opened = options.open(message);
    if (!opened) return false;
    if (message.question.empty()) {
      ++report.without_texts;
    } else if (Sha256Hex(message.question) != message.question_sha256) {
      ++report.other_texts;
    } else {
      message.answer.clear();
      loaded.messages.push_back(std::move(message));
    }
    return true;
  }));
  BANTAM_RETURN_IF_ERROR(opened);
  const auto most = static_cast<size_t>(options.limit);
  if (most > 0 && loaded.messages.size() > most) {
    report.beyond_limit = static_cast<int64_t>(loaded.messages.size() - most);
    loaded.messages.erase(loaded.messages.begin(), loaded.messages.end() - options.limit);
  }
  return loaded;
}

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

bool IsWrong(std::string_view decision, std::string_view route, std::string_view right_route) {
  return (decision == "answer" || decision == "form") && route != right_route;
}

}  // namespace

Result<RedecideReport> Redecide(Router& router, const Path& log, const RedecideOptions& options) {
  RedecideReport report;
  BANTAM_TRY(Loaded loaded, Load(log, options, report));
  const double mean_cost = loaded.asked == 0 ? 0 : loaded.asked_cost / static_cast<double>(loaded.asked);
  BANTAM_TRY(const Kernels* kernels, SelectKernels());
  const std::string_view isa = IsaName(kernels->isa);
  const RouteFile& file = router.file();
  for (const AuditRecord& record : loaded.messages) {
    if (options.progress)
      options.progress(static_cast<double>(report.messages) / static_cast<double>(loaded.messages.size()));
    AssistantRequest request;
    request.messages = {{"user", record.question}};
    request.request_id = record.request_id;
    BANTAM_TRY(const AssistantAnswer answer, router.Answer(request, {}));
    ++report.messages;
    report.other_route_file += record.route_file_sha256 != file.sha256;
    report.other_head += record.head_sha256 != router.parts().intents->identity();
    report.other_isa += record.isa != isa;
    report.same_bits += SameBits(record, answer);
    const bool asked_before = record.cost > 0 || record.source == "upstream";
    const bool asked_after = AsksLargeModel(file, answer);
    report.asked_before += asked_before;
    report.asked_after += asked_after;
    report.cost_before += record.cost;
    report.cost_after += !asked_after ? 0 : record.cost > 0 ? record.cost : mean_cost;
    const auto label = loaded.right_routes.find(record.request_id);
    const std::string decision(DecisionKindName(answer.decision));
    if (label != loaded.right_routes.end()) {
      ++report.labelled;
      report.wrong_before += IsWrong(record.decision, record.route, label->second);
      report.wrong_after += IsWrong(decision, answer.route, label->second);
    }
    if (record.decision == decision && record.route == answer.route) continue;
    report.changes.push_back({.sequence = record.sequence,
                              .request_id = record.request_id,
                              .question = record.question,
                              .before = {record.decision, record.route, record.confidence, record.threshold},
                              .after = {decision, answer.route, answer.confidence, answer.threshold},
                              .right_route = label == loaded.right_routes.end() ? std::string() : label->second});
  }
  return report;
}

}  // namespace bantam
