#include "text/json_part.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/text_util.h"

namespace bantam::text {
namespace {

// What the value is, for a message: containers by kind only, they may be long.
std::string Describe(const json::value* value) {
  if (value == nullptr) return "missing";
  if (value->is_object()) return "an object";
  if (value->is_array()) return "an array";
  return EscapeForTerminal(ToJson(*value), 80);
}

}  // namespace

std::string PointerTo(std::string_view parent, std::string_view key) {
  std::string pointer(parent);
  pointer += '/';
  for (const char c : EscapeForTerminal(key, 80)) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

std::string QuoteForError(std::string_view text) { return fmt::format("\"{}\"", EscapeForTerminal(text, 80)); }

const json::value* JsonPart::Find(std::string_view key) const {
  if (value_ == nullptr || !value_->is_object()) return nullptr;
  return value_->get_object().if_contains(key);
}

bool JsonPart::IsNumber(double value) const {
  return value_ != nullptr && value_->is_number() && value_->to_number<double>() == value;
}

Result<double> JsonPart::AsNumber() const {
  if (value_ == nullptr || !value_->is_number()) return Expected("a number");
  return value_->to_number<double>();
}

Error JsonPart::Wrong(ErrorCode code, std::string_view below, std::string_view what, std::source_location where) const {
  std::string place = pointer_ + std::string(below);
  if (place.empty()) place = "the document";
  std::string message = fmt::format("{}{}{}", file_, file_.empty() ? "" : ": ", place);
  if (!what.empty()) message += fmt::format(" {}", what);
  return Error{code, std::move(message), where};
}

Error JsonPart::Expected(std::string_view expected, std::source_location where) const {
  return Wrong(ErrorCode::kCorrupt, "", fmt::format("is {}, expected {}", Describe(value_), expected), where);
}

Status JsonPart::CheckObject() const {
  if (value_ == nullptr || !value_->is_object()) return Expected("an object {...}");
  return Ok();
}

Status JsonPart::CheckArray() const {
  if (value_ == nullptr || !value_->is_array()) return Expected("an array [...]");
  return Ok();
}

Status JsonPart::CheckMembers(std::initializer_list<std::string_view> known) const {
  BANTAM_RETURN_IF_ERROR(CheckObject());
  for (const auto& [key, unused] : value_->get_object()) {
    if (std::find(known.begin(), known.end(), std::string_view(key)) == known.end()) {
      return Member(key).Wrong(
          ErrorCode::kUnsupported, "",
          fmt::format("is not a member that this version knows; known: {}", fmt::join(known, ", ")));
    }
  }
  return Ok();
}

Result<bool> JsonPart::Bool(std::string_view key) const {
  const json::value* value = Find(key);
  if (value == nullptr || !value->is_bool()) return Member(key).Expected("true or false");
  return value->get_bool();
}

Result<std::optional<bool>> JsonPart::BoolOrNull(std::string_view key) const {
  const JsonPart member = Member(key);
  if (member.IsNull()) return std::optional<bool>();
  if (!member.value_->is_bool()) return member.Expected("true, false or null");
  return std::optional<bool>(member.value_->get_bool());
}

Result<std::string> JsonPart::String(std::string_view key) const { return Member(key).AsString(); }

Result<std::string> JsonPart::AsString() const {
  if (value_ == nullptr || !value_->is_string()) return Expected("a string");
  return std::string(value_->get_string());
}

Result<int64_t> JsonPart::Int(std::string_view key, int64_t minimum, int64_t maximum) const {
  return Member(key).AsInt(minimum, maximum);
}

Result<int64_t> JsonPart::AsInt(int64_t minimum, int64_t maximum) const {
  if (value_ == nullptr || !value_->is_int64() || value_->get_int64() < minimum || value_->get_int64() > maximum) {
    return Expected(fmt::format("an integer from {} to {}", minimum, maximum));
  }
  return value_->get_int64();
}

Result<std::vector<JsonPart>> JsonPart::Elements(std::string_view key, size_t maximum) const {
  const JsonPart member = Member(key);
  BANTAM_RETURN_IF_ERROR(member.CheckArray());
  const json::array& array = member.value_->get_array();
  if (array.size() > maximum) {
    return member.Wrong(ErrorCode::kTooLarge, "",
                        fmt::format("has {} elements, the limit is {}", array.size(), maximum));
  }
  std::vector<JsonPart> elements;
  elements.reserve(array.size());
  for (size_t i = 0; i < array.size(); ++i) {
    elements.emplace_back(&array[i], fmt::format("{}/{}", member.pointer_, i), file_);
  }
  return elements;
}

}  // namespace bantam::text
