#include "route/logged_messages.h"

#include <map>

#include "base/sha256.h"
#include "route/audit_reader.h"
#include "route/result_cache.h"

namespace bantam {
namespace {

// Which routes are right. A teacher is asked once about a text, however often it is said, so what was said of a message
// holds for others of the same words; and what a person said for all of them, whatever the teacher finds.
class RightRoutes {
 public:
  void Add(const AuditRecord& record) {
    if (record.route.empty()) return;
    if (record.decision == kFeedbackDecision) by_person_[record.request_id] = record.route;
    if (record.decision != kLabelDecision) return;
    by_teacher_[record.request_id] = record.route;
    by_digest_[record.question_sha256] = record.route;
  }

  void Assign(std::vector<LoggedMessage>& messages) const {
    if (by_person_.empty() && by_teacher_.empty()) return;
    std::map<std::string, std::string> by_text;
    for (const auto* told : {&by_teacher_, &by_person_}) {
      for (const LoggedMessage& message : messages) {
        const auto found = told->find(message.record.request_id);
        if (found != told->end()) by_text[NormalizeQuestion(message.record.question)] = found->second;
      }
    }
    for (LoggedMessage& message : messages) {
      // The message that the teacher was asked about may stand before all of these.
      if (!Take(by_person_, message.record.request_id, message) &&
          !Take(by_text, NormalizeQuestion(message.record.question), message))
        Take(by_digest_, message.record.question_sha256, message);
    }
  }

 private:
  using Told = std::map<std::string, std::string>;
  static bool Take(const Told& told, const std::string& key, LoggedMessage& message) {
    const auto found = told.find(key);
    if (found == told.end()) return false;
    message.right_route = found->second;
    return true;
  }
  Told by_person_, by_teacher_;  // by request id
  Told by_digest_;               // by what the question of a teacher's label hashes to
};

bool WasJudged(const AuditRecord& record) {
  return IsAnswer(record) && (record.source == "rule" || !record.nearest.empty());
}

}  // namespace

Result<LoggedMessages> ReadLoggedMessages(const Path& log, const LoggedMessagesOptions& options) {
  LoggedMessages loaded;
  RightRoutes right_routes;
  Status opened = Ok();
  BANTAM_RETURN_IF_ERROR(ReadAuditLogFrom(log, options.offset, [&](const AuditRecord& record, std::string_view) {
    right_routes.Add(record);
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
  right_routes.Assign(loaded.messages);
  return loaded;
}

}  // namespace bantam
