#include "route/yaml_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text_util.h"
#include "route/suggest.h"

namespace bantam {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What a scalar looks like in a message.
std::string Shown(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar) return std::string(YamlKindName(node.kind));
  return fmt::format("\"{}\"", EscapeForTerminal(node.scalar, 60));
}

// Why a text is no number, when the reason is a known trap.
std::string_view NumberMend(std::string_view text) {
  if (text.size() > 1 && text[0] == '0' && IsDigit(text[1]))
    return "; remove the leading zero (it would mean octal to some)";
  if (text.starts_with("0x") || text.starts_with("0o")) return "; write it in decimal";
  if (text.find('_') != std::string_view::npos || text.find(',') != std::string_view::npos) {
    return "; write it without separators";
  }
  if (text.ends_with('%')) return "; write it as a fraction, 0.5 for 50 %";
  return "";
}

}  // namespace

std::string Problems::Line(const YamlProblem& problem) const {
  return fmt::format("{}:{}:{}: {}", file_.string(), problem.place.line, problem.place.column, problem.text);
}

bantam::Error Problems::AsError() const {
  std::vector<YamlProblem> sorted = errors_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const YamlProblem& a, const YamlProblem& b) { return a.place < b.place; });
  std::string text;
  for (size_t i = 0; i < sorted.size() && i < kMostShown; ++i) {
    if (i > 0) text += '\n';
    text += Line(sorted[i]);
  }
  if (sorted.size() > kMostShown) text += fmt::format("\n... and {} more", sorted.size() - kMostShown);
  return Err(ErrorCode::kBadConfig, "{}", text);
}

std::vector<std::string> Problems::Warnings() const {
  std::vector<YamlProblem> sorted = warnings_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const YamlProblem& a, const YamlProblem& b) { return a.place < b.place; });
  std::vector<std::string> lines;
  for (const YamlProblem& problem : sorted) lines.push_back(Line(problem));
  return lines;
}

std::optional<double> ParseStrictNumber(std::string_view text) {
  std::string_view rest = text;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
  if (rest.empty() || !IsDigit(rest[0])) return std::nullopt;
  if (rest.size() > 1 && rest[0] == '0' && IsDigit(rest[1])) return std::nullopt;
  for (size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (!IsDigit(c) && c != '.' && c != 'e' && c != 'E' && !((c == '-' || c == '+') && (rest[i - 1] | 0x20) == 'e')) {
      return std::nullopt;
    }
  }
  if (rest.back() == '.') return std::nullopt;
  if (text[0] == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<int64_t> ParseStrictInteger(std::string_view text) {
  std::string_view digits = text;
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) digits.remove_prefix(1);
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), IsDigit)) return std::nullopt;
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  if (text[0] == '+') text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && (IsDigit(text[digits]) || text[digits] == '.')) ++digits;
  const auto number = ParseStrictNumber(text.substr(0, digits));
  if (!number) return std::nullopt;
  const std::string_view unit = text.substr(digits);
  const double milliseconds = unit == "ms"  ? 1
                              : unit == "s" ? 1e3
                              : unit == "m" ? 60e3
                              : unit == "h" ? 3600e3
                              : unit == "d" ? 86400e3
                                            : 0;
  if (milliseconds == 0) return std::nullopt;
  const double total = *number * milliseconds;
  if (total > 1e15) return std::nullopt;
  return std::chrono::milliseconds(std::llround(total));
}

std::string DurationText(std::chrono::milliseconds duration) {
  const int64_t ms = duration.count();
  if (ms % 86'400'000 == 0 && ms > 0) return fmt::format("{}d", ms / 86'400'000);
  if (ms % 3'600'000 == 0 && ms > 0) return fmt::format("{}h", ms / 3'600'000);
  if (ms % 60'000 == 0 && ms > 0) return fmt::format("{}m", ms / 60'000);
  if (ms % 1'000 == 0 && ms > 0) return fmt::format("{}s", ms / 1'000);
  return fmt::format("{}ms", ms);
}

std::optional<std::string> ReadText(const YamlNode& node, std::string_view what, Problems& problems) {
  if (node.kind == YamlNode::Kind::kScalar) return node.scalar;
  if (node.kind == YamlNode::Kind::kNull) {
    problems.Error(node.place, "\"{}\" is empty; give it a text or remove it", what);
  } else {
    problems.Error(node.place, "\"{}\" is {}; give one text{}", what, YamlKindName(node.kind),
                   node.kind == YamlNode::Kind::kMap ? " (a text that holds \": \", { or } wants quotes)" : "");
  }
  return std::nullopt;
}

std::optional<double> ReadNumber(const YamlNode& node, std::string_view what, double minimum, double maximum,
                                 Problems& problems) {
  const auto number =
      node.kind == YamlNode::Kind::kScalar && node.plain ? ParseStrictNumber(node.scalar) : std::nullopt;
  if (!number) {
    const bool quoted = node.kind == YamlNode::Kind::kScalar && !node.plain && ParseStrictNumber(node.scalar);
    problems.Error(node.place, "\"{}\" is {}, expected a number{}", what, Shown(node),
                   quoted ? "; remove the quotes" : NumberMend(node.scalar));
    return std::nullopt;
  }
  if (*number < minimum || *number > maximum) {
    problems.Error(node.place, "\"{}\" is {}; give a number from {} to {}", what, node.scalar, minimum, maximum);
    return std::nullopt;
  }
  return number;
}

YamlMap::YamlMap(const YamlNode& node, std::string what, Problems& problems)
    : node_(node), what_(std::move(what)), problems_(problems) {
  valid_ = node.kind == YamlNode::Kind::kMap;
  if (!valid_) {
    problems.Error(node.place, "{} is {}, expected a mapping; write \"key: value\" lines below it", what_, Shown(node));
  }
}

const YamlNode::Entry* YamlMap::Find(std::string_view key) {
  asked_.emplace_back(key);
  return node_.Find(key);
}

bool YamlMap::HasList(std::string_view key) const {
  const YamlNode::Entry* entry = node_.Find(key);
  return entry != nullptr && entry->value.kind == YamlNode::Kind::kSequence;
}

YamlPlace YamlMap::PlaceOf(std::string_view key) const {
  const YamlNode::Entry* entry = node_.Find(key);
  return entry == nullptr ? node_.place : entry->value.place;
}

std::string YamlMap::Text(std::string_view key, std::string_view other) {
  const YamlNode::Entry* entry = Find(key);
  if (entry == nullptr) return std::string(other);
  return ReadText(entry->value, key, problems_).value_or(std::string(other));
}

std::string YamlMap::RequiredText(std::string_view key, std::string_view mend) {
  if (!valid_) return {};
  if (!Has(key)) {
    asked_.emplace_back(key);
    problems_.Error(node_.place, "{} has no \"{}\"; {}", what_, key, mend);
    return {};
  }
  const size_t before = problems_.num_errors();
  std::string text = Text(key);
  if (problems_.num_errors() == before && text.find_first_not_of(" \t\r\n") == std::string::npos) {
    problems_.Error(PlaceOf(key), "\"{}\" of {} is empty; {}", key, what_, mend);
  }
  return text;
}

std::optional<double> YamlMap::Number(std::string_view key, double minimum, double maximum) {
  const YamlNode::Entry* entry = Find(key);
  if (entry == nullptr) return std::nullopt;
  return ReadNumber(entry->value, key, minimum, maximum, problems_);
}

int64_t YamlMap::Integer(std::string_view key, int64_t other, int64_t minimum, int64_t maximum) {
  const YamlNode::Entry* entry = Find(key);
  if (entry == nullptr) return other;
  const YamlNode& node = entry->value;
  const auto number =
      node.kind == YamlNode::Kind::kScalar && node.plain ? ParseStrictInteger(node.scalar) : std::nullopt;
  if (!number) {
    problems_.Error(node.place, "\"{}\" is {}, expected a whole number{}", key, Shown(node), NumberMend(node.scalar));
    return other;
  }
  if (*number < minimum || *number > maximum) {
    problems_.Error(node.place, "\"{}\" is {}; give a number from {} to {}", key, *number, minimum, maximum);
    return other;
  }
  return *number;
}

bool YamlMap::Bool(std::string_view key, bool other) {
  const YamlNode::Entry* entry = Find(key);
  if (entry == nullptr) return other;
  const YamlNode& node = entry->value;
  if (node.kind == YamlNode::Kind::kScalar && node.plain && node.scalar == "true") return true;
  if (node.kind == YamlNode::Kind::kScalar && node.plain && node.scalar == "false") return false;
  problems_.Error(node.place, "\"{}\" is {}; write true or false{}", key, Shown(node),
                  node.kind == YamlNode::Kind::kScalar && !node.plain ? " without quotes" : "");
  return other;
}

std::chrono::milliseconds YamlMap::Duration(std::string_view key, std::chrono::milliseconds other,
                                            std::chrono::milliseconds minimum, std::chrono::milliseconds maximum) {
  const YamlNode::Entry* entry = Find(key);
  if (entry == nullptr) return other;
  const YamlNode& node = entry->value;
  const auto duration = node.kind == YamlNode::Kind::kScalar ? ParseDuration(node.scalar) : std::nullopt;
  if (!duration) {
    const bool bare = node.kind == YamlNode::Kind::kScalar && ParseStrictNumber(node.scalar);
    const size_t digits = node.scalar.find_first_not_of("0123456789");
    if (digits != std::string::npos && digits > 0 && ParseDuration("1" + node.scalar.substr(digits))) {
      const bool too_long = ParseStrictNumber(node.scalar.substr(0, digits)).has_value();
      problems_.Error(node.place, "\"{}\" is {}{}; give a duration from {} to {}", key, Shown(node),
                      too_long ? ", which is too long" : "", DurationText(minimum), DurationText(maximum));
      return other;
    }
    problems_.Error(node.place, "\"{}\" is {}, expected a duration; write it with its unit, such as {}", key,
                    Shown(node), bare ? node.scalar + "s" : "500ms, 20s, 30m, 24h or 1d");
    return other;
  }
  if (*duration < minimum || *duration > maximum) {
    problems_.Error(node.place, "\"{}\" is {}; give a duration from {} to {}", key, node.scalar, DurationText(minimum),
                    DurationText(maximum));
    return other;
  }
  return *duration;
}

std::string YamlMap::OneOf(std::string_view key, const std::vector<std::string>& words, std::string_view other) {
  const YamlNode::Entry* entry = Find(key);
  if (entry == nullptr) {
    if (other.empty() && valid_) {
      problems_.Error(node_.place, "{} has no \"{}\"; give one of {}", what_, key, QuotedList(words, "or"));
    }
    return std::string(other);
  }
  const auto text = ReadText(entry->value, key, problems_);
  if (!text) return std::string(other);
  if (std::find(words.begin(), words.end(), *text) != words.end()) return *text;
  const auto nearest = Nearest(*text, words);
  problems_.Error(
      entry->value.place, "\"{}\" is {}; {}", key, Shown(entry->value),
      nearest ? fmt::format("did you mean \"{}\"?", *nearest) : fmt::format("give one of {}", QuotedList(words, "or")));
  return std::string(other);
}

std::vector<std::pair<std::string, YamlPlace>> YamlMap::TextList(std::string_view key) {
  std::vector<std::pair<std::string, YamlPlace>> list;
  const YamlNode* sequence = Sequence(key);
  if (sequence == nullptr) return list;
  for (const YamlNode& item : sequence->items) {
    if (item.kind == YamlNode::Kind::kScalar) {
      list.emplace_back(item.scalar, item.place);
    } else if (item.kind == YamlNode::Kind::kMap && item.entries.size() == 1) {
      problems_.Error(item.place, "an item of \"{}\" is a mapping; put quotes around a text that holds \": \"", key);
    } else {
      problems_.Error(item.place, "an item of \"{}\" is {}; give a text", key, YamlKindName(item.kind));
    }
  }
  return list;
}

bool YamlMap::HasKeyLike(std::string_view key) const {
  const std::vector<std::string> wanted = {std::string(key)};
  return std::any_of(node_.entries.begin(), node_.entries.end(),
                     [&](const YamlNode::Entry& entry) { return Nearest(entry.key, wanted).has_value(); });
}

const YamlNode* YamlMap::Map(std::string_view key) {
  const YamlNode::Entry* entry = Find(key);
  if (entry == nullptr) return nullptr;
  if (entry->value.kind == YamlNode::Kind::kMap) return &entry->value;
  problems_.Error(entry->value.place, "\"{}\" is {}, expected a mapping; write \"key: value\" lines below it", key,
                  Shown(entry->value));
  return nullptr;
}

const YamlNode* YamlMap::Sequence(std::string_view key) {
  const YamlNode::Entry* entry = Find(key);
  if (entry == nullptr) return nullptr;
  if (entry->value.kind == YamlNode::Kind::kSequence) return &entry->value;
  problems_.Error(entry->value.place, "\"{}\" is {}, expected a list; write [a, b] or lines that begin with \"- \"",
                  key, Shown(entry->value));
  return nullptr;
}

void YamlMap::Finish(const std::vector<std::string>& known_elsewhere, std::string_view context) {
  if (!valid_) return;
  for (const YamlNode::Entry& entry : node_.entries) {
    if (std::find(asked_.begin(), asked_.end(), entry.key) != asked_.end()) continue;
    if (std::find(known_elsewhere.begin(), known_elsewhere.end(), entry.key) != known_elsewhere.end()) {
      problems_.Error(entry.key_place, "\"{}\" does nothing with {}; remove it", entry.key, context);
      continue;
    }
    problems_.Error(entry.key_place, "unknown key \"{}\" in {}{}", EscapeForTerminal(entry.key, 60), what_,
                    DidYouMean(entry.key, asked_));
  }
}

}  // namespace bantam
