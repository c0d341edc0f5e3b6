// The messages of an audit log that can be decided again, with what is known about them by now: the route that is
// right, as a person or a teacher said, and what large models cost.
//
//   BANTAM_TRY(const LoggedMessages log, ReadLoggedMessages(file, {.limit = 1000}));
//
// That takes the text, as it was said, of a message that was decided on by itself; the others are counted by what
// stands in the way.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "route/audit_log.h"

namespace bantam {

struct LoggedMessage {
  AuditRecord record;       // without its answer
  std::string right_route;  // kOutOfScopeLabel: none of them; empty: nobody said. A person's word before a teacher's
  // A teacher labelled it, as it does all that is drawn for the audit. People choose what they say something about.
  bool by_teacher = false;
};

struct LeftOut {
  int64_t without_texts = 0;    // never kept, or taken out since
  int64_t other_texts = 0;      // masked or cut: not what was decided on
  int64_t in_conversation = 0;  // turns of forms, choices, and what followed a question of ours
  int64_t beyond_limit = 0;
};
json::object LeftOutJson(const LeftOut& left_out);

struct LoggedMessages {
  std::vector<LoggedMessage> messages;  // in the log's order
  LeftOut left_out;
  int64_t asked = 0;      // of all in the log, those that a large model was paid for
  double asked_cost = 0;  // in all

  std::optional<double> mean_cost() const {
    return asked == 0 ? std::nullopt : std::optional(asked_cost / static_cast<double>(asked));
  }
};

struct LoggedMessagesOptions {
  int64_t limit = 0;                                     // of messages, the latest ones; 0: all
  int64_t latest_lines = 0;                              // of the log: nothing before them is read; 0: all
  std::function<Status(AuditRecord& record)> open = {};  // encrypted texts
};

Result<LoggedMessages> ReadLoggedMessages(const Path& log, const LoggedMessagesOptions& options);

}  // namespace bantam
