// A line of the audit log. What is read as a record is written as one that reads the same, with a hash that fits.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "route/audit_explain.h"
#include "route/audit_format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bantam;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  HashOfAuditLine(line);
  const auto parsed = ParseAuditLine(line, "line");
  if (!parsed) {
    BANTAM_CHECK(parsed.error().code == ErrorCode::kCorrupt);
    return 0;
  }
  ExplainDecision(parsed->record);
  std::string hash;
  const std::string written = FormatAuditLine(parsed->record, parsed->previous_hash, &hash);
  BANTAM_CHECK(HashOfAuditLine(written) == hash && written.find('\n') == std::string::npos);
  const auto again = ParseAuditLine(written, "line");
  BANTAM_CHECK(again.has_value());
  BANTAM_CHECK(again->record.hash == hash && again->previous_hash == parsed->previous_hash);
  BANTAM_CHECK(again->record.time_us == parsed->record.time_us && again->record.sequence == parsed->record.sequence);
  return 0;
}
