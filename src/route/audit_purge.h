// Texts leave the audit log, and the chain stays: what is left of each line is what the chain was made over, with the
// id of the purge that took its texts out (PurgeNote); its record is appended, and tells which and how many, with a
// digest of all those lines. Lines of version 1 had their texts inside what was hashed: their own hash can no longer be
// checked, and that digest is what proves them.
//
//   BANTAM_TRY(const PurgeReport report, PurgeAuditLog(file, {.session_hash = hash}));
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "route/audit_log.h"

namespace bantam {

// All that are named have to fit; at least one is.
struct PurgeRequest {
  std::optional<int64_t> before_us = {};  // records older than this
  std::string session_hash = {};
  std::string request_id = {};
  bool dry_run = false;  // only count
};

// Whether a record is one of those, whether or not it has texts.
bool Names(const PurgeRequest& request, const AuditRecord& record);

struct PurgeReport {
  int64_t records = 0;        // whose texts were taken out
  int64_t sequence = 0;       // of the record that says so; 0: there was nothing to take out
  bool torn_removed = false;  // FILE.torn, in which nobody can tell whose texts are
};

// Records are appended meanwhile: they wait only for what came last to be copied. The file is written anew beside the
// old one and renamed over it: a crash leaves the old log or the new one, an error the old one, in use as before.
// kConflict while another purge is at it; kCorrupt for a log whose chain does not hold; kCancelled.
Result<PurgeReport> PurgeAuditLog(AuditLog& log, const PurgeRequest& request, const std::stop_token& stop = {});
// Of a log that nobody has open: kConflict while a process writes it.
Result<PurgeReport> PurgeAuditLog(const Path& file, const PurgeRequest& request);

}  // namespace bantam
