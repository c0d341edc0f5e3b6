#include "route/privacy/pii.h"

#include <algorithm>
#include <array>

#include "route/privacy/scan.h"

namespace bantam {
namespace {

constexpr std::array<std::string_view, kNumPiiTypes> kNames = {"EMAIL", "PHONE",  "CARD",  "IBAN",
                                                               "IP",    "SECRET", "PERSON"};

}  // namespace

std::string_view PiiTypeName(PiiType type) { return kNames[static_cast<size_t>(type)]; }

std::optional<PiiType> ParsePiiType(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<PiiType>(found - kNames.begin());
}

std::vector<PiiSpan> FindPii(std::string_view text, const std::vector<PiiSpan>& names) {
  // The surest first: the digits of an account are no telephone number, and a key may hold anything.
  std::vector<PiiSpan> found;
  ScanSecrets(text, found);
  ScanEmails(text, found);
  ScanIbans(text, found);
  ScanCards(text, found);
  ScanIps(text, found);
  ScanPhones(text, found);
  found.insert(found.end(), names.begin(), names.end());
  std::vector<bool> taken(found.empty() ? 0 : text.size());
  std::vector<PiiSpan> spans;
  for (const PiiSpan& span : found) {
    const auto begin = taken.begin() + static_cast<ptrdiff_t>(span.begin);
    const auto end = taken.begin() + static_cast<ptrdiff_t>(span.end);
    if (std::find(begin, end, true) != end) continue;
    std::fill(begin, end, true);
    spans.push_back(span);
  }
  std::sort(spans.begin(), spans.end(), [](const PiiSpan& a, const PiiSpan& b) { return a.begin < b.begin; });
  return spans;
}

}  // namespace bantam
