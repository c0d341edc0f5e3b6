// A value inside tokenizer.json that knows its JSON pointer, so that every error can name the file and the place:
//
//   tokenizer.json: /normalizer/lowercase is "yes", expected true or false
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace bantam::text {

// "/model/vocab" + "a/b" -> "/model/vocab/a~1b" (RFC 6901), made safe to print and cut to a sensible length.
std::string PointerTo(std::string_view parent, std::string_view key);
// Quoted, escaped and cut, for messages.
std::string QuoteForError(std::string_view text);

// Refers to the document and the name it was made from; cheap to copy.
class JsonPart {
 public:
  // `value` may be null: an absent member, which counts as JSON null. Without `file`, errors begin with the pointer.
  JsonPart(const json::value* value, std::string pointer, std::string_view file)
      : value_(value), pointer_(std::move(pointer)), file_(file) {}

  bool IsNull() const { return value_ == nullptr || value_->is_null(); }
  bool Has(std::string_view key) const { return Find(key) != nullptr; }
  // The number `value`, however it is written.
  bool IsNumber(double value) const;
  // Absent members give a part that IsNull().
  JsonPart Member(std::string_view key) const { return {Find(key), PointerTo(pointer_, key), file_}; }

  Result<bool> Bool(std::string_view key) const;
  Result<std::optional<bool>> BoolOrNull(std::string_view key) const;
  Result<std::string> String(std::string_view key) const;
  Result<int64_t> Int(std::string_view key, int64_t minimum, int64_t maximum) const;
  // Elements of an array, with their pointers; at most `maximum` of them.
  Result<std::vector<JsonPart>> Elements(std::string_view key, size_t maximum) const;
  // This value itself.
  Result<std::string> AsString() const;
  Result<double> AsNumber() const;  // finite
  Result<int64_t> AsInt(int64_t minimum, int64_t maximum) const;
  // An object with no members but these: a member that we do not know could change the tokens.
  Status CheckMembers(std::initializer_list<std::string_view> known) const;
  Status CheckObject() const;
  Status CheckArray() const;

  // "FILE: POINTER+below what", e.g. below = "/type".
  Error Wrong(ErrorCode code, std::string_view below, std::string_view what,
              std::source_location where = std::source_location::current()) const;

  const std::string& pointer() const { return pointer_; }

 private:
  const json::value* Find(std::string_view key) const;
  Error Expected(std::string_view expected, std::source_location where = std::source_location::current()) const;
  const json::value* value_;
  std::string pointer_;
  std::string_view file_;
};

}  // namespace bantam::text
