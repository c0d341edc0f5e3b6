#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/file_io.h"

namespace bantam::cli {
namespace {

// Characters, as a terminal counts most scripts.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

Status Print(std::string_view text) { return WriteAll(STDOUT_FILENO, text, "standard output"); }

void EndQuietlyOnClosedPipe() { std::signal(SIGPIPE, SIG_DFL); }

std::string AlignFields(const std::vector<std::pair<std::string, std::string>>& fields) {
  size_t width = 0;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) width = std::max(width, Width(name));
  }
  std::string out;
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    const std::string margin(width + 2, ' ');
    out += name + margin.substr(Width(name));
    for (const char c : value) {
      out += c;
      if (c == '\n') out += margin;
    }
    out += '\n';
  }
  return out;
}

std::string AlignColumns(const std::vector<std::vector<std::string>>& rows, const std::vector<size_t>& right) {
  std::vector<size_t> widths(rows.empty() ? 0 : rows[0].size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], Width(row[c]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - Width(row[c]), ' ');
      const bool to_right = std::find(right.begin(), right.end(), c) != right.end();
      line += (c > 0 ? "  " : "") + (to_right ? padding + row[c] : row[c] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace bantam::cli
