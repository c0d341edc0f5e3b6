#include "route/feedback.h"

#include "base/log.h"
#include "base/text_util.h"
#include "route/audit_reader.h"
#include "route/suggest.h"

namespace bantam {

void AnswerBook::Add(const AuditRecord& record) {
  if (record.decision == kFeedbackDecision) {
    if (Answer* answer = Find(record.request_id))
      answer->feedback = Feedback{record.request_id, record.outcome == "right", record.route};
    return;
  }
  if (!IsAnswer(record)) return;
  if (entries_.size() < kMostAnswers) {
    latest_ = entries_.size();
    entries_.emplace_back();
  } else {
    latest_ = (latest_ + 1) % kMostAnswers;
  }
  auto& [request_id, answer] = entries_[latest_];
  request_id = record.request_id;
  answer.route = record.route;
  answer.question_sha256 = record.question_sha256;
  answer.answer_sha256 = record.answer_sha256;
  answer.question = record.question;
  answer.confidence = record.confidence;
  answer.feedback.reset();
}

AnswerBook::Answer* AnswerBook::Find(std::string_view request_id) {
  for (size_t age = 0; age < entries_.size(); ++age) {
    Entry& entry = entries_[(latest_ + entries_.size() - age) % entries_.size()];
    if (entry.request_id == request_id) return &entry.answer;
  }
  return nullptr;
}

void AnswerBook::ReadLog(const Path& file) {
  if (std::exchange(log_was_read_, true)) return;
  const auto read = [&]() -> Status {
    AnswerBook book;
    BANTAM_TRY(AuditReader reader, AuditReader::OpenAtLast(file, kMostAnswers));
    BANTAM_RETURN_IF_ERROR(
        ReadRecords(reader, [&](const AuditRecord& record, std::string_view) { return book.Add(record), true; }));
    entries_ = std::move(book.entries_);
    latest_ = book.latest_;
    return Ok();
  };
  if (const Status done = read(); !done)
    Log(LogLevel::kWarning, "feedback on answers of an earlier run is not taken: {}", done.error().message);
}

Result<AuditRecord> FeedbackRecord(const Feedback& feedback, const AnswerBook::Answer& answer, const RouteFile& file) {
  if (!feedback.right_route.empty() && feedback.right_route != kOutOfScopeLabel &&
      file.FindRoute(feedback.right_route) == nullptr) {
    std::vector<std::string> routes;
    for (const Route& route : file.routes) routes.push_back(route.name);
    return Err(ErrorCode::kInvalidArgument, "there is no route \"{}\"{}", EscapeForTerminal(feedback.right_route, 60),
               DidYouMean(feedback.right_route, routes));
  }
  // An answer without a route was somebody else's: it may be right whatever route there is for it.
  const bool told = !feedback.right_route.empty() && !answer.route.empty();
  if (told && feedback.right != (feedback.right_route == answer.route)) {
    return Err(ErrorCode::kInvalidArgument,
               "the answer's route was \"{}\", so with the right route \"{}\" it was {}; mend \"verdict\" or \"route\"",
               answer.route, EscapeForTerminal(feedback.right_route, 60), feedback.right ? "wrong" : "right");
  }
  AuditRecord record;
  record.request_id = feedback.request_id;
  record.decision = kFeedbackDecision;
  record.source = "person";
  record.outcome = feedback.right ? "right" : "wrong";
  record.route = feedback.right && feedback.right_route.empty() ? answer.route : feedback.right_route;
  record.question_sha256 = answer.question_sha256;
  record.answer_sha256 = answer.answer_sha256;
  return record;
}

}  // namespace bantam
