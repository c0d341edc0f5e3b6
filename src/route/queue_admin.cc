#include "route/queue_admin.h"

#include <algorithm>

#include "base/sha256.h"
#include "route/audit_log.h"
#include "route/late_answers.h"
#include "route/send_queued.h"
#include "route/state_folder.h"

namespace bantam {
namespace {

AuditRecord RecordOfDropped(const SentQuestion& dropped) {
  AuditRecord record;
  record.request_id = dropped.question.request.request_id;
  record.decision = kQueueDecision;
  record.source = "person";
  record.outcome = dropped.outcome;
  record.route = dropped.question.route;
  record.model = dropped.question.model;
  record.question_sha256 = Sha256Hex(dropped.question.text());
  record.answer_sha256 = Sha256Hex("");
  return record;
}

}  // namespace

Result<int64_t> DropQueued(const Path& state_folder, std::span<const int64_t> numbers) {
  const StateFiles files(state_folder);
  BANTAM_TRY(const StateLock nobody_else, StateLock::Acquire(state_folder));
  BANTAM_TRY(std::vector<QueuedQuestion> chosen, EscalationQueue::ReadAll(files.queue));
  for (const int64_t number : numbers) {
    if (std::ranges::find(chosen, number, &QueuedQuestion::number) == chosen.end())
      return Err(ErrorCode::kNotFound, "no question {} waits; `bantam queue list` shows those that do", number);
  }
  if (!numbers.empty()) {
    std::erase_if(chosen, [&](const QueuedQuestion& question) {
      return std::ranges::find(numbers, question.number) == numbers.end();
    });
  }
  if (chosen.empty()) return 0;
  BANTAM_TRY(const auto queue, EscalationQueue::Open(files.queue));
  std::unique_ptr<LateAnswers> late;  // kept by servers only
  std::error_code ignored;
  if (std::filesystem::exists(files.late_answers, ignored)) {
    BANTAM_TRY(late, LateAnswers::Open(files.late_answers));
  }
  BANTAM_TRY(const auto log, AuditLog::Open(files.audit, /*own_thread=*/false));
  for (QueuedQuestion& question : chosen) {
    const SentQuestion dropped{
        .question = std::move(question), .reply = {}, .outcome = "dropped", .problem = "a person dropped it unasked"};
    BANTAM_RETURN_IF_ERROR(log->Append(RecordOfDropped(dropped)));
    if (late) BANTAM_RETURN_IF_ERROR(KeepEnd(*late, dropped));
    BANTAM_RETURN_IF_ERROR(queue->Remove(dropped.question.number));
  }
  return std::ssize(chosen);
}

}  // namespace bantam
