// Decides the messages of an audit log again, by the route file and the head of a router, or each by the head that
// decided it then, and compares: which scores have the same bits, which decisions change, and what that does to costs
// and to errors that people or a teacher told.
//
//   BANTAM_TRY(const RedecideReport report, Redecide(*router, log, {}));
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "route/logged_heads.h"
#include "route/logged_messages.h"
#include "route/router.h"

namespace bantam {

struct RedecideOptions {
  int64_t limit = 0;                                     // of messages, the latest ones; 0: all
  std::function<Status(AuditRecord& record)> open = {};  // encrypted texts
  std::function<void(double fraction)> progress = {};
  LoggedHeads* heads = nullptr;  // where they have the head that decided a message, it does so again
};

// A head that decided messages then, and not now.
struct OtherHead {
  std::string head_sha256;
  int64_t messages = 0;
  std::optional<int64_t> generation = {};  // as the log says, where it does
};

struct DecidedAs {
  std::string decision, route;
  double confidence = 0, threshold = 0;
};

struct ChangedDecision {
  int64_t sequence = 0;
  std::string request_id, question;
  DecidedAs before, after;
  std::string right_route;  // as somebody said; empty: nobody did
};

// What became of messages; "here" is an answer or a form.
struct ChangeCounts {
  int64_t same = 0;
  int64_t handed_on = 0;  // was answered here, and is not any more
  int64_t taken = 0;      // is answered here, and was not
  int64_t otherwise = 0;  // another route, or another way not to answer
};

struct RedecideReport {
  int64_t messages = 0;   // that were decided again
  int64_t same_bits = 0;  // of their scores: the confidence and the similarities of the nearest examples
  std::vector<ChangedDecision> changes;
  // Of the messages, by the confidence that they get now, in equal steps from 0 to 1.
  std::array<ChangeCounts, 40> by_confidence;
  double threshold_before = 0, threshold_after = 0;  // that most were held to; infinity: nothing was answered here
  // Of the messages, those that were decided by another one then: equal bits are not to be expected.
  int64_t other_route_file = 0, other_head = 0, other_isa = 0;
  std::vector<OtherHead> other_heads;  // in the log's order; their messages are other_head
  LeftOut left_out;                    // not decided again
  // To a large model: what it cost, and what it would cost, at the log's mean price where it was not asked then.
  int64_t asked_before = 0, asked_after = 0;
  double cost_before = 0, cost_after = 0;
  // Of the messages that somebody told the right route of: those answered here by another one.
  int64_t labelled = 0, wrong_before = 0, wrong_after = 0;
};

Result<RedecideReport> Redecide(Router& router, const Path& log, const RedecideOptions& options);

}  // namespace bantam
