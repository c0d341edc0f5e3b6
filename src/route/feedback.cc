#include "route/feedback.h"

#include "base/log.h"
#include "base/text_util.h"
#include "route/audit_format.h"
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
  const auto [place, is_new] = answers_.try_emplace(record.request_id);
  // Clients may choose their ids; the latest answer is the one that is spoken of.
  place->second = {record.route, record.question_sha256, record.answer_sha256, record.question, record.confidence, {}};
  if (!is_new) return;
  order_.push_back(record.request_id);
  if (order_.size() > kMostAnswers) {
    answers_.erase(order_.front());
    order_.pop_front();
  }
}

AnswerBook::Answer* AnswerBook::Find(std::string_view request_id) {
  const auto found = answers_.find(std::string(request_id));
  return found == answers_.end() ? nullptr : &found->second;
}

void AnswerBook::ReadLog(const Path& file) {
  if (std::exchange(log_was_read_, true)) return;
  const auto read = [&]() -> Status {
    AnswerBook book;
    BANTAM_TRY(const int64_t offset, OffsetOfLastLines(file, kMostAnswers));
    BANTAM_TRY(AuditReader reader, AuditReader::Open(file, offset));
    while (true) {
      BANTAM_TRY(const auto line, reader.NextLine());
      if (!line) break;
      BANTAM_TRY(const AuditLine parsed, ParseAuditLine(*line, reader.Where()));
      book.Add(parsed.record);
    }
    answers_ = std::move(book.answers_);
    order_ = std::move(book.order_);
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
