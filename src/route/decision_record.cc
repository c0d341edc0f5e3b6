#include "route/decision_record.h"

#include <algorithm>

#include "base/sha256.h"

namespace bantam {
namespace {

std::string Underscored(std::string_view words) {
  std::string out(words);
  std::replace(out.begin(), out.end(), ' ', '_');
  return out;
}

}  // namespace

AuditRecord RecordOf(const AssistantRequest& request, const Answering& call, const Result<AssistantAnswer>& result,
                     const AssistantAnswer& answer) {
  AuditRecord record;
  record.request_id = request.request_id;
  if (!request.session_id.empty()) record.session_hash = Sha256Hex(SessionKey(request));
  record.route = answer.route;
  record.source = AnswerSourceName(answer.source);
  record.decision = DecisionKindName(answer.decision);
  record.model = answer.model;
  record.outcome = call.notes().outcome;
  record.problem = call.notes().problem;
  if (!result && record.outcome == "ok") {
    record.outcome = Underscored(ErrorCodeName(result.error().code));
    record.problem = result.error().message;
  }
  record.confidence = answer.confidence;
  record.threshold = answer.threshold;
  record.p_correct = answer.p_correct;
  record.prediction_set = answer.prediction_set;
  record.budget = answer.budget;
  record.calibration_id = answer.calibration_id;
  record.cost = answer.cost;
  record.asked = call.notes().asked;
  record.similar = call.notes().similar;
  record.question_sha256 = Sha256Hex(call.question());
  record.question = call.question();
  if (result) {
    record.answer_sha256 = Sha256Hex(answer.text);
    record.answer = answer.text;
  }
  record.nearest.assign(answer.nearest.begin(),
                        answer.nearest.begin() + static_cast<ptrdiff_t>(std::min<size_t>(3, answer.nearest.size())));
  return record;
}

AuditRecord RecordOf(const SentQuestion& sent) {
  const AssistantRequest& request = sent.question.request;
  AuditRecord record;
  record.request_id = request.request_id;
  if (!request.session_id.empty()) record.session_hash = Sha256Hex(SessionKey(request));
  record.route = sent.question.route;
  record.source = AnswerSourceName(AnswerSource::kUpstream);
  record.decision = DecisionKindName(DecisionKind::kEscalate);
  record.model = sent.question.model;
  record.outcome = sent.outcome;
  record.problem = sent.problem;
  record.cost = sent.reply.cost;
  record.question = sent.question.text();
  record.question_sha256 = Sha256Hex(record.question);
  record.answer = sent.reply.text;
  record.answer_sha256 = Sha256Hex(record.answer);
  return record;
}

AuditRecord RecordOf(const Candidate& candidate, const UpstreamReply& reply, const std::optional<std::string>& label) {
  AuditRecord record;
  record.request_id = candidate.request_id;
  record.decision = kLabelDecision;
  record.source = "teacher";
  record.route = label.value_or("");
  record.model = reply.label;
  record.outcome = reply.outcome == UpstreamOutcome::kOk && !label ? "unreadable" : UpstreamOutcomeName(reply.outcome);
  record.problem = reply.problem;
  record.cost = reply.cost;
  record.question_sha256 = Sha256Hex(candidate.text);
  record.answer_sha256 = Sha256Hex(reply.text);
  return record;
}

AuditRecord RecordOf(const LearningEvent& event) {
  AuditRecord record;
  record.request_id = event.request_id.empty() ? fmt::format("learning-{}", event.id) : event.request_id;
  record.decision = kLearningDecision;
  record.source = "person";
  record.outcome = event.outcome;
  record.problem = event.detail;
  record.route = event.route;
  record.question_sha256 = event.question_sha256.empty() ? Sha256Hex("") : event.question_sha256;
  record.answer_sha256 = Sha256Hex("");
  return record;
}

}  // namespace bantam
