#include "route/late_answers.h"

#include "base/json.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

constexpr int kCheckpointPages = 256;  // 1 MiB
constexpr const char* kVersions[] = {
    "CREATE TABLE answers(id BLOB NOT NULL UNIQUE, changed INTEGER NOT NULL, checksum BLOB NOT NULL, answer BLOB NOT "
    "NULL);"
    "CREATE INDEX answers_changed ON answers(changed);"};
constexpr SqliteSchema kSchema{0x426E544C, kVersions};  // "BnTL"

std::string Fingerprint(const std::string& tenant, const std::string& request_id) {
  const Sha256Digest digest = CacheKey().Add(tenant).Add(request_id).Finish();
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string ToText(const std::string& request_id, const LateAnswer& answer) {
  return ToJson(json::object{{"request_id", request_id},
                             {"state", static_cast<int64_t>(answer.state)},
                             {"text", answer.text},
                             {"model", answer.model},
                             {"problem", answer.problem},
                             {"asked", answer.asked_us},
                             {"ended", answer.ended_us}});
}

Result<json::value> Parse(std::string_view text) {
  return ParseJson(text, "late answer", {.max_depth = 4, .max_bytes = size_t{64} << 20});
}

Result<LateAnswer> FromText(std::string_view text) {
  BANTAM_TRY(const json::value document, Parse(text));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, "late answer"));
  LateAnswer answer;
  BANTAM_TRY(const int64_t state, object.Int("state", 0, static_cast<int64_t>(LateAnswer::State::kGivenUp)));
  answer.state = static_cast<LateAnswer::State>(state);
  BANTAM_TRY(answer.text, object.String("text"));
  BANTAM_TRY(answer.model, object.String("model"));
  BANTAM_TRY(answer.problem, object.String("problem"));
  BANTAM_TRY(answer.asked_us, object.Int("asked", 0, INT64_MAX));
  BANTAM_TRY(answer.ended_us, object.Int("ended", 0, INT64_MAX));
  return answer;
}

}  // namespace

Result<std::unique_ptr<LateAnswers>> LateAnswers::Open(const Path& file) {
  BANTAM_TRY(SqliteConnection connection, SqliteConnection::OpenWriter(file, kSchema));
  std::unique_ptr<LateAnswers> answers(new LateAnswers(std::move(connection)));
  BANTAM_RETURN_IF_ERROR(answers->Prepare());
  return answers;
}

Status LateAnswers::Prepare() {
  BANTAM_TRY(keep_, connection_.Prepare("INSERT OR REPLACE INTO answers(id, changed, checksum, answer) "
                                        "VALUES(?1, ?2, ?3, ?4)"));
  BANTAM_TRY(find_, connection_.Prepare("SELECT checksum, answer FROM answers WHERE id = ?1"));
  BANTAM_TRY(forget_, connection_.Prepare("DELETE FROM answers WHERE changed < ?1"));
  BANTAM_TRY(evict_,
             connection_.Prepare("DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers ORDER BY changed "
                                 "DESC LIMIT -1 OFFSET ?1)"));
  return Ok();
}

Status LateAnswers::Keep(const std::string& tenant, const std::string& request_id, const LateAnswer& answer) {
  const std::string id = Fingerprint(tenant, request_id), text = ToText(request_id, answer),
                    checksum = RowChecksum({id, text});
  const int64_t now = std::max(answer.asked_us, answer.ended_us);
  const std::lock_guard lock(mutex_);
  BANTAM_RETURN_IF_ERROR(keep_.Bind(1, id).Bind(2, now).Bind(3, checksum).Bind(4, text).Run());
  BANTAM_RETURN_IF_ERROR(forget_.Bind(1, now - kKeptMicros).Run());
  BANTAM_RETURN_IF_ERROR(evict_.Bind(1, kMost).Run());
  return connection_.wal_pages() < kCheckpointPages ? Ok() : connection_.Checkpoint();
}

Result<std::optional<LateAnswer>> LateAnswers::Find(const std::string& tenant, const std::string& request_id) {
  const std::string id = Fingerprint(tenant, request_id);
  const std::lock_guard lock(mutex_);
  const Result<bool> found = find_.Bind(1, id).Step();
  std::optional<LateAnswer> answer;
  if (found && *found && find_.Blob(0) == RowChecksum({id, find_.Blob(1)})) {
    if (auto read = FromText(find_.Blob(1))) answer = *std::move(read);
  }
  find_.Reset();
  if (!found) return found.error();
  return answer;
}

Status LateAnswers::Forget(const std::set<std::string>& request_ids) {
  const std::lock_guard lock(mutex_);
  std::vector<int64_t> unwanted;
  {
    BANTAM_TRY(SqliteStatement rows, connection_.Prepare("SELECT rowid, answer FROM answers"));
    for (;;) {
      BANTAM_TRY(const bool found, rows.Step());
      if (!found) break;
      // One that cannot be read could be anybody's.
      const auto document = Parse(rows.Blob(1));
      const json::value* id =
          document && document->is_object() ? document->as_object().if_contains("request_id") : nullptr;
      if (id == nullptr || !id->is_string() || request_ids.contains(std::string(id->get_string())))
        unwanted.push_back(rows.Int(0));
    }
  }
  {
    BANTAM_TRY(SqliteStatement remove, connection_.Prepare("DELETE FROM answers WHERE rowid = ?1"));
    for (const int64_t row : unwanted) BANTAM_RETURN_IF_ERROR(remove.Bind(1, row).Run());
  }
  return connection_.Scrub();
}

}  // namespace bantam
