// One decision of the audit log, told in sentences: `bantam audit why ID`.
#pragma once

#include <string>

#include "route/audit_log.h"

namespace bantam {

// Several lines, each ending with a newline. What came from outside is escaped for a terminal.
std::string ExplainDecision(const AuditRecord& record);

}  // namespace bantam
