#include "route/retention.h"

#include <algorithm>

#include "base/log.h"
#include "route/router_parts.h"
#include "route/state_purge.h"

namespace bantam {

Status TakeOutOldTexts(const RouterParts& parts, const std::stop_token& stop) {
  const auto retention = std::chrono::microseconds(parts.file.audit_retention);
  if (retention.count() == 0 || parts.audit == nullptr || parts.lock == nullptr) return Ok();
  BANTAM_TRY(const StatePurgeReport report,
             PurgeOldTexts(*parts.lock, parts.state_folder, *parts.audit, WallMicros() - retention.count(), stop));
  if (report.log.records > 0) {
    Log(LogLevel::kInfo, "audit.retention: the texts of {} records were taken out of the audit log",
        report.log.records);
  }
  if (report.learned.candidates + report.learned.examples > 0) {
    Log(LogLevel::kInfo, "audit.retention: {} candidates and {} examples of learned heads were taken out",
        report.learned.candidates, report.learned.examples);
  }
  return Ok();
}

std::chrono::milliseconds RetentionPause(std::chrono::milliseconds retention) {
  return std::clamp<std::chrono::milliseconds>(retention / 24, std::chrono::hours(1), std::chrono::hours(24));
}

}  // namespace bantam
