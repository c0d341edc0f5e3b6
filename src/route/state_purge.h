// Texts leave all that an assistant keeps: its audit log (audit_purge.h), what it has learned (learning/forget.h) and,
// where one person's are meant, its conversations, queue, late answers and cache as well.
//
//   BANTAM_TRY(const StateLock lock, StateLock::Acquire(state_folder));   // no server has it open
//   BANTAM_TRY(const StatePurgeReport report, PurgeState(lock, state_folder, {.session_hash = hash}));
#pragma once

#include <functional>

#include "route/audit_purge.h"
#include "route/learning/forget.h"
#include "route/state_folder.h"

namespace bantam {

struct StatePurgeReport {
  PurgeReport log;
  Forgotten learned;
  int64_t queued = 0;  // questions that waited for a large model
};

// By age alone: the log's texts, and messages that nobody has said since. Otherwise those of a conversation or a
// request: their words in whatever holds them, and the whole cache, in which nobody can tell whose answers are.
// `open` opens encrypted texts where it can: without their words, messages are found by request and digest alone.
Result<StatePurgeReport> PurgeState(const StateLock& lock, const Path& state_folder, const PurgeRequest& request,
                                    const std::function<Status(AuditRecord& record)>& open = {});

// By age, while the assistant answers, learns and writes to its log. kConflict while a challenger is being made, or
// another purge is at it.
Result<StatePurgeReport> PurgeOldTexts(const StateLock& lock, const Path& state_folder, AuditLog& log,
                                       int64_t before_us, const std::stop_token& stop);

}  // namespace bantam
