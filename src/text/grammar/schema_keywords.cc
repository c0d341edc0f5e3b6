// What each keyword says, one after the other; what is not known here is refused.
#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_set>

#include "base/text_util.h"
#include "text/grammar/schema_formats.h"
#include "text/grammar/schema_reader.h"

namespace bantam::grammar {
namespace {

constexpr std::array<std::string_view, 19> kAnnotations{"title",           "description",
                                                        "default",         "examples",
                                                        "deprecated",      "readOnly",
                                                        "writeOnly",       "$comment",
                                                        "$schema",         "$defs",
                                                        "definitions",     "$anchor",
                                                        "$dynamicAnchor",  "$recursiveAnchor",
                                                        "contentEncoding", "contentMediaType",
                                                        "contentSchema",   "$vocabulary",
                                                        "example"};
constexpr std::array<std::string_view, 3> kReferences{"$ref", "$dynamicRef", "$recursiveRef"};

std::optional<uint8_t> TypeNamed(std::string_view name) {
  if (name == "null") return kNull;
  if (name == "boolean") return kBoolean;
  if (name == "integer") return kInteger;
  if (name == "number") return kNumber;
  if (name == "string") return kString;
  if (name == "array") return kArray;
  if (name == "object") return kObject;
  return std::nullopt;
}

template <typename T>
void Tighten(T& value, T other, bool upper) {
  value = upper ? std::min(value, other) : std::max(value, other);
}

}  // namespace

bool IsAnnotation(std::string_view keyword) {
  return std::ranges::find(kAnnotations, keyword) != kAnnotations.end() || keyword.starts_with("x-");
}

bool IsReference(std::string_view keyword) { return std::ranges::find(kReferences, keyword) != kReferences.end(); }

Status SchemaReader::ReadKeywords(const json::object& schema, const json::value& self, bool decided, Merged& out,
                                  SchemaList& open) {
  for (const auto& [key, value] : schema)
    BANTAM_RETURN_IF_ERROR(ReadKeyword(schema, self, key, value, decided, out, open));
  for (const std::string_view key : {"items", "prefixItems", "additionalItems"}) {
    if (!schema.contains(key)) continue;
    BANTAM_RETURN_IF_ERROR(ReadItems(schema, self, out));
    break;
  }
  for (const std::string_view key : {"properties", "patternProperties", "additionalProperties"}) {
    if (!schema.contains(key)) continue;
    BANTAM_RETURN_IF_ERROR(ReadProperties(schema, self, out));
    break;
  }
  return Ok();
}

Status SchemaReader::ReadKeyword(const json::object& schema, const json::value& self, std::string_view key,
                                 const json::value& value, bool decided, Merged& out, SchemaList& open) {
  const auto wrong = [&](std::string_view expected) {
    return Err(ErrorCode::kInvalidArgument, "{}: \"{}\" is {}, expected {}", Where(self), key,
               EscapeForTerminal(ToJson(value), 60), expected);
  };
  const size_t parts = value.is_array() ? value.get_array().size() : value.is_object() ? value.get_object().size() : 0;
  if (!budget_.Spend(80 + parts * 20)) return Budget::TooMuchWork();
  if (IsAnnotation(key)) return Ok();
  if (key == "$id" || key == "id") {
    if (&self == &document_ || !value.is_string()) return Ok();
    return Refuse(self, key, "within a schema changes what references mean, and is not followed");
  }
  if (key == "type") {
    uint8_t types = 0;
    std::vector<const json::value*> names{&value};
    if (const json::array* array = value.if_array()) {
      names.clear();
      for (const json::value& each : *array) names.push_back(&each);
    }
    for (const json::value* each : names) {
      const auto type = each->is_string() ? TypeNamed(each->get_string()) : std::nullopt;
      if (!type) return wrong("null, boolean, integer, number, string, array or object, or a list of them");
      types |= *type;
    }
    out.types &= types;
    out.typed = true;
    return Ok();
  }
  if (key == "enum" || key == "const") {
    std::vector<const json::value*> values{&value};
    if (key == "enum") {
      if (!value.is_array()) return wrong("an array");
      values.clear();
      for (const json::value& each : value.get_array()) values.push_back(&each);
    }
    if (out.values) {
      if (!budget_.Spend(values.size() * out.values->size())) return Budget::TooMuchWork();
      std::erase_if(values, [&](const json::value* each) {
        return std::ranges::none_of(*out.values, [&](const json::value* other) { return SameJson(*each, *other); });
      });
    }
    out.values = std::move(values);
    return Ok();
  }
  if (IsReference(key)) {
    BANTAM_TRY(const json::value* const target, Resolve(self, value.get_string()));  // a text: CheckEndless saw it
    open.push_back({target, decided});
    return Ok();
  }
  if (key == "allOf") {
    for (const json::value& each : value.get_array()) open.push_back({&each, decided});
    return Ok();
  }
  if (key == "anyOf" || key == "oneOf") {
    if (decided) return Ok();
    Alternatives alternatives{
        .cases = {}, .exclusive = key == "oneOf", .where = fmt::format("{}/{}", Where(self), key)};
    for (const json::value& each : value.get_array()) alternatives.cases.push_back({{&each}});
    out.alternatives.push_back(std::move(alternatives));
    return Ok();
  }
  if (key == "not") return open.push_back({&value, decided, true}), Ok();
  if (key == "if") {
    std::vector<SchemaList> cases{{{&value}}, {{&value, false, true}}};
    if (const json::value* then = schema.if_contains("then"); then != nullptr) cases[0].push_back({then});
    if (const json::value* otherwise = schema.if_contains("else"); otherwise != nullptr)
      cases[1].push_back({otherwise});
    if (cases[0].size() + cases[1].size() > 2)
      AddCases(std::move(cases), decided, fmt::format("{}/if", Where(self)), out, open);
    return Ok();
  }
  if (key == "then" || key == "else" || key == "minContains" || key == "maxContains")
    return Ok();  // told with "if" and "contains", and nothing without
  if (key == "dependentRequired" || key == "dependentSchemas" || key == "dependencies") {
    out.spoken_of |= kObject;
    return decided ? Ok() : ReadDependencies(self, key, value, out);
  }
  if (key == "minimum" || key == "maximum" || key == "exclusiveMinimum" || key == "exclusiveMaximum" ||
      key == "multipleOf") {
    out.spoken_of |= kNumber;
    return ReadNumberKeyword(schema, self, key, value, out);
  }
  if (key == "minLength" || key == "maxLength") {
    out.spoken_of |= kString;
    BANTAM_TRY(const uint64_t count, Count(self, key, value));
    key == "minLength" ? Tighten(out.strings.min_length, count, false) : Tighten(out.strings.max_length, count, true);
    return Ok();
  }
  if (key == "pattern") {
    out.spoken_of |= kString;
    if (!value.is_string()) return wrong("a text");
    out.strings.patterns.emplace_back(std::string(value.get_string()), fmt::format("{}/pattern", Where(self)));
    return Ok();
  }
  if (key == "format") {
    if (!value.is_string()) return wrong("a text");
    if (AddNumberFormat(value.get_string(), out.numbers)) return out.spoken_of |= kNumber, Ok();
    out.spoken_of |= kString;
    if (!PatternOfFormat(value.get_string())) {
      return Refuse(
          self, key,
          fmt::format("{} cannot be enforced: known are {}", EscapeForTerminal(ToJson(value), 60), KnownFormats()));
    }
    out.strings.formats.emplace_back(value.get_string());
    return Ok();
  }
  if (key == "items" || key == "prefixItems" || key == "additionalItems") return out.spoken_of |= kArray, Ok();
  if (key == "contains") {
    out.spoken_of |= kArray;
    PutAt(value, self, "/contains");
    ContainsPart part{.schema = &value};
    if (const json::value* least = schema.if_contains("minContains"); least != nullptr) {
      BANTAM_TRY(part.least, Count(self, "minContains", *least));
    }
    if (const json::value* most = schema.if_contains("maxContains"); most != nullptr) {
      BANTAM_TRY(part.most, Count(self, "maxContains", *most));
    }
    if (part.least > 0 || part.most != UINT64_MAX) out.contains.push_back(part);
    return Ok();
  }
  if (key == "unevaluatedItems" || key == "unevaluatedProperties") {  // told when all that holds is known
    if (!value.is_bool() || !value.get_bool()) out.spoken_of |= key == "unevaluatedItems" ? kArray : kObject;
    return Ok();
  }
  if (key == "minItems" || key == "maxItems") {
    out.spoken_of |= kArray;
    BANTAM_TRY(const uint64_t count, Count(self, key, value));
    key == "minItems" ? Tighten(out.min_items, count, false) : Tighten(out.max_items, count, true);
    return Ok();
  }
  if (key == "uniqueItems") {
    if (!value.is_bool()) return wrong("true or false");
    if (value.get_bool()) out.spoken_of |= kArray, out.unique_items = Where(self);
    return Ok();
  }
  if (key == "properties" || key == "patternProperties" || key == "additionalProperties")
    return out.spoken_of |= kObject, Ok();
  if (key == "propertyNames") {
    out.spoken_of |= kObject;
    PutAt(value, self, "/propertyNames");
    out.names.push_back(&value);
    return Ok();
  }
  if (key == "required") {
    out.spoken_of |= kObject;
    if (value.is_bool()) return Refuse(self, key, "is a list of names since draft-04");
    if (!value.is_array()) return wrong("a list of names");
    std::unordered_set<std::string_view> there(out.required.begin(), out.required.end());
    for (const json::value& each : value.get_array()) {
      if (!each.is_string()) return wrong("a list of names");
      const std::string_view name = each.get_string();
      if (there.insert(name).second) out.required.push_back(name);
    }
    return Ok();
  }
  if (key == "minProperties" || key == "maxProperties") {
    out.spoken_of |= kObject;
    BANTAM_TRY(const uint64_t count, Count(self, key, value));
    if (key == "minProperties") {
      Tighten(out.min_properties, count, false);
      out.min_properties_where = Where(self);
    } else {
      Tighten(out.max_properties, count, true);
    }
    return Ok();
  }
  return Refuse(self, key, "is not a keyword that is known: it would not be enforced");
}

Status SchemaReader::ReadNumberKeyword(const json::object& schema, const json::value& self, std::string_view key,
                                       const json::value& value, Merged& out) {
  const bool is_maximum = key == "maximum" || key == "exclusiveMaximum";
  const bool exclusive = key.starts_with("exclusive");
  if (exclusive && value.is_bool()) return Ok();  // draft-04: told with the bound itself
  const std::optional<Decimal> number = Decimal::From(value);
  if (!number)
    return Refuse(self, key,
                  fmt::format("is {}, expected a number of at most 60 digits", EscapeForTerminal(ToJson(value), 60)));
  if (key == "multipleOf") {
    constexpr uint32_t kMost = 10'000;
    uint64_t of = 0;
    const bool whole =
        number->fraction.empty() && !number->negative &&
        std::from_chars(number->whole.data(), number->whole.data() + number->whole.size(), of).ec == std::errc();
    if (!whole || of == 0 || of > kMost)
      return Refuse(self, key,
                    fmt::format("is {}: only whole numbers from 1 to {} can be enforced",
                                EscapeForTerminal(ToJson(value), 60), kMost));
    out.numbers.multiples.push_back(static_cast<uint32_t>(of));
    return Ok();
  }
  bool strict = exclusive;
  if (!exclusive) {
    const json::value* old = schema.if_contains(is_maximum ? "exclusiveMaximum" : "exclusiveMinimum");
    strict = old != nullptr && old->is_bool() && old->get_bool();
  }
  out.numbers.bounds.push_back({*number, strict, is_maximum});
  return Ok();
}

Status SchemaReader::ReadItems(const json::object& schema, const json::value& self, Merged& out) {
  ItemsPart part;
  const json::value* items = schema.if_contains("items");
  const json::value* prefix = schema.if_contains("prefixItems");
  std::string_view rest_key = "items";
  if (items != nullptr && items->is_array()) {  // before 2020-12
    if (prefix != nullptr) return Refuse(self, "items", "is an array beside \"prefixItems\"");
    prefix = items;
    items = schema.if_contains("additionalItems");
    rest_key = "additionalItems";
    BANTAM_TRY(const json::array* const array, ArrayOf(self, "items", *prefix));
    for (const json::value& each : *array) part.prefix.push_back(&each);
  } else if (prefix != nullptr) {
    BANTAM_TRY(const json::array* const array, ArrayOf(self, "prefixItems", *prefix));
    for (const json::value& each : *array) part.prefix.push_back(&each);
  }
  if (items != nullptr) {
    PutAt(*items, self, fmt::format("/{}", rest_key));
    part.rest = items;
  }
  out.items.push_back(std::move(part));
  return Ok();
}

Status SchemaReader::ReadProperties(const json::object& schema, const json::value& self, Merged& out) {
  PropertiesPart part;
  for (const std::string_view key : {"properties", "patternProperties"}) {
    const json::value* value = schema.if_contains(key);
    if (value == nullptr) continue;
    BANTAM_TRY((key == "properties" ? part.named : part.patterns), ObjectOf(self, key, *value));
  }
  if (const json::value* additional = schema.if_contains("additionalProperties")) {
    PutAt(*additional, self, "/additionalProperties");
    part.additional = additional;
  }
  out.properties.push_back(std::move(part));
  return Ok();
}

// "With a, also b" is "without a, or an object with a and b".
Status SchemaReader::ReadDependencies(const json::value& self, std::string_view key, const json::value& value,
                                      Merged& out) {
  BANTAM_TRY(const json::object* const members, ObjectOf(self, key, value));
  for (const auto& [name, each] : *members) {
    json::object with{{"type", "object"}, {"required", json::array{json::string(name)}}};
    SchemaList present;
    if (each.is_array()) {
      json::array names{json::string(name)};
      for (const json::value& other : each.get_array()) names.push_back(other);
      with["required"] = std::move(names);
    } else {
      present.push_back({&each});
    }
    const json::value& without = Make(json::object{{"properties", json::object{{name, false}}}}, self);
    json::value made = std::move(with);
    const json::value& first = Make(std::move(made), self);
    present.push_back({&first});
    out.alternatives.push_back({.cases = {{{&without}}, std::move(present)},
                                .exclusive = false,
                                .where = fmt::format("{}/{}", Where(self), key)});
  }
  return Ok();
}

}  // namespace bantam::grammar
