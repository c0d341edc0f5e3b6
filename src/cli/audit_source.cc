#include "cli/audit_source.h"

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/text_util.h"
#include "route/audit_format.h"
#include "route/router.h"
#include "route/state_folder.h"
#include "route/yaml_reader.h"

namespace bantam::cli {

void AddLogSource(CLI::App& app, AuditSource& source) {
  AddAssistantOption(app, source.assistant);
  app.add_option("--log", source.log, "The log file itself")->type_name("PATH");
}

void AddAuditSource(CLI::App& app, AuditSource& source) {
  AddLogSource(app, source);
  app.add_option("--key-file", source.key_file, "The key to encrypted texts; default: the route file's")
      ->type_name("PATH");
}

Result<Path> LogFile(const AuditSource& source) {
  if (!source.log.empty()) return Path(source.log);
  BANTAM_TRY(const Path folder, FindStateFolder(source.assistant));
  return StateFiles(folder).audit;
}

Result<const AuditKey*> TextOpener::Key() {
  if (!key_) {
    std::shared_ptr<const AuditKey> key;
    if (!source_.key_file.empty()) {
      BANTAM_TRY(key, AuditKey::Load(source_.key_file));
    } else if (!source_.assistant.config.empty()) {
      BANTAM_TRY(const RouteFile file, LoadRouteFile(source_.assistant.config));
      BANTAM_TRY(key, LoadAuditKey(file));
    }
    key_ = std::move(key);
  }
  return key_->get();
}

Status TextOpener::Open(AuditRecord& record) {
  if (record.sealed.empty()) return Ok();
  BANTAM_TRY(const AuditKey* key, Key());
  return OpenTexts(key, record);
}

Status TextOpener::OpenIfAny(AuditRecord& record) {
  if (record.sealed.empty()) return Ok();
  BANTAM_TRY(const AuditKey* key, Key());
  return key == nullptr ? Ok() : OpenTexts(key, record);
}

Result<int64_t> ParseWhen(std::string_view option, std::string_view text) {
  if (const auto ago = ParseDuration(text)) return WallMicros() - std::chrono::microseconds(*ago).count();
  std::string whole(text);
  if (whole.size() == 10) whole += "T00:00:00Z";
  if (whole.ends_with('Z') && whole.find('.') == std::string::npos) whole.insert(whole.size() - 1, ".000000");
  if (const auto time = ParseTime(whole)) return *time;
  return Err(ErrorCode::kInvalidArgument,
             "{} is \"{}\"; write a day (2026-11-03), a time in UTC (2026-11-03T12:00:00Z), or how long ago (7d)",
             option, EscapeForTerminal(text, 60));
}

}  // namespace bantam::cli
