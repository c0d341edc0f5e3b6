#include "route/escalation_queue.h"

#include "base/clock.h"
#include "base/log.h"

namespace bantam {
namespace {

constexpr int kCheckpointPages = 256;  // 1 MiB
constexpr const char* kVersions[] = {
    "CREATE TABLE questions(number INTEGER PRIMARY KEY AUTOINCREMENT, checksum BLOB NOT NULL, question BLOB NOT "
    "NULL);"};
constexpr SqliteSchema kSchema{0x426E5451, kVersions};  // "BnTQ"

std::string ToText(const QueuedQuestion& question) {
  const AssistantRequest& request = question.request;
  json::array messages;
  for (const ChatMessage& message : request.messages) messages.push_back(json::array{message.role, message.content});
  return ToJson(json::object{{"asked", question.asked_us},
                             {"model", question.model},
                             {"route", question.route},
                             {"request_id", request.request_id},
                             {"session_id", request.session_id},
                             {"tenant", request.tenant},
                             {"messages", std::move(messages)},
                             {"parameters", request.upstream_parameters}});
}

Result<QueuedQuestion> FromText(std::string_view text) {
  BANTAM_TRY(const json::value document,
             ParseJson(text, "question", {.max_depth = 32, .max_bytes = EscalationQueue::kMostBytes}));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, "question"));
  QueuedQuestion question;
  AssistantRequest& request = question.request;
  BANTAM_TRY(question.asked_us, object.IntOr("asked", 0, 0, INT64_MAX));
  BANTAM_TRY(question.model, object.String("model"));
  BANTAM_TRY(question.route, object.String("route"));
  BANTAM_TRY(request.request_id, object.String("request_id"));
  BANTAM_TRY(request.session_id, object.String("session_id"));
  BANTAM_TRY(request.tenant, object.String("tenant"));
  BANTAM_TRY(const json::array* messages, object.Array("messages"));
  for (const json::value& entry : *messages) {
    const json::array* pair = entry.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
      return Err(ErrorCode::kCorrupt, "a message is no pair of texts");
    request.messages.push_back({std::string((*pair)[0].get_string()), std::string((*pair)[1].get_string())});
  }
  BANTAM_TRY(const JsonObject parameters, object.Object("parameters"));
  request.upstream_parameters = parameters.raw();
  return question;
}

Result<QueuedQuestion> FromRow(int64_t number, std::string_view checksum, std::string_view text) {
  if (checksum != RowChecksum({text})) return Err(ErrorCode::kCorrupt, "its checksum is another one");
  BANTAM_TRY(QueuedQuestion question, FromText(text));
  question.number = number;
  return question;
}

}  // namespace

std::string_view QueuedQuestion::text() const {
  for (size_t i = request.messages.size(); i > 0; --i) {
    if (request.messages[i - 1].role == "user") return request.messages[i - 1].content;
  }
  return {};
}

Result<std::vector<QueuedQuestion>> EscalationQueue::ReadAll(const Path& file) {
  std::vector<QueuedQuestion> all;
  std::error_code ignored;
  if (std::filesystem::file_size(file, ignored) == 0 || ignored) return all;
  BANTAM_TRY(SqliteConnection reader, SqliteConnection::OpenReader(file));
  BANTAM_TRY(SqliteStatement rows, reader.Prepare("SELECT number, checksum, question FROM questions ORDER BY number"));
  for (;;) {
    BANTAM_TRY(const bool found, rows.Step());
    if (!found) return all;
    // What is damaged is for whoever sends the queue to drop.
    if (auto question = FromRow(rows.Int(0), rows.Blob(1), rows.Blob(2))) all.push_back(*std::move(question));
  }
}

Result<std::unique_ptr<EscalationQueue>> EscalationQueue::Open(const Path& file) {
  BANTAM_TRY(SqliteConnection connection, SqliteConnection::OpenWriter(file, kSchema));
  // A device is switched off when it pleases people: each commit waits for the disk.
  BANTAM_RETURN_IF_ERROR(connection.Execute("PRAGMA synchronous=FULL"));
  std::unique_ptr<EscalationQueue> queue(new EscalationQueue(std::move(connection)));
  BANTAM_RETURN_IF_ERROR(queue->Prepare());
  return queue;
}

Status EscalationQueue::Prepare() {
  BANTAM_TRY(add_, connection_.Prepare(
                       "INSERT INTO questions(checksum, question) SELECT ?1, ?2 WHERE (SELECT count(*) < ?3 AND "
                       "ifnull(sum(length(question)), 0) + length(?2) <= ?4 FROM questions)"));
  BANTAM_TRY(next_, connection_.Prepare("SELECT number, checksum, question FROM questions WHERE number > ?1 ORDER BY "
                                        "number LIMIT 1"));
  BANTAM_TRY(remove_, connection_.Prepare("DELETE FROM questions WHERE number = ?1"));
  return Ok();
}

Status EscalationQueue::Add(const QueuedQuestion& question) {
  QueuedQuestion kept = question;
  kept.asked_us = WallMicros();
  const std::string text = ToText(kept);
  const std::string checksum = RowChecksum({text});
  const std::lock_guard lock(mutex_);
  BANTAM_RETURN_IF_ERROR(add_.Bind(1, checksum).Bind(2, text).Bind(3, kMostQuestions).Bind(4, kMostBytes).Run());
  if (connection_.changes() == 1) return CheckpointIfLarge();
  return Err(ErrorCode::kOverloaded, "the queue is full: {} questions or {} MiB", kMostQuestions, kMostBytes >> 20);
}

Result<std::optional<QueuedQuestion>> EscalationQueue::NextAfter(int64_t number) {
  const std::lock_guard lock(mutex_);
  for (;;) {
    const Result<bool> found = next_.Bind(1, number).Step();
    if (!found) {
      next_.Reset();
      return found.error();
    }
    if (!*found) {
      next_.Reset();
      return std::optional<QueuedQuestion>();
    }
    number = next_.Int(0);
    Result<QueuedQuestion> question = FromRow(number, next_.Blob(1), next_.Blob(2));
    next_.Reset();
    if (question) return std::optional<QueuedQuestion>(*std::move(question));
    Log(LogLevel::kWarning, "a queued question is damaged and dropped: {}", question.error().message);
    BANTAM_RETURN_IF_ERROR(remove_.Bind(1, number).Run());
  }
}

Status EscalationQueue::Remove(int64_t number) {
  const std::lock_guard lock(mutex_);
  BANTAM_RETURN_IF_ERROR(remove_.Bind(1, number).Run());
  return CheckpointIfLarge();
}

Status EscalationQueue::Scrub() {
  const std::lock_guard lock(mutex_);
  return connection_.Scrub();
}

Status EscalationQueue::CheckpointIfLarge() {
  return connection_.wal_pages() < kCheckpointPages ? Ok() : connection_.Checkpoint();
}

Result<int64_t> EscalationQueue::Count() {
  const std::lock_guard lock(mutex_);
  return connection_.Number("SELECT count(*) FROM questions");
}

}  // namespace bantam
