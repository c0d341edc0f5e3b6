// JSON as it comes, without a document in memory: for replies that are written thousands of times a second.
//
//   std::string body;
//   JsonWriter out(body);
//   out.BeginObject().Member("id", id).Key("choices").BeginArray().EndArray().EndObject();
//
// Whoever writes sees to it that keys are told apart and that what is begun is ended.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace bantam {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& BeginObject() { return Begin('{'); }
  JsonWriter& EndObject() { return End('}'); }
  JsonWriter& BeginArray() { return Begin('['); }
  JsonWriter& EndArray() { return End(']'); }
  JsonWriter& Key(std::string_view key) {
    Separate();
    AppendQuotedJson(key, out_);
    out_ += ':';
    first_ = true;
    return *this;
  }

  JsonWriter& Value(std::string_view text) {
    Separate();
    AppendQuotedJson(text, out_);
    return *this;
  }
  JsonWriter& Value(const char* text) { return Value(std::string_view(text)); }
  JsonWriter& Value(double number) {
    Separate();
    AppendJsonNumber(number, out_);
    return *this;
  }
  JsonWriter& Value(std::integral auto number) {
    Separate();
    fmt::format_to(std::back_inserter(out_), "{}", number);  // true and false as well
    return *this;
  }
  JsonWriter& Value(std::nullptr_t) {
    Separate();
    out_ += "null";
    return *this;
  }
  JsonWriter& Value(const json::value& value) {
    Separate();
    out_ += ToJson(value);
    return *this;
  }
  JsonWriter& Value(const std::vector<std::string>& texts) {
    BeginArray();
    for (const std::string& text : texts) Value(text);
    return EndArray();
  }
  template <typename T>
  JsonWriter& Value(const std::optional<T>& value) {
    return value ? Value(*value) : Value(nullptr);
  }

  template <typename T>
  JsonWriter& Member(std::string_view key, const T& value) {
    return Key(key).Value(value);
  }
  // null where there is no text.
  JsonWriter& MemberOrNull(std::string_view key, std::string_view text) {
    return text.empty() ? Member(key, nullptr) : Member(key, text);
  }

 private:
  JsonWriter& Begin(char bracket) {
    Separate();
    out_ += bracket;
    first_ = true;
    return *this;
  }
  JsonWriter& End(char bracket) {
    out_ += bracket;
    first_ = false;
    return *this;
  }
  void Separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  std::string& out_;
  bool first_ = true;  // of what was begun
};

}  // namespace bantam
