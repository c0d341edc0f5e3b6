#include "api/request_log.h"

#include <charconv>
#include <deque>

#include "base/log.h"

namespace bantam {
namespace {

constexpr size_t kMostOfAPath = 256;

std::vector<LogField> FieldsOf(const HttpRequest& request, int status) {
  return {{"request_id", request.request_id},
          {"method", std::string_view(request.method).substr(0, 32)},
          {"path", std::string_view(request.path).substr(0, kMostOfAPath)},
          {"status", status}};
}

void Write(int status, const std::vector<LogField>& fields) {
  LogEvent(status >= 500 ? LogLevel::kError : LogLevel::kInfo, "request", fields);
}

// "X-Bantam-Queue-Ms" -> "queue_ms"; nothing for what the log has no use for.
std::string FieldName(std::string_view header) {
  constexpr std::string_view kOurs = "X-Bantam-";
  if (!header.starts_with(kOurs) || header.ends_with("-Sha256")) return {};
  std::string name(header.substr(kOurs.size()));
  for (char& c : name) c = c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

LogField FieldOf(std::string_view name, std::string_view value) {
  double number = 0;
  if (name.ends_with("_ms") && std::from_chars(value.begin(), value.end(), number).ec == std::errc()) {
    return {name, number};
  }
  int64_t count = 0;
  if (name.ends_with("tokens") && std::from_chars(value.begin(), value.end(), count).ec == std::errc()) {
    return {name, count};
  }
  return {name, value};
}

}  // namespace

void LogRequest(const HttpRequest& request, const HttpApp::Finished& finished) {
  std::vector<LogField> fields = FieldsOf(request, finished.status);
  fields.push_back({"ms", finished.milliseconds});
  fields.push_back({"received_bytes", request.body.size()});
  fields.push_back({"sent_bytes", finished.sent_bytes});
  const std::string key = request.notes->key_name();
  if (!key.empty()) fields.push_back({"key", key});
  const ReplyNotes::Pairs headers = request.notes->headers();
  std::deque<std::string> names;  // that fields refer to
  for (const auto& [header, value] : headers) {
    if (std::string name = FieldName(header); !name.empty()) {
      fields.push_back(FieldOf(names.emplace_back(std::move(name)), value));
    }
  }
  Write(finished.status, fields);
}

void LogRefusal(const HttpRequest& request, int status) { Write(status, FieldsOf(request, status)); }

}  // namespace bantam
