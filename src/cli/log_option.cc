#include "cli/log_option.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

namespace bantam::cli {

void LogOption::AddTo(CLI::App& app) {
  app.add_option(
         "--log-format", format_,
         "Log on standard error for machines: a line for each event and each request, as JSON or as name=value. "
         "Never a text or a key")
      ->check(CLI::IsMember({"json", "text"}))
      ->type_name("json|text");
}

std::unique_ptr<LogWriter> LogOption::Open() const {
  if (!given()) return nullptr;
  return std::make_unique<LogWriter>(STDERR_FILENO, format_ == "json" ? LogFormat::kJson : LogFormat::kText,
                                     LogLevel::kInfo);
}

}  // namespace bantam::cli
