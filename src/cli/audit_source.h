// Options of the commands that read an assistant's audit log: which file it is, and the key to its texts.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/assistant_option.h"
#include "route/audit_key.h"

namespace bantam::cli {

struct AuditSource {
  AssistantOption assistant;
  std::string log;       // the file itself
  std::string key_file;  // in place of the route file's
};

void AddLogSource(CLI::App& app, AuditSource& source);    // which log
void AddAuditSource(CLI::App& app, AuditSource& source);  // and the key
Result<Path> LogFile(const AuditSource& source);

// Opens encrypted texts. The key is read when the first are met; outlived by its source.
class TextOpener {
 public:
  explicit TextOpener(const AuditSource& source) : source_(source) {}
  Status Open(AuditRecord& record);
  // The same; without any key the texts stay as they are.
  Status OpenIfAny(AuditRecord& record);

 private:
  Result<const AuditKey*> Key();
  const AuditSource& source_;
  std::optional<std::shared_ptr<const AuditKey>> key_;
};

// "2026-11-03", "2026-11-03T12:00:00Z" (UTC), or "7d": that long before now. Microseconds since 1970; `option` is named
// in errors.
Result<int64_t> ParseWhen(std::string_view option, std::string_view text);

}  // namespace bantam::cli
