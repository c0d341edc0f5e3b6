// What people say of an answer afterwards. It becomes a record of its own in the audit log's chain, which whoever
// learns from the log reads: decision "feedback", source "person", request_id that of the answer, outcome "right" or
// "wrong", route the right one ("oos": none of them; empty: not said). The latest one about an answer counts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "learn/examples.h"
#include "route/audit_log.h"
#include "route/route_file.h"

namespace bantam {

struct Feedback {
  std::string request_id;
  bool right = false;
  std::string right_route;  // kOutOfScopeLabel: none of them; empty: not said
};

struct FeedbackReceipt {
  bool recorded = false;    // false: the same was said before
  std::string right_route;  // that was recorded, now or then
};

// The latest answers, by request id: what feedback can be about. One thread at a time.
class AnswerBook {
 public:
  static constexpr size_t kMostAnswers = 10'000;

  struct Answer {
    std::string route, question_sha256, answer_sha256;
    std::string question;  // as it is in the log; empty where texts are not kept
    double confidence = 0;
    std::optional<Feedback> feedback;  // the latest
  };

  void Add(const AuditRecord& record);
  // Of an answer, the latest of that id (clients may choose theirs); null when it is not among the latest. Looks at one
  // after the other: every answer is added, few are spoken of.
  Answer* Find(std::string_view request_id);
  // Takes those of an earlier run, once; trouble with the file is logged.
  void ReadLog(const Path& file);

 private:
  struct Entry {
    std::string request_id;
    Answer answer;
  };

  std::vector<Entry> entries_;  // a ring once it is full: its strings keep their memory
  size_t latest_ = 0;           // in entries_
  bool log_was_read_ = false;
};

// The record of a feedback on `answer`, or an error that says what does not fit.
Result<AuditRecord> FeedbackRecord(const Feedback& feedback, const AnswerBook::Answer& answer, const RouteFile& file);

}  // namespace bantam
