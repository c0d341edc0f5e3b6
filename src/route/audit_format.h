// One line of the audit log, written and read.
#pragma once

#include <string>
#include <string_view>

#include "route/audit_log.h"

namespace bantam {

inline constexpr int kAuditVersion = 2;  // that is written; 1 is read, too
inline constexpr size_t kMaxAuditLineBytes = size_t{2} << 20;
inline constexpr std::string_view kNoAuditHash = "0000000000000000000000000000000000000000000000000000000000000000";

// The line without its newline; sets *hash to its hash. The texts are made valid UTF-8 and cut to what a line may hold.
std::string FormatAuditLine(const AuditRecord& record, std::string_view previous_hash, std::string* hash);

struct AuditLine {
  AuditRecord record;
  std::string previous_hash;
};
// kCorrupt when it is not a record; `name` begins the message. Says nothing about the hashes' truth.
Result<AuditLine> ParseAuditLine(std::string_view line, std::string_view name);

// A line is BODY,"hash":"HASH"}, with one of two things more before the brace: ,"texts":TEXTS or ,"purged":ID
// (PurgeNote::id).
struct AuditLineParts {
  std::string_view body, hash, texts;
  int64_t purged_by = 0;
};
// Nothing when it does not end as a record does.
std::optional<AuditLineParts> SplitAuditLine(std::string_view line);
// The hash that the line should carry; empty when it does not end as a record does.
std::string HashOfAuditLine(std::string_view line);

// The texts of a record, as a line holds them: {"question":...}; empty when it has none.
std::string FormatAuditTexts(const AuditRecord& record);
// Puts them into the record.
Status ParseAuditTexts(std::string_view texts, std::string_view name, AuditRecord& record);

// The log has the id of a request; the `id` of a reply is that with the kind of the reply before it ("chatcmpl-").
std::string_view RequestIdIn(std::string_view id);

// "2026-11-03T12:00:00.123456Z"; years 1970 to 9999.
std::string FormatTime(int64_t time_us);
std::optional<int64_t> ParseTime(std::string_view text);

}  // namespace bantam
