#include "route/state_purge.h"

#include <chrono>

#include "base/clock.h"
#include "route/conversation_store.h"
#include "route/escalation_queue.h"
#include "route/late_answers.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

bool Exists(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// One person's messages, by what the log says of them.
struct Person {
  UnwantedMessages messages;
  std::set<std::string> sessions;
};

Result<Person> FindPerson(const Path& log, const PurgeRequest& request,
                          const std::function<Status(AuditRecord&)>& open) {
  Person person;
  if (!request.request_id.empty()) person.messages.request_ids.insert(request.request_id);
  if (!request.session_hash.empty()) person.sessions.insert(request.session_hash);
  if (!Exists(log)) return person;
  BANTAM_RETURN_IF_ERROR(ReadAuditLog(log, [&](const AuditRecord& read, std::string_view) {
    if (!Names(request, read)) return true;
    AuditRecord record = read;
    if (!record.sealed.empty() && open) static_cast<void>(open(record));  // of another key: its digest has to do
    person.messages.request_ids.insert(record.request_id);
    if (IsAnswer(record)) person.messages.question_sha256.insert(record.question_sha256);
    if (!record.question.empty()) person.messages.words.insert(NormalizeQuestion(record.question));
    if (!record.session_hash.empty()) person.sessions.insert(record.session_hash);
    return true;
  }));
  return person;
}

Result<int64_t> ForgetQueued(const Path& file, const std::set<std::string>& request_ids, bool dry_run) {
  BANTAM_TRY(std::vector<QueuedQuestion> all, EscalationQueue::ReadAll(file));
  std::erase_if(all, [&](const QueuedQuestion& one) { return !request_ids.contains(one.request.request_id); });
  if (dry_run || !Exists(file)) return std::ssize(all);
  BANTAM_TRY(const auto queue, EscalationQueue::Open(file));
  for (const QueuedQuestion& question : all) BANTAM_RETURN_IF_ERROR(queue->Remove(question.number));
  BANTAM_RETURN_IF_ERROR(queue->Scrub());  // what was sent before may be the same person's
  return std::ssize(all);
}

// Files that were moved aside because they were damaged: nobody can tell whose texts are in them.
Status RemovePutAside(const Path& folder, std::optional<int64_t> before_us) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (entry.path().filename().string().find(".corrupt-") == std::string::npos) continue;
    const auto age = std::chrono::file_clock::now() - entry.last_write_time(failed);
    const auto wanted = std::chrono::microseconds(WallMicros() - before_us.value_or(WallMicros()));
    if (age >= wanted) BANTAM_RETURN_IF_ERROR(RemoveWhole(entry.path()));
  }
  return Ok();
}

Status ForgetPerson(const StateFiles& files, const Person& person) {
  if (Exists(files.conversations)) BANTAM_RETURN_IF_ERROR(ForgetConversations(files.conversations, person.sessions));
  if (Exists(files.late_answers)) {
    BANTAM_TRY(const auto late, LateAnswers::Open(files.late_answers));
    BANTAM_RETURN_IF_ERROR(late->Forget(person.messages.request_ids));
  }
  for (const char* part : {"", "-wal", "-shm"}) BANTAM_RETURN_IF_ERROR(RemoveWhole(files.cache.string() + part));
  return Ok();
}

Result<StatePurgeReport> Purge(const Path& state_folder, AuditLog* log, const PurgeRequest& request,
                               const std::function<Status(AuditRecord& record)>& open, const std::stop_token& stop) {
  const StateFiles files(state_folder);
  StatePurgeReport report;
  const bool of_a_person = !request.session_hash.empty() || !request.request_id.empty();
  Person person{.messages = {.before_us = request.before_us}, .sessions = {}};
  if (of_a_person) {
    BANTAM_TRY(person, FindPerson(files.audit, request, open));
  }
  // The log last: as long as it is not purged, the same call finds what is left.
  BANTAM_TRY(report.learned, ForgetMessages(state_folder, person.messages, request.dry_run));
  if (of_a_person) {
    BANTAM_TRY(report.queued, ForgetQueued(files.queue, person.messages.request_ids, request.dry_run));
    if (!request.dry_run) BANTAM_RETURN_IF_ERROR(ForgetPerson(files, person));
  }
  if (!request.dry_run) {
    for (const Path& folder : {state_folder, files.learning})
      BANTAM_RETURN_IF_ERROR(RemovePutAside(folder, of_a_person ? std::nullopt : request.before_us));
    if (of_a_person) BANTAM_RETURN_IF_ERROR(RemoveWhole(files.audit.string() + ".torn"));
  }
  if (log != nullptr) {
    BANTAM_TRY(report.log, PurgeAuditLog(*log, request, stop));
  } else if (!request.dry_run) {
    BANTAM_RETURN_IF_ERROR(RemoveWhole(files.audit.string() + ".partial"));  // of a purge that was killed
  }
  return report;
}

}  // namespace

Result<StatePurgeReport> PurgeState(const StateLock&, const Path& state_folder, const PurgeRequest& request,
                                    const std::function<Status(AuditRecord& record)>& open) {
  const StateFiles files(state_folder);
  std::unique_ptr<AuditLog> log;
  if (Exists(files.audit)) {
    BANTAM_TRY(log, AuditLog::Open(files.audit, /*own_thread=*/false));
  }
  return Purge(state_folder, log.get(), request, open, {});
}

Result<StatePurgeReport> PurgeOldTexts(const StateLock&, const Path& state_folder, AuditLog& log, int64_t before_us,
                                       const std::stop_token& stop) {
  return Purge(state_folder, &log, {.before_us = before_us}, {}, stop);
}

}  // namespace bantam
