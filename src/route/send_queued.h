// Asks large models what was queued for them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "route/escalation_queue.h"
#include "route/route_file.h"
#include "route/upstream.h"

namespace bantam {

class LateAnswers;

// A question that left the queue.
struct SentQuestion {
  QueuedQuestion question;
  UpstreamReply reply;
  std::string outcome;  // for the audit log: "ok", "upstream_rejected", "upstream_gone", "dropped"
  std::string problem;  // empty: it was answered. Otherwise why it is given up, in words
};
// For whoever asks by its id what became of it.
Status KeepEnd(LateAnswers& late, const SentQuestion& sent);
using TakeSent = std::function<void(const SentQuestion&)>;

// Whether the model may well answer the same question another time.
bool MayBeReachedLater(UpstreamOutcome outcome);

// Oldest first. A question leaves the queue once `take` has returned: where the process is killed meanwhile it is asked
// again. Given up is only what a model refuses for good (a status that is about the question), and what is for a model
// that the file no longer names. After a model's first failure its questions stay until the next call: kUnavailable
// then, with the problem and their number. kDeadline and kCancelled end it between two questions, or within one.
Status SendQueued(EscalationQueue& queue, const RouteFile& file,
                  const std::map<std::string, std::unique_ptr<Upstream>>& upstreams, const TakeSent& take,
                  MonotonicTime deadline, std::stop_token stop);

}  // namespace bantam
