#include "route/logged_messages.h"

#include <map>

#include "base/sha256.h"
#include "route/audit_reader.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

// What one sort of judge said. A teacher is asked once about a text, however often it is said, so what was said of a
// message holds for others of the same words.
class Said {
 public:
  void Add(const AuditRecord& record) {
    by_id_[record.request_id] = record.route;
    by_digest_[record.question_sha256] = record.route;
  }
  void SpreadOver(const std::vector<LoggedMessage>& messages) {
    for (const LoggedMessage& message : messages) {
      const auto found = by_id_.find(message.record.request_id);
      if (found != by_id_.end()) by_text_[NormalizeQuestion(message.record.question)] = found->second;
    }
  }
  // Null: nothing. By its digest a message is found whose judged twin stands before all that was read.
  const std::string* Of(const AuditRecord& record) const {
    const std::string* said = Find(by_id_, record.request_id);
    if (said == nullptr && !by_text_.empty()) said = Find(by_text_, NormalizeQuestion(record.question));
    return said != nullptr ? said : Find(by_digest_, record.question_sha256);
  }

 private:
  using Routes = std::map<std::string, std::string>;
  static const std::string* Find(const Routes& routes, const std::string& key) {
    const auto found = routes.find(key);
    return found == routes.end() ? nullptr : &found->second;
  }
  Routes by_id_, by_digest_, by_text_;
};

struct Judges {
  Said teacher, person;

  void Add(const AuditRecord& record) {
    if (record.route.empty()) return;
    // Of what people did to candidates only a new label has a route.
    if (record.decision == kFeedbackDecision || record.decision == kLearningDecision) person.Add(record);
    if (record.decision == kLabelDecision) teacher.Add(record);
  }
  void Assign(std::vector<LoggedMessage>& messages) {
    teacher.SpreadOver(messages);
    person.SpreadOver(messages);
    for (LoggedMessage& message : messages) {
      const std::string* by_teacher = teacher.Of(message.record);
      const std::string* by_person = person.Of(message.record);
      message.by_teacher = by_teacher != nullptr;
      if (by_teacher != nullptr) message.right_route = *by_teacher;
      if (by_person != nullptr) message.right_route = *by_person;
    }
  }
};

bool WasJudged(const AuditRecord& record) {
  return IsAnswer(record) && (record.source == "rule" || !record.nearest.empty());
}

}  // namespace

json::object LeftOutJson(const LeftOut& left_out) {
  return {{"without_texts", left_out.without_texts},
          {"other_texts", left_out.other_texts},
          {"in_conversation", left_out.in_conversation},
          {"beyond_limit", left_out.beyond_limit}};
}

Result<LoggedMessages> ReadLoggedMessages(const Path& log, const LoggedMessagesOptions& options) {
  LoggedMessages loaded;
  Judges judges;
  Status opened = Ok();
  BANTAM_TRY(AuditReader reader,
             options.latest_lines > 0 ? AuditReader::OpenAtLast(log, options.latest_lines) : AuditReader::Open(log));
  BANTAM_RETURN_IF_ERROR(ReadRecords(reader, [&](const AuditRecord& record, std::string_view) {
    judges.Add(record);
    if (!WasJudged(record)) return true;
    if (record.source == "rule" || record.asked) return ++loaded.left_out.in_conversation, true;
    if (record.cost > 0) {
      loaded.asked_cost += record.cost;
      ++loaded.asked;
    }
    AuditRecord message = record;
    if (!message.sealed.empty() && options.open) opened = options.open(message);
    if (!opened) return false;
    if (message.question.empty()) {
      ++loaded.left_out.without_texts;
    } else if (Sha256Hex(message.question) != message.question_sha256) {
      ++loaded.left_out.other_texts;
    } else {
      message.answer = {};
      message.sealed = {};
      loaded.messages.push_back({std::move(message), {}});
    }
    return true;
  }));
  BANTAM_RETURN_IF_ERROR(opened);
  const auto most = static_cast<size_t>(options.limit);
  if (most > 0 && loaded.messages.size() > most) {
    loaded.left_out.beyond_limit = static_cast<int64_t>(loaded.messages.size() - most);
    loaded.messages.erase(loaded.messages.begin(), loaded.messages.end() - options.limit);
  }
  judges.Assign(loaded.messages);
  return loaded;
}

}  // namespace bantam
