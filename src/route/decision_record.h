// A call of the router as a record of the audit log.
#pragma once

#include "route/answering.h"
#include "route/audit_log.h"
#include "route/learning/candidate_store.h"
#include "route/send_queued.h"

namespace bantam {

// With the texts, and without what is the same for all calls (the hashes of file and head). `answer` is as far as the
// call came.
AuditRecord RecordOf(const AssistantRequest& request, const Answering& call, const Result<AssistantAnswer>& result,
                     const AssistantAnswer& answer);

// A question that was queued and has left the queue.
AuditRecord RecordOf(const SentQuestion& sent);

// What the teacher said about a candidate; an empty label: not what it was asked for.
AuditRecord RecordOf(const Candidate& candidate, const UpstreamReply& reply, const std::optional<std::string>& label);
AuditRecord RecordOf(const LearningEvent& event);

}  // namespace bantam
