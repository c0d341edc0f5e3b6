// Strict JSON (RFC 8259) on top of Boost.JSON, with what Boost leaves open decided here: duplicate keys, numbers that
// overflow to infinity, invalid UTF-8 and deep nesting are errors, and each error names the place.
//
//   BANTAM_TRY(json::value document, ParseJson(text, "config.json"));
//   BANTAM_TRY(JsonObject config, JsonObject::From(document, "config.json"));
//   BANTAM_TRY(int64_t layers, config.Int("num_hidden_layers", 1, 1024));
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bantam {

namespace json = boost::json;

struct JsonLimits {
  size_t max_depth = 64;
  size_t max_bytes = size_t{256} << 20;
};

// Takes the members of one large object or array as they are read, in place of the document, which holds {} or []
// there: a vocabulary of a million entries then costs no tree. `key` is empty for an array. Duplicate keys are the
// receiver's to find. A scalar in that place (a null, say) goes to the document as usual.
struct JsonStream {
  std::vector<std::string> path;  // object keys from the top, e.g. {"model", "vocab"}
  std::function<Status(std::string_view key, json::value&& value)> member;
};

// `name` begins the error message: "config.json:3:14: duplicate key "vocab_size"" (line and column from 1, in bytes).
// kTooLarge above max_bytes, kInvalidArgument otherwise.
Result<json::value> ParseJson(std::string_view text, std::string_view name, const JsonLimits& limits = {});
// The same; an error from a stream's `member` is returned with its own code, after the place.
Result<json::value> ParseJson(std::string_view text, std::string_view name, const JsonLimits& limits,
                              std::span<const JsonStream> streams);

// The same with every value in `storage`, which outlives the document: a boost::json::monotonic_resource of the
// caller's saves a short document its many small allocations, and gives nothing back before its end.
Result<json::value> ParseJsonInto(json::storage_ptr storage, std::string_view text, std::string_view name,
                                  const JsonLimits& limits = {});

// Compact; numbers print the shortest form that reads back the same, NaN and infinity as null.
std::string ToJson(const json::value& value);
void AppendJsonNumber(double number, std::string& out);
void AppendJsonNumber(float number, std::string& out);  // shortest for a float: embeddings
// One string, quoted and escaped.
std::string QuoteJson(std::string_view text);
void AppendQuotedJson(std::string_view text, std::string& out);

// Typed, checked look-ups with errors such as: `config.json: "hidden_size" is "384", expected an integer from 1 to
// 65536`. Refers to the object it was made from; cheap to copy.
class JsonObject {
 public:
  static Result<JsonObject> From(const json::value& value, std::string_view name);

  const json::value* Find(std::string_view key) const;  // null when absent; JSON null counts as present
  bool Has(std::string_view key) const { return Find(key) != nullptr; }
  Result<int64_t> Int(std::string_view key, int64_t minimum, int64_t maximum) const;
  Result<double> Number(std::string_view key, double minimum, double maximum) const;
  Result<bool> Bool(std::string_view key) const;
  Result<std::string> String(std::string_view key) const;
  Result<JsonObject> Object(std::string_view key) const;
  Result<const json::array*> Array(std::string_view key) const;
  // The same with a default for an absent key or JSON null.
  Result<int64_t> IntOr(std::string_view key, int64_t other, int64_t minimum, int64_t maximum) const;
  Result<double> NumberOr(std::string_view key, double other, double minimum, double maximum) const;
  Result<bool> BoolOr(std::string_view key, bool other) const;
  Result<std::string> StringOr(std::string_view key, std::string_view other) const;

  const json::object& raw() const { return *object_; }
  const std::string& name() const { return name_; }
  // For messages about a key: `config.json: "hidden_size"`.
  std::string Where(std::string_view key) const;

 private:
  JsonObject(const json::object* object, std::string name) : object_(object), name_(std::move(name)) {}
  bool Absent(std::string_view key) const;
  Error Wrong(std::string_view key, std::string_view expected) const;
  const json::object* object_;
  std::string name_;
};

}  // namespace bantam
