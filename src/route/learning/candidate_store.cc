#include "route/learning/candidate_store.h"

#include <fmt/format.h>

#include <thread>

#include "base/clock.h"
#include "base/sha256.h"
#include "route/learning/generations.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

constexpr const char* kVersions[] = {
    "CREATE TABLE candidates(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, text BLOB NOT NULL, "
    "request_id BLOB NOT NULL, guess BLOB NOT NULL, confidence_ppm INTEGER NOT NULL, sources INTEGER NOT NULL, "
    "audited INTEGER NOT NULL, heard INTEGER NOT NULL, label BLOB NOT NULL, labelled_by INTEGER NOT NULL, "
    "tries INTEGER NOT NULL DEFAULT 0, verdict INTEGER NOT NULL DEFAULT 0, generation INTEGER NOT NULL, "
    "first_us INTEGER NOT NULL, last_us INTEGER NOT NULL);"
    "CREATE TABLE traffic(generation INTEGER PRIMARY KEY, messages INTEGER NOT NULL, escalated INTEGER NOT NULL, "
    "asked_back INTEGER NOT NULL, audited INTEGER NOT NULL);"
    "CREATE TABLE shadow(generation INTEGER NOT NULL, challenger INTEGER NOT NULL, messages INTEGER NOT NULL, agreed "
    "INTEGER NOT NULL, more INTEGER NOT NULL, fewer INTEGER NOT NULL, PRIMARY KEY(generation, challenger));"
    "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, outcome BLOB NOT NULL, detail BLOB NOT NULL);",
    "ALTER TABLE events ADD COLUMN request_id BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE events ADD COLUMN route BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE events ADD COLUMN question_sha256 BLOB NOT NULL DEFAULT x'';"};
constexpr SqliteSchema kSchema{0x426E544C, kVersions};  // "BnTL"

// Bits of the column `sources`.
constexpr int64_t kEscalated = 1, kFeedback = 2, kAnswered = 4;
// What may be learned from: not what is judged on, nor what was only drawn.
constexpr std::string_view kLearnable = "audited = 0 AND (sources & 3) != 0";

Result<FileLock> Lock(const Path& file, std::chrono::milliseconds patience) {
  const MonotonicTime until = MonotonicNow() + patience;
  for (;;) {
    Result<FileLock> lock = FileLock::Acquire(file, "what the assistant has learned");
    if (lock || lock.error().code != ErrorCode::kConflict || MonotonicNow() >= until) return lock;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Candidate ReadRow(const SqliteStatement& row) {
  Candidate read;
  read.id = row.Int(0);
  read.text = row.Blob(1);
  read.request_id = row.Blob(2);
  read.guess = row.Blob(3);
  read.label = row.Blob(4);
  read.confidence = static_cast<double>(row.Int(5)) / 1e6;
  read.labelled_by = static_cast<LabelledBy>(row.Int(6));
  read.verdict = static_cast<Verdict>(row.Int(7));
  read.escalated = (row.Int(8) & kEscalated) != 0;
  read.answered = (row.Int(8) & kAnswered) != 0;
  read.from_feedback = (row.Int(8) & kFeedback) != 0;
  read.audited = row.Int(9);
  read.heard = row.Int(10);
  read.generation = row.Int(11);
  read.first_us = row.Int(12);
  read.last_us = row.Int(13);
  return read;
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPending:
      return "pending";
    case Verdict::kAccepted:
      return "accepted";
    case Verdict::kRejected:
      return "rejected";
    case Verdict::kRelabelled:
      return "relabelled";
  }
  return "pending";
}

std::optional<Verdict> ParseVerdict(std::string_view name) {
  for (const Verdict verdict : {Verdict::kPending, Verdict::kAccepted, Verdict::kRejected, Verdict::kRelabelled}) {
    if (name == VerdictName(verdict)) return verdict;
  }
  return std::nullopt;
}

std::string_view LabelledByName(LabelledBy who) {
  return who == LabelledBy::kTeacher ? "teacher" : who == LabelledBy::kPerson ? "person" : "nobody";
}

bool CandidateStore::Exists(const Path& state_folder) {
  std::error_code ignored;
  return std::filesystem::exists(LearningFiles(state_folder).candidates, ignored);
}

Result<CandidateStore> CandidateStore::Open(const Path& state_folder, std::chrono::milliseconds patience) {
  const LearningFiles files(state_folder);
  BANTAM_TRY(FileLock lock, Lock(files.lock, patience));
  BANTAM_TRY(SqliteConnection connection, SqliteConnection::OpenWriter(files.candidates, kSchema));
  return CandidateStore(std::move(lock), std::move(connection));
}

Status CandidateStore::Begin() { return connection_.Execute("BEGIN IMMEDIATE"); }

Status CandidateStore::Commit() {
  BANTAM_RETURN_IF_ERROR(DropOldest());
  return connection_.Execute("COMMIT");
}

Status CandidateStore::Hear(const HeardMessage& message) {
  return Add(message, (message.escalated ? kEscalated : 0) | (message.answered ? kAnswered : 0), {},
             LabelledBy::kNobody);
}

Status CandidateStore::Tell(const HeardMessage& message, std::string_view label) {
  return Add(message, kFeedback, label, LabelledBy::kPerson);
}

Status CandidateStore::Add(const HeardMessage& message, int64_t sources, std::string_view label, LabelledBy by) {
  if (message.text.empty() || message.text.size() > kMostTextBytes) return Ok();
  const std::string key = RowChecksum({NormalizeQuestion(message.text)});
  BANTAM_TRY(SqliteStatement add,
             connection_.Prepare(
                 "INSERT INTO candidates(key, text, request_id, guess, confidence_ppm, sources, audited, heard, label, "
                 "labelled_by, generation, first_us, last_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?11, "
                 "?11) ON CONFLICT(key) DO UPDATE SET sources = sources | ?6, audited = audited + ?7, last_us = ?11, "
                 "heard = heard + (?9 = 0), label = iif(?9 > 0, ?8, label), labelled_by = max(labelled_by, ?9)"));
  return add.Bind(1, key)
      .Bind(2, message.text)
      .Bind(3, message.request_id)
      .Bind(4, message.guess)
      .Bind(5, static_cast<int64_t>(message.confidence * 1e6))
      .Bind(6, sources)
      .Bind(7, int64_t{message.drawn})
      .Bind(8, label)
      .Bind(9, static_cast<int64_t>(by))
      .Bind(10, message.generation)
      .Bind(11, WallMicros())
      .Run();
}

Status CandidateStore::Count(int64_t generation, const Traffic& more) {
  BANTAM_TRY(
      SqliteStatement add,
      connection_.Prepare("INSERT INTO traffic(generation, messages, escalated, asked_back, audited) "
                          "VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(generation) DO UPDATE SET messages = messages "
                          "+ ?2, escalated = escalated + ?3, asked_back = asked_back + ?4, audited = audited + ?5"));
  return add.Bind(1, generation)
      .Bind(2, more.messages)
      .Bind(3, more.escalated)
      .Bind(4, more.asked_back)
      .Bind(5, more.audited)
      .Run();
}

Status CandidateStore::Count(int64_t generation, int64_t challenger, const ShadowCounts& more) {
  BANTAM_TRY(SqliteStatement add,
             connection_.Prepare("INSERT INTO shadow(generation, challenger, messages, agreed, more, fewer) VALUES(?1, "
                                 "?2, ?3, ?4, ?5, ?6) ON CONFLICT(generation, challenger) DO UPDATE SET messages = "
                                 "messages + ?3, agreed = agreed + ?4, more = more + ?5, fewer = fewer + ?6"));
  return add.Bind(1, generation)
      .Bind(2, challenger)
      .Bind(3, more.messages)
      .Bind(4, more.agreed)
      .Bind(5, more.more)
      .Bind(6, more.fewer)
      .Run();
}

Result<ShadowCounts> CandidateStore::ShadowOf(int64_t generation, int64_t challenger) {
  BANTAM_TRY(SqliteStatement row, connection_.Prepare("SELECT messages, agreed, more, fewer FROM shadow WHERE "
                                                      "generation = ?1 AND challenger = ?2"));
  row.Bind(1, generation).Bind(2, challenger);
  BANTAM_TRY(const bool found, row.Step());
  return found ? ShadowCounts{row.Int(0), row.Int(1), row.Int(2), row.Int(3)} : ShadowCounts();
}

Status CandidateStore::DropOldest() {
  BANTAM_TRY(const int64_t count, connection_.Number("SELECT count(*) FROM candidates"));
  if (count <= kMostCandidates) return Ok();
  BANTAM_TRY(
      SqliteStatement drop,
      connection_.Prepare("DELETE FROM candidates WHERE id IN (SELECT id FROM candidates WHERE verdict IN (0, 2) "
                          "ORDER BY last_us LIMIT ?1)"));
  return drop.Bind(1, count - kMostCandidates).Run();
}

Result<std::vector<Candidate>> CandidateStore::List(const CandidateFilter& filter) {
  std::string sql =
      "SELECT id, text, request_id, guess, label, confidence_ppm, labelled_by, verdict, sources, audited, heard, "
      "generation, first_us, last_us FROM candidates WHERE id > ?1";
  if (filter.verdict) sql += fmt::format(" AND verdict = {}", static_cast<int>(*filter.verdict));
  if (filter.audited) sql += *filter.audited ? " AND audited > 0" : fmt::format(" AND {}", kLearnable);
  if (filter.labelled) {
    sql += *filter.labelled ? " AND labelled_by > 0" : fmt::format(" AND labelled_by = 0 AND tries < {}", kMostTries);
  }
  if (!filter.ids.empty()) sql += fmt::format(" AND id IN ({})", fmt::join(filter.ids, ", "));
  BANTAM_TRY(SqliteStatement rows, connection_.Prepare(sql + " ORDER BY id LIMIT ?2"));
  rows.Bind(1, filter.after).Bind(2, filter.limit);
  std::vector<Candidate> list;
  for (;;) {
    BANTAM_TRY(const bool found, rows.Step());
    if (!found) return list;
    list.push_back(ReadRow(rows));
  }
}

Result<CandidateCounts> CandidateStore::Counts() {
  CandidateCounts counts;
  const auto number = [&](int64_t& into, std::string_view what, std::string_view where) -> Status {
    BANTAM_TRY(into, connection_.Number(fmt::format("SELECT {} FROM candidates WHERE {}", what, where)));
    return Ok();
  };
  const auto learnable = [&](int64_t& into, Verdict verdict) {
    return number(into, "count(*)",
                  fmt::format("{} AND labelled_by > 0 AND verdict = {}", kLearnable, static_cast<int>(verdict)));
  };
  BANTAM_RETURN_IF_ERROR(
      number(counts.unlabelled, "count(*)", fmt::format("labelled_by = 0 AND tries < {}", kMostTries)));
  BANTAM_RETURN_IF_ERROR(learnable(counts.pending, Verdict::kPending));
  BANTAM_RETURN_IF_ERROR(learnable(counts.accepted, Verdict::kAccepted));
  BANTAM_RETURN_IF_ERROR(learnable(counts.rejected, Verdict::kRejected));
  BANTAM_RETURN_IF_ERROR(learnable(counts.relabelled, Verdict::kRelabelled));
  BANTAM_RETURN_IF_ERROR(number(counts.audited, "ifnull(sum(audited), 0)", "audited > 0"));
  BANTAM_RETURN_IF_ERROR(number(counts.audited_labelled, "ifnull(sum(audited), 0)", "audited > 0 AND labelled_by > 0"));
  return counts;
}

Result<std::map<int64_t, Traffic>> CandidateStore::TrafficOfGenerations() {
  BANTAM_TRY(SqliteStatement rows,
             connection_.Prepare("SELECT generation, messages, escalated, asked_back, audited FROM traffic"));
  std::map<int64_t, Traffic> traffic;
  for (;;) {
    BANTAM_TRY(const bool found, rows.Step());
    if (!found) return traffic;
    traffic[rows.Int(0)] = {rows.Int(1), rows.Int(2), rows.Int(3), rows.Int(4)};
  }
}

Status CandidateStore::Label(int64_t id, std::string_view label) {
  BANTAM_TRY(SqliteStatement set,
             connection_.Prepare("UPDATE candidates SET label = ?2, labelled_by = ?3 WHERE id = ?1 "
                                 "AND labelled_by < ?4"));
  return set.Bind(1, id)
      .Bind(2, label)
      .Bind(3, static_cast<int64_t>(LabelledBy::kTeacher))
      .Bind(4, static_cast<int64_t>(LabelledBy::kPerson))
      .Run();
}

Status CandidateStore::CountTry(int64_t id) {
  BANTAM_TRY(SqliteStatement set, connection_.Prepare("UPDATE candidates SET tries = tries + 1 WHERE id = ?1"));
  return set.Bind(1, id).Run();
}

Result<bool> CandidateStore::Judge(int64_t id, Verdict verdict, std::string_view label) {
  const bool relabelled = verdict == Verdict::kRelabelled;
  BANTAM_TRY(
      SqliteStatement set,
      connection_.Prepare("UPDATE candidates SET verdict = ?2, label = iif(?3, ?4, label), labelled_by = iif(?3, "
                          "?5, labelled_by) WHERE id = ?1"));
  BANTAM_RETURN_IF_ERROR(set.Bind(1, id)
                             .Bind(2, static_cast<int64_t>(verdict))
                             .Bind(3, int64_t{relabelled})
                             .Bind(4, label)
                             .Bind(5, static_cast<int64_t>(LabelledBy::kPerson))
                             .Run());
  return connection_.changes() == 1;
}

Status CandidateStore::Remove(std::span<const int64_t> ids) {
  BANTAM_RETURN_IF_ERROR(Begin());
  BANTAM_TRY(SqliteStatement remove, connection_.Prepare("DELETE FROM candidates WHERE id = ?1"));
  for (const int64_t id : ids) BANTAM_RETURN_IF_ERROR(remove.Bind(1, id).Run());
  remove = SqliteStatement();
  BANTAM_RETURN_IF_ERROR(Commit());
  return connection_.Scrub();
}

Status CandidateStore::Note(const LearningEvent& event) {
  BANTAM_TRY(SqliteStatement add, connection_.Prepare("INSERT INTO events(outcome, detail, request_id, route, "
                                                      "question_sha256) VALUES(?1, ?2, ?3, ?4, ?5)"));
  return add.Bind(1, event.outcome)
      .Bind(2, event.detail)
      .Bind(3, event.request_id)
      .Bind(4, event.route)
      .Bind(5, event.question_sha256)
      .Run();
}

Result<std::vector<LearningEvent>> CandidateStore::Events() {
  BANTAM_TRY(
      SqliteStatement rows,
      connection_.Prepare("SELECT id, outcome, detail, request_id, route, question_sha256 FROM events ORDER BY id"));
  std::vector<LearningEvent> events;
  for (;;) {
    BANTAM_TRY(const bool found, rows.Step());
    if (!found) return events;
    events.push_back({.id = rows.Int(0),
                      .outcome = std::string(rows.Blob(1)),
                      .detail = std::string(rows.Blob(2)),
                      .request_id = std::string(rows.Blob(3)),
                      .route = std::string(rows.Blob(4)),
                      .question_sha256 = std::string(rows.Blob(5))});
  }
}

Status CandidateStore::ForgetEvent(int64_t id) {
  BANTAM_TRY(SqliteStatement remove, connection_.Prepare("DELETE FROM events WHERE id = ?1"));
  return remove.Bind(1, id).Run();
}

}  // namespace bantam
