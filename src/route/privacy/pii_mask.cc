#include "route/privacy/pii_mask.h"

#include <fmt/format.h>

#include <algorithm>

#include "route/privacy/scan.h"

namespace bantam {
namespace {

constexpr size_t kLongestPlaceholder = 20;

// Whether a text begins with a placeholder: its length; 0: it does not; npos: it may, when more comes.
size_t PlaceholderLength(std::string_view text) {
  size_t at = 1;  // after the '<'
  const auto more = [&] { return at < text.size() && at < kLongestPlaceholder; };
  while (more() && text[at] >= 'A' && text[at] <= 'Z') ++at;
  if (more() && (at == 1 || text[at++] != '_')) return 0;
  while (more() && IsDigit(text[at])) ++at;
  if (at >= kLongestPlaceholder) return 0;
  if (at >= text.size()) return std::string_view::npos;
  return text[at] == '>' && IsDigit(text[at - 1]) ? at + 1 : 0;
}

}  // namespace

void PiiMask::Reserve(std::string_view text) {
  for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const size_t length = PlaceholderLength(text.substr(at));
    if (length != 0 && length != std::string_view::npos) reserved_.emplace(text.substr(at, length));
  }
}

std::string PiiMask::Placeholder(PiiType type, std::string_view value) {
  std::string& placeholder = placeholders_[{type, std::string(value)}];
  if (!placeholder.empty()) return placeholder;
  do {
    placeholder = fmt::format("<{}_{}>", PiiTypeName(type), ++last_number_[static_cast<size_t>(type)]);
  } while (reserved_.contains(placeholder));
  if (rule_.reversible && rule_.modes[static_cast<size_t>(type)] == PiiMode::kOn) {
    values_.emplace(placeholder, value);
  }
  return placeholder;
}

Result<std::vector<PiiSpan>> PiiMask::FindNames(std::string_view text) const {
  std::vector<PiiSpan> names;
  if (rule_.person.finder == nullptr || rule_.modes[static_cast<size_t>(PiiType::kPerson)] == PiiMode::kOff)
    return names;
  BANTAM_TRY(const std::vector<FoundEntity> found, rule_.person.finder->Find(text));
  for (const FoundEntity& entity : found) {
    const bool is_name = std::ranges::find(rule_.person.labels, entity.label) != rule_.person.labels.end();
    if (is_name && entity.score >= rule_.person.min_score)
      names.push_back({entity.range.begin, entity.range.end, PiiType::kPerson});
  }
  return names;
}

std::string PiiMask::Mask(std::string_view text) {
  const auto names = FindNames(text);
  if (!names) {
    if (status_) status_ = names.error();
    return {};
  }
  std::string masked;
  size_t from = 0;
  for (const PiiSpan& span : FindPii(text, *names)) {
    if (rule_.modes[static_cast<size_t>(span.type)] == PiiMode::kOff) continue;
    masked += text.substr(from, span.begin - from);
    masked += Placeholder(span.type, text.substr(span.begin, span.end - span.begin));
    from = span.end;
  }
  masked += text.substr(from);
  return masked;
}

void PiiMask::Mask(json::value& value) {
  if (value.is_string()) {
    value = Mask(std::string_view(value.get_string()));
  } else if (value.is_array()) {
    for (json::value& item : value.get_array()) Mask(item);
  } else if (value.is_object()) {
    for (auto& [key, item] : value.get_object()) Mask(item);
  }
}

std::string PiiMask::Restore(std::string_view text) const {
  std::string restored;
  PiiRestorer restorer(*this, [&](std::string_view piece) { restored += piece; });
  restorer.Feed(text);
  restorer.Finish();
  return restored;
}

void PiiRestorer::Feed(std::string_view piece) {
  held_ += piece;
  const std::string text = std::exchange(held_, {});
  std::string out;
  size_t from = 0;
  for (size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at)) {
    const size_t length = PlaceholderLength(std::string_view(text).substr(at));
    if (length == std::string_view::npos) {
      held_ = text.substr(at);
      break;
    }
    const auto value = mask_.values_.find(std::string_view(text).substr(at, length));
    if (value != mask_.values_.end()) {
      out.append(text, from, at - from).append(value->second);
      from = at + length;
    }
    at += std::max<size_t>(length, 1);
  }
  out.append(text, from, text.size() - held_.size() - from);
  if (!out.empty()) sink_(out);
}

void PiiRestorer::Finish() {
  if (!held_.empty()) sink_(std::exchange(held_, {}));
}

}  // namespace bantam
